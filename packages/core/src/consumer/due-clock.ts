/** When waiting entries of a group are to be looked at next, by what replies tell. */
import { performance } from "../timing.js";

/** Waiting entries are looked at this often at least, in milliseconds: no reply tells of what others handed back. */
const POLL_MS = 500;

/** When to look at waiting entries next; told by replies. */
export interface Due {
  /** Whether to look now. */
  readonly isDue: boolean;
  /** A reply tells when the next waiting entry is due; undefined if none waits. */
  tell(nextDueInMs: number | undefined): void;
  /** A recovery has looked at them; `more` are due. */
  looked(nextDueInMs: number | undefined, more: boolean): void;
}

export class DueClock implements Due {
  /** By performance.now(): when the next waiting entry is due, as far as is known. */
  private dueAt = 0;
  /** By performance.now(): when to look in any case. */
  private lookAt = 0;

  get isDue(): boolean {
    return performance.now() >= this.dueAt;
  }

  /** Milliseconds until it is time to look. */
  get inMs(): number {
    return Math.max(0, Math.ceil(this.dueAt - performance.now()));
  }

  tell(nextDueInMs: number | undefined): void {
    const dueAt = nextDueInMs === undefined ? this.lookAt : performance.now() + nextDueInMs;
    this.dueAt = Math.min(dueAt, this.lookAt);
  }

  looked(nextDueInMs: number | undefined, more: boolean): void {
    this.lookAt = performance.now() + POLL_MS;
    this.tell(nextDueInMs);
    if (more) this.now();
  }

  /** Something may be due now. */
  now(): void {
    this.dueAt = 0;
  }
}
