/**
 * The record of what this process may have begun: what it has not begun costs nobody an attempt when the process dies.
 *
 * It is written before the handlers of a reply begin and not awaited. The socket takes it in the same tick, so the
 * server has it even if a handler kills the process a microsecond later. Which calls lease, and when their replies come,
 * is the loop's to say.
 */
import { begunField, begunValue, type GroupKeys, type Member, nonceOf } from "@sluice/lua-scripts";
import type { Connection, Request } from "../connection.js";
import { SluiceError } from "../errors.js";

export interface BegunParts {
  readonly connection: Connection;
  readonly keys: GroupKeys;
  readonly deadlineMs: number;
}

export class BegunRecord {
  private calls = 0;
  private high = 0;
  /** Numbers of calls whose reply has not come, or whose entries are not begun; and whether it is known to be lost. */
  private readonly unheard = new Map<number, boolean>();
  /** What the record says, as far as the server has told. */
  private written = "";

  constructor(
    private readonly parts: BegunParts,
    private readonly member: Member,
    /** What the record says of suspects at this moment. */
    private readonly suspect: () => string,
  ) {}

  /** The nonce of a call that may lease; until `heard`, what it leases is not begun. */
  nonce(): string {
    this.calls += 1;
    this.unheard.set(this.calls, false);
    return nonceOf(this.member.incarnation, this.calls);
  }

  /** The call with this nonce has leased nothing that will not be begun here, or has not run. */
  heard(nonce: string): void {
    const n = numberIn(nonce);
    this.unheard.delete(n);
    if (n > this.high) this.high = n;
  }

  /** The reply to the call with this nonce was lost, or what it leased will not be begun. */
  lost(nonce: string): void {
    this.unheard.set(numberIn(nonce), true);
  }

  /** The greatest number of a call so far. */
  get latest(): number {
    return this.calls;
  }

  /** What calls up to this number have leased and whose replies were lost was taken back. */
  tookBack(upTo: number): void {
    for (const [n, isLost] of this.unheard) if (isLost && n <= upTo) this.unheard.delete(n);
  }

  /** Writes the record if it says something new. Resolves when the server has it, or has not; never rejects. */
  async write(): Promise<void> {
    if (this.high === 0) return;
    const value = begunValue({ high: this.high, unheard: this.unheard.keys(), suspect: this.suspect() });
    if (value === this.written) return;
    this.written = value;
    const [reply] = await this.send("HSET", value);
    if (reply instanceof SluiceError && this.written === value) this.written = "";
  }

  /** The server may have lost the record. */
  doubt(): void {
    this.written = "";
  }

  /** Nothing is in hand any more: takes the record away. */
  async remove(): Promise<void> {
    if (this.high === 0) return;
    this.high = 0;
    await this.send("HDEL");
  }

  private send(name: "HSET" | "HDEL", ...value: string[]): Promise<readonly unknown[]> {
    const args = [this.parts.keys.state, begunField(this.member), ...value];
    const request: Request = { kind: "command", name, args };
    return this.parts.connection.send([request], { deadlineMs: this.parts.deadlineMs });
  }
}

function numberIn(nonce: string): number {
  return Number(nonce.slice(nonce.lastIndexOf("_") + 1));
}
