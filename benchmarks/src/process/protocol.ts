/**
 * What the harness and the process of a contender tell each other, over Node's IPC: one request at a time, and its
 * reply.
 */

import type { Outcome, Setting } from "../contender.js";

export type Request =
  | { readonly kind: "open"; readonly module: string; readonly setting: Setting; readonly options: unknown }
  | { readonly kind: "setUp" | "prepare" | "rest" | "close" }
  | { readonly kind: "fill" | "verify"; readonly events: number }
  | { readonly kind: "run"; readonly events: number; readonly profile?: string | undefined };

export type Reply =
  | { readonly kind: "done" }
  | { readonly kind: "ran"; readonly ran: Ran }
  | { readonly kind: "failed"; readonly error: string };

/** One run in one process. */
export interface Ran extends Outcome {
  /** By `monotonicMs`. */
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** User and system time of this process. */
  readonly cpuUs: number;
  readonly roundTrips: number;
}
