/**
 * How a worker hears of work: by bells, or, where none ring, by looking at all tenants each second. Which of the two it is,
 * and why, is said once in the log, and in `health()`.
 */
import type { BellListener, Bells, Polled, Slots } from "../bells.js";
import type { Connection } from "../connection.js";
import type { Logger } from "../logger.js";
import { clearTimeout, performance, setTimeout } from "../timing.js";

/** How often tenants are looked at for which no bell rings, in milliseconds. */
const POLL_MS = 1_000;
/** So many rings missed within this time, in milliseconds, and bells are not relied on for as long. */
const MISSED = 3;
const MISSED_WITHIN_MS = 600_000;

export interface ListeningParts {
  readonly connection: Connection;
  readonly deadlineMs: number;
  readonly logger: Logger;
  readonly listener: BellListener;
  /** Looks at all tenants of these slots. */
  readonly lookAtAll: (slots: Slots) => void;
}

export class Listening {
  private bells: Bells | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private toldOf: string | undefined;
  private missedAt: number[] = [];
  private distrustedUntil = 0;

  constructor(private readonly parts: ListeningParts) {}

  /** Resolves when bells ring, or are known not to. */
  async start(): Promise<void> {
    const { connection, listener, deadlineMs } = this.parts;
    this.bells = connection.bells(listener);
    await this.bells.settled(deadlineMs);
    this.poll();
  }

  /** Whether all bells ring. */
  get isOn(): boolean {
    return this.bells !== undefined && this.state === undefined;
  }

  /** Why tenants are polled; undefined while all bells ring. */
  get polled(): string | undefined {
    return this.state?.reason;
  }

  private get state(): Polled | undefined {
    if (performance.now() < this.distrustedUntil) {
      return { slots: "all", reason: `${MISSED} bells did not ring in time`, refused: false };
    }
    return this.bells?.polled();
  }

  private poll(): void {
    const { state } = this;
    this.tell(state);
    if (state !== undefined) this.parts.lookAtAll(state.slots);
    this.timer = setTimeout(() => this.poll(), POLL_MS);
  }

  /** An outage is told by the connection. */
  private tell(state: Polled | undefined): void {
    const { logger } = this.parts;
    const isOutage = state !== undefined && !state.refused && performance.now() >= this.distrustedUntil;
    if (isOutage || state?.reason === this.toldOf) return;
    if (state !== undefined) {
      logger.warn("no bell rings: tenants are looked at each second", { reason: state.reason });
    } else logger.info("bells ring again: tenants are looked at when they have work");
    this.toldOf = state?.reason;
  }

  /** An entry was found late although its bell was armed: something between here and the server may lose rings. */
  missed(): void {
    const now = performance.now();
    this.missedAt = [...this.missedAt.filter((at) => now - at < MISSED_WITHIN_MS), now];
    if (this.missedAt.length < MISSED) return;
    this.missedAt = [];
    this.distrustedUntil = now + MISSED_WITHIN_MS;
  }

  async close(): Promise<void> {
    clearTimeout(this.timer);
    await this.bells?.close();
  }
}
