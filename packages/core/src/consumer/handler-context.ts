/** What a handler is given besides the event, and what it emitted with it. */
import type { Emit } from "@sluice/lua-scripts";
import { type Composed, type ComposeSettings, compose, MAX_TOGETHER_CHARS } from "../compose.js";
import { lineageOf, storyOf } from "../context.js";
import { InvalidOptionError } from "../errors.js";
import type { EmitOptions, SluiceEvent } from "../event.js";
import { emitKey } from "../fingerprint.js";
import type { HandlerContext } from "../handler.js";
import { type Logger, withFields } from "../logger.js";
import { type Attempt, aboutAttempt } from "./entry.js";

/** Most events that one handled event may emit. */
const MAX_EMITS = 1_000;

/** What all attempts of a consumer have in common. */
export interface AttemptParts {
  readonly compose: ComposeSettings;
  readonly tenantId: string | undefined;
  readonly logger: Logger;
}

/** What a handler is given besides the event; collects what it emits. */
export class AttemptContext implements HandlerContext {
  declare readonly tenantId?: string;
  readonly attempt: number;
  readonly idempotencyKey: string;
  private readonly composed: (Composed | Promise<Composed>)[] = [];
  private lines: Logger | undefined;
  private boundEmit: HandlerContext["emit"] | undefined;
  private ended = false;
  private chars = 0;

  constructor(
    private readonly parts: AttemptParts,
    private readonly leased: Attempt,
    private readonly event: SluiceEvent,
    private readonly handlerName: string,
  ) {
    if (parts.tenantId !== undefined) this.tenantId = parts.tenantId;
    this.attempt = leased.number;
    this.idempotencyKey = event.idempotencyKey;
  }

  get signal(): AbortSignal {
    return this.leased.signal;
  }

  get logger(): Logger {
    this.lines ??= withFields(this.parts.logger, {
      handler: this.handlerName,
      ...aboutAttempt(this.leased, this.event.type, storyOf(this.event)),
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
    if (this.composed.length === MAX_EMITS) {
      throw new InvalidOptionError({
        option: "emit",
        value: type,
        wanted: `at most ${MAX_EMITS} events of one handler`,
      });
    }
    const related = { ...lineageOf(this.event), ...options };
    const composing = compose(this.parts.compose, this.parts.tenantId, type, data, related);
    const composed =
      composing instanceof Promise ? composing.then((made) => this.count(made)) : this.count(composing);
    // Awaited when the handler has ended; a rejection before that is not unhandled.
    if (composed instanceof Promise) composed.catch(() => {});
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
  end(group: string): Promise<readonly Emit[]> | undefined {
    this.ended = true;
    return this.composed.length === 0 ? undefined : this.emitted(group);
  }

  /** What the handler emitted, ready to be settled: under keys that each attempt makes the same. */
  private emitted(group: string): Promise<readonly Emit[]> {
    // As it is stored: events of two types under one key emit different events.
    const handled = this.leased.entry.key || this.idempotencyKey;
    const emits = this.composed.map(async (promised, n): Promise<Emit> => {
      const composed = await promised;
      const key = composed.namedKey ?? (await emitKey(handled, group, n));
      const fingerprint = composed.namedKey === undefined ? "" : composed.fingerprint();
      return { key, event: composed.document(key), fingerprint };
    });
    return Promise.all(emits);
  }
}
