/**
 * What a consumer sends while it has enough to do: round trips and reads, counted as they are written, between a fifth
 * and four fifths of its events. How it starts and ends is left out. A batch is what one XREADGROUP asks for.
 */

import type { Outcome } from "../../contender.js";
import { RoundTrips } from "../../process/round-trips.js";
import { onWrite } from "../../process/writes.js";

const FROM = 0.2;
const TO = 0.8;
/** As commands go over the wire. */
const READ = /\$10\r\nxreadgroup\r\n/gi;

/** Counts in the process that makes it. One is enough. */
export class SteadyState {
  private readonly roundTrips = new RoundTrips();
  private reads = 0;
  private from = 0;
  private to = 0;
  private handledEvents = 0;
  private counted: { readonly roundTrips: number; readonly reads: number } | undefined;

  constructor() {
    this.roundTrips.watch();
    onWrite((_, data) => {
      this.reads += String(data).match(READ)?.length ?? 0;
    });
  }

  begin(events: number): void {
    [this.from, this.to] = [Math.round(events * FROM), Math.round(events * TO)];
    this.handledEvents = 0;
    this.counted = undefined;
  }

  handled(): void {
    this.handledEvents += 1;
    if (this.handledEvents === this.from) this.take();
    else if (this.handledEvents === this.to) this.counted = this.take();
  }

  figures(): NonNullable<Outcome["figures"]> {
    if (this.counted === undefined) throw new Error(`${this.handledEvents} events handled: too few to count`);
    const { roundTrips, reads } = this.counted;
    return { roundTripsPerBatch: roundTrips / reads, eventsPerBatch: (this.to - this.from) / reads };
  }

  /** Since the last call. */
  private take() {
    const { reads } = this;
    this.reads = 0;
    return { roundTrips: this.roundTrips.take(), reads };
  }
}
