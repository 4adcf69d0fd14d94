/** The handlers of a consumer: checked, found by type, and known to be whose they are while they run. */
import type { EventCatalog } from "../catalog.js";
import { kindOf } from "../errors/describe.js";
import { InvalidOptionError } from "../errors.js";
import type { SluiceEvent } from "../event.js";
import { catchRejection, isThenable } from "../guard.js";
import { checkHandlers, type UntypedEventHandler } from "../handler.js";
import { Handling } from "./inside.js";

export class Handlers {
  readonly byType: ReadonlyMap<string, UntypedEventHandler>;
  /** What is called by a handler is known as that. */
  readonly handling: Handling;

  /**
   * @param isTenantBound - events are handled in the context of a tenant.
   * @throws {InvalidOptionError | UnknownEventTypeError} as checkHandlers does
   */
  constructor(handlers: readonly UntypedEventHandler[], catalog: EventCatalog, isTenantBound: boolean) {
    this.byType = checkHandlers(handlers, catalog);
    this.handling = new Handling(isTenantBound);
  }

  /** The event types that they declare. */
  get types(): readonly string[] {
    return [...this.byType.keys()];
  }

  /** Whether the handler of an event's type takes this one. */
  takes(handler: UntypedEventHandler, event: SluiceEvent): boolean {
    if (handler.canHandle === undefined) return true;
    const answer: unknown = handler.canHandle(event);
    // A promise would count as yes to everything.
    if (typeof answer !== "boolean") {
      catchRejection(answer, () => {});
      throw new InvalidOptionError({
        option: `canHandle of handler '${handler.name}'`,
        value: answer,
        shown: isThenable(answer) ? "a promise" : kindOf(answer),
        wanted: "true or false",
      });
    }
    return answer;
  }
}
