/**
 * The record of what this process may have begun: what it has not begun costs nobody an attempt when the process dies.
 *
 * To write it for each reply would cost a twelfth of an event at concurrency 64. So it runs ahead: it counts calls as
 * begun before they are made, many at a time, and names those whose reply is late or lost. A late reply is taken out of
 * it again before its handlers begin; that is written and not awaited, since the socket takes it in the same tick, and so
 * the server has it even if a handler kills the process a microsecond later. Which calls lease, and when their replies
 * come, is its caller's to say.
 */
import { begunField, begunValue, type GroupKeys, type Member, nonceOf } from "@sluice/lua-scripts";
import type { Connection, Request } from "../connection.js";
import { SluiceError } from "../errors.js";
import { clearTimeout, performance, setTimeout } from "../timing.js";

export interface BegunParts {
  readonly connection: Pick<Connection, "send">;
  readonly keys: GroupKeys;
  readonly deadlineMs: number;
}

/** Calls that one record counts as begun ahead of them. */
const AHEAD = 64;

/**
 * From when on a reply is late, in milliseconds. If the process dies before that and before the reply has come, what the
 * call leased counts as begun.
 */
const LATE_MS = 20;

const NEW: BegunState = { calls: 0, high: 0 };
const NOTHING_NAMED = { suspect: "" };

/** A call whose reply has not come, or whose entries are not begun. */
interface Unheard {
  readonly nonce: string;
  /** Which call of the process it is, from 1. */
  readonly n: number;
  /** By performance.now(): when its reply is late. */
  readonly lateAt: number;
  /** Its reply is known to be lost. */
  isLost: boolean;
  /** It stands in the record. */
  isNamed: boolean;
}

/** Where the record of a group goes on that this process has served before. */
export interface BegunState {
  readonly calls: number;
  readonly high: number;
}

export class BegunRecord {
  private calls: number;
  private high: number;
  /** In the order made; mostly one or two. A list, and no map: see `in-flight.ts`. */
  private readonly unheard: Unheard[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  private removed = false;
  /** What the record says, as far as the server has told. */
  private written: { readonly suspect: string } | undefined;

  constructor(
    private readonly parts: BegunParts,
    private readonly member: Member,
    /** What the record says of suspects at this moment. */
    private readonly suspect: () => string,
    /** What {@link state} was; as new unless given. */
    { calls, high }: BegunState = NEW,
  ) {
    this.calls = calls;
    this.high = high;
    if (high > 0) this.written = NOTHING_NAMED;
  }

  /** By what it goes on later; undefined while it names calls or a suspect, and while one of its calls is under way. */
  get state(): BegunState | undefined {
    const { calls, high } = this;
    return this.unheard.length === 0 && (high === 0 || this.written?.suspect === "")
      ? { calls, high }
      : undefined;
  }

  /**
   * The nonce of a call that may lease; until `heard`, what it leases is not begun.
   *
   * @param options.waitMs - how long the call may wait on the server for something to lease, in milliseconds; 0 unless
   *   given.
   * @param options.isNamed - do not wait until its reply is late: it is a rare call, of what a process has left behind.
   */
  nonce({ waitMs = 0, isNamed = false } = {}): string {
    this.calls += 1;
    const n = this.calls;
    const nonce = nonceOf(this.member.incarnation, n);
    this.unheard.push({ nonce, n, lateAt: performance.now() + waitMs + LATE_MS, isLost: false, isNamed });
    const isAhead = this.calls <= this.high;
    if (!isAhead) this.high = this.calls + AHEAD;
    if (isNamed || !isAhead) {
      this.written = undefined;
      void this.write();
    }
    if (!isNamed) this.timer ??= setTimeout(this.nameLate, waitMs + LATE_MS);
    return nonce;
  }

  /** The call with this nonce has leased nothing that will not be begun here, or has not run. */
  heard(nonce: string): void {
    const at = this.unheard.findIndex((call) => call.nonce === nonce);
    if (this.unheard[at]?.isNamed) this.written = undefined;
    if (at === 0) this.unheard.shift();
    else if (at > 0) this.unheard.splice(at, 1);
  }

  /** The reply to the call with this nonce was lost, or what it leased will not be begun. */
  lost(nonce: string): void {
    const call = this.unheard.find((one) => one.nonce === nonce);
    if (call !== undefined) {
      call.isLost = true;
      call.isNamed = true;
    }
    this.written = undefined;
    void this.write();
  }

  /** The greatest number of a call so far. */
  get latest(): number {
    return this.calls;
  }

  /** Recovery has found what calls up to this number have leased and whose replies were lost. */
  recovered(upTo: number): void {
    const left = this.unheard.filter(({ isLost, n }) => !isLost || n > upTo);
    this.unheard.splice(0, this.unheard.length, ...left);
  }

  private readonly nameLate = (): void => {
    const now = performance.now();
    let nextAt = Number.POSITIVE_INFINITY;
    for (const call of this.unheard) {
      if (call.isNamed) continue;
      if (call.lateAt > now) {
        nextAt = Math.min(nextAt, call.lateAt);
      } else {
        call.isNamed = true;
        this.written = undefined;
      }
    }
    this.timer = nextAt === Number.POSITIVE_INFINITY ? undefined : setTimeout(this.nameLate, nextAt - now);
    void this.write();
  };

  /** Writes the record if it says something new. Resolves when the server has it, or has not; never rejects. */
  async write(): Promise<void> {
    const suspect = this.suspect();
    if (this.high === 0 || this.removed || this.written?.suspect === suspect) return;
    const written = { suspect };
    this.written = written;
    const value = begunValue({ high: this.high, unheard: this.named(), suspect });
    const [reply] = await this.send("HSET", value);
    if (reply instanceof SluiceError && this.written === written) this.written = undefined;
  }

  private *named(): Iterable<number> {
    for (const { n, isNamed } of this.unheard) if (isNamed) yield n;
  }

  /** The server may have lost the record. */
  doubt(): void {
    this.written = undefined;
  }

  /** Nothing is in hand any more: takes the record away. */
  async remove(): Promise<void> {
    this.stop();
    if (this.high > 0) await this.send("HDEL");
  }

  /** Writes no more. */
  stop(): void {
    this.removed = true;
    clearTimeout(this.timer);
  }

  private send(name: "HSET" | "HDEL", ...value: string[]): Promise<readonly unknown[]> {
    const args = [this.parts.keys.state, begunField(this.member), ...value];
    const request: Request = { kind: "command", name, args };
    return this.parts.connection.send([request], { deadlineMs: this.parts.deadlineMs });
  }
}
