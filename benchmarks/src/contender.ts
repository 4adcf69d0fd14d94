/**
 * What a contender is to the harness: something that can be filled, run and looked at, in a process of its own.
 *
 * Its module, under `workloads/`, exports `open`; `plan.ts` names it and says how many events a sample has. The order
 * of a sample is fill, prepare, run, verify, rest, and only `run` is measured.
 */

import type { Metric } from "./results.js";

/** Where a contender works. */
export interface Setting {
  /** The server's URL, with the login if there is one. */
  readonly url: string;
  /** Every key it makes holds this name: by it the keys are removed. The same in all its processes. */
  readonly name: string;
  /** Which of its processes this is, from 0. The first fills and verifies. */
  readonly member: number;
}

export interface Contender {
  /** Once, in the first process, before anything else: data that all samples work on (then `keepsKeys` in the plan). */
  setUp?(): Promise<void>;
  /** In the first process: what the sample works on, in a server that holds nothing of this contender. */
  fill?(events: number): Promise<void>;
  /** In every process, after `fill`: what takes time to make ready and is not to be measured. */
  prepare?(): Promise<void>;
  /** In every process at once: what is measured, from its first call to its last acknowledgement. */
  run(events: number): Promise<Outcome>;
  /** In the first process: throws unless the server shows that all events are where they belong. */
  verify?(events: number): Promise<void>;
  /** In every process: ends what would go on by itself. A contender that waits for its turn is quiet. */
  rest?(): Promise<void>;
  /** In every process, at the end: closes its connections. */
  close(): Promise<void>;
}

export interface Outcome {
  /** Published, or handled and acknowledged, by this process. All processes together have to have done all. */
  readonly events: number;
  /** When the last one was acknowledged, by {@link monotonicMs}, if `run` could not resolve right then. */
  readonly endedAtMs?: number;
  /** Figures that only the contender itself can know: latencies, sizes. */
  readonly figures?: Readonly<Partial<Record<Metric, number>>>;
}

/** What a module under `workloads/` exports as `open`. */
export type OpenContender<Options> = (setting: Setting, options: Options) => Promise<Contender>;

/** The system's monotonic clock, in milliseconds: the same for all processes of this machine. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
