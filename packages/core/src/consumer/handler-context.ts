/** What a handler is given besides the event, and what it emitted with it. */
import type { Emit } from "@sluice/lua-scripts";
import { type Composed, type ComposeSettings, compose, MAX_TOGETHER_CHARS } from "../compose.js";
import { lineageOf } from "../context.js";
import { InvalidOptionError } from "../errors.js";
import type { EmitOptions, SluiceEvent } from "../event.js";
import { emitKey } from "../fingerprint.js";
import type { HandlerContext } from "../handler.js";
import { type Logger, withFields } from "../logger.js";
import { aboutAttempt, type LeasedAttempt } from "./leased-attempt.js";

/** Most events that one handled event may emit. */
const MAX_EMITS = 1_000;

/** What a handler is given besides the event; collects what it emits. */
export class AttemptContext implements HandlerContext {
  declare readonly tenantId?: string;
  readonly attempt: number;
  readonly idempotencyKey: string;
  /** Made with the first one: most handlers emit nothing. */
  private composed: (Composed | Promise<Composed>)[] | undefined;
  private lines: Logger | undefined;
  private boundEmit: HandlerContext["emit"] | undefined;
  private ended = false;
  private chars = 0;

  constructor(
    private readonly settings: ComposeSettings,
    private readonly leased: LeasedAttempt,
    private readonly event: SluiceEvent,
    private readonly handlerName: string,
  ) {
    const { tenantId } = leased.inFlight.scope;
    if (tenantId !== undefined) this.tenantId = tenantId;
    this.attempt = leased.number;
    this.idempotencyKey = event.idempotencyKey;
  }

  get signal(): AbortSignal {
    return this.leased.signal;
  }

  get logger(): Logger {
    this.lines ??= withFields(this.leased.inFlight.scope.logger, {
      handler: this.handlerName,
      ...aboutAttempt(this.leased),
    });
    return this.lines;
  }

  /** Bound, so that handlers may take it out of their context. */
  get emit(): HandlerContext["emit"] {
    this.boundEmit ??= this.emitOne.bind(this);
    return this.boundEmit;
  }

  private emitOne(type: string, data: unknown, options?: EmitOptions): void {
    if (this.ended || this.leased.over) {
      throw new InvalidOptionError({
        option: "emit",
        value: type,
        wanted: "a call before the handler returns, and before its attempt is given up",
      });
    }
    if (this.composed?.length === MAX_EMITS) {
      throw new InvalidOptionError({
        option: "emit",
        value: type,
        wanted: `at most ${MAX_EMITS} events of one handler`,
      });
    }
    const related = { ...lineageOf(this.event), ...options };
    const composing = compose(this.settings, this.tenantId, type, data, related);
    const composed =
      composing instanceof Promise ? composing.then((made) => this.count(made)) : this.count(composing);
    // Awaited when the handler has ended; a rejection before that is not unhandled.
    if (composed instanceof Promise) composed.catch(() => {});
    this.composed ??= [];
    this.composed.push(composed);
  }

  /** All of it travels in one command. */
  private count(composed: Composed): Composed {
    this.chars += composed.chars;
    if (this.chars > MAX_TOGETHER_CHARS) {
      throw new InvalidOptionError({
        option: "emit",
        value: this.chars,
        wanted: `at most ${MAX_TOGETHER_CHARS} characters of data in the events of one handler`,
      });
    }
    return composed;
  }

  /** What the handler has emitted, which emits no more: undefined for nothing. */
  end(): Promise<readonly Emit[]> | undefined {
    this.ended = true;
    return this.composed && this.emitted(this.composed);
  }

  /** What the handler emitted, ready to be settled: under keys that each attempt makes the same. */
  private emitted(emitted: readonly (Composed | Promise<Composed>)[]): Promise<readonly Emit[]> {
    const { entry, inFlight } = this.leased;
    // As it is stored: events of two types under one key emit different events.
    const handled = entry.key || this.idempotencyKey;
    const emits = emitted.map(async (promised, n): Promise<Emit> => {
      const composed = await promised;
      const key = composed.namedKey ?? (await emitKey(handled, inFlight.scope.group, n));
      const fingerprint = composed.namedKey === undefined ? "" : composed.fingerprint();
      return { key, event: composed.document(key), fingerprint };
    });
    return Promise.all(emits);
  }
}
