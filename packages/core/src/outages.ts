/**
 * Tells of outages once for the process: one warning when something stops to work, whatever the number of connections
 * and consumers that notice, and one line when all of it works again.
 *
 * Buses that log to the same logger share one: what their warnings say is the same outage. The table of them hangs on
 * `globalThis`, as the tenant's storage does (`context.ts`), so that an ESM and a CJS copy share it too. The number in
 * its name is that of its shape.
 */

import { isUnreachable } from "./connection.js";
import { warningsOnConsole } from "./console.js";
import { ServerError, SluiceError } from "./errors.js";
import { type Logger, toLogger } from "./logger.js";
import { clearTimeout, performance, setTimeout } from "./timing.js";

const TABLE = Symbol.for("sluice.outages/1");

/** What begins or ends within this time, in milliseconds, is one outage: connections break one after the other. */
const TOGETHER_MS = 200;
/** Consumers, and servers, that one line names. */
const MAX_NAMED = 10;

/** What a line says of whatever noticed. */
export interface Noticed {
  readonly error: unknown;
  /** The server: host and port. */
  readonly target?: string;
  /** A consumer's tenant, stream and group. */
  readonly consumer?: string;
}

/** Calls of a consumer that fail although Redis is reached, by what it answers, or Redis that is not reached. */
export type OutageKind = "unreachable" | `failing:${string}`;

export interface Outages {
  /** `source`, a connection or a consumer, cannot work. To say so again while it lasts changes nothing. */
  begin(kind: OutageKind, source: object, noticed: Noticed): void;
  /** It works again, or, without `works`, is closed. */
  end(source: object, works: boolean): void;
}

/** The outages that are told to a logger, as users pass it; to the console without one. */
export function outagesOf(logger: Logger | undefined): Outages {
  const key = logger ?? warningsOnConsole;
  const table = outageTable();
  const found = table.get(key);
  if (found !== undefined) return found;
  const made = new LoggedOutages(toLogger(key));
  table.set(key, made);
  return made;
}

function outageTable(): WeakMap<object, Outages> {
  const found: unknown = Reflect.get(globalThis, TABLE);
  // The symbol is ours, and only this function puts a value there.
  if (found !== undefined) return found as WeakMap<object, Outages>;
  const made = new WeakMap<object, Outages>();
  Object.defineProperty(globalThis, TABLE, { value: made });
  return made;
}

class LoggedOutages implements Outages {
  private readonly open = new Map<OutageKind, Outage>();

  constructor(private readonly logger: Logger) {}

  begin(kind: OutageKind, source: object, noticed: Noticed): void {
    // What a server answers while it goes or comes is of the same outage.
    let outage = this.open.get("unreachable") ?? this.open.get(kind);
    if (outage === undefined) {
      outage = new Outage(kind, this.logger, () => this.open.delete(kind));
      this.open.set(kind, outage);
    }
    outage.begin(source, noticed);
  }

  end(source: object, works: boolean): void {
    for (const outage of this.open.values()) outage.end(source, works);
  }
}

class Outage {
  private readonly since = performance.now();
  private readonly down = new Set<object>();
  private readonly targets = new Set<string>();
  private readonly consumers = new Set<string>();
  private error: unknown;
  private worksSince: number | undefined;
  private isTold = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly kind: OutageKind,
    private readonly logger: Logger,
    private readonly over: () => void,
  ) {
    this.later();
  }

  begin(source: object, { error, target, consumer }: Noticed): void {
    this.down.add(source);
    this.error ??= error;
    if (target !== undefined) this.targets.add(target);
    if (consumer !== undefined) this.consumers.add(consumer);
  }

  end(source: object, works: boolean): void {
    if (!this.down.delete(source)) return;
    if (works) this.worksSince = performance.now();
    if (this.down.size === 0) this.later();
  }

  /** Once all that belongs to what has just happened is there. */
  private later(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.tell(), TOGETHER_MS);
  }

  private tell(): void {
    const isOver = this.down.size === 0;
    // Whatever noticed is closed: nobody is left to be told that it works.
    const isClosed = isOver && this.worksSince === undefined;
    if (!this.isTold && !isClosed) {
      this.isTold = true;
      this.logger.warn(
        this.kind === "unreachable"
          ? "Redis is unreachable; connections and consumers try again until it is back"
          : "calls of consumers fail; they are made again until they succeed",
        { ...this.fields(), err: this.error },
      );
    }
    if (!isOver) return;
    this.over();
    if (isClosed) return;
    this.logger.info(
      this.kind === "unreachable" ? "Redis is reachable again" : "calls of consumers succeed again",
      { ...this.fields(), durationMs: Math.round((this.worksSince ?? this.since) - this.since) },
    );
  }

  private fields(): object {
    return {
      ...(this.targets.size > 0 && { targets: named(this.targets) }),
      ...(this.consumers.size > 0 && { consumers: named(this.consumers) }),
    };
  }
}

function named(all: ReadonlySet<string>): string[] {
  const names = [...all].slice(0, MAX_NAMED);
  return all.size > names.length ? [...names, `and ${all.size - names.length} more`] : names;
}

/** What kind of outage a call that failed tells of. */
export function outageKindOf(error: unknown): OutageKind {
  if (isUnreachable(error)) return "unreachable";
  if (error instanceof ServerError) return `failing:${error.prefix}`;
  return `failing:${error instanceof SluiceError ? error.code : "ERROR"}`;
}
