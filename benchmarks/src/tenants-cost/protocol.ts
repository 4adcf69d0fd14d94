/** What the command asks of the process with the worker, and what it is told: one reply for each request. */

export type Request =
  | { readonly kind: "connect"; readonly url: string; readonly stream: string }
  /** Starts the worker. Replies once all tenants that there are have been looked at. */
  | { readonly kind: "start" }
  | { readonly kind: "pause" }
  | { readonly kind: "resume" }
  | { readonly kind: "stop" }
  | { readonly kind: "usage" }
  /** The same, after a collection: what the heap then holds is in use. */
  | { readonly kind: "collect" }
  /** What was handled since the last time that it was asked. */
  | { readonly kind: "handled" }
  | { readonly kind: "profile"; readonly file: string }
  | { readonly kind: "endProfile" };

export interface Usage {
  /** Processor time of this process so far, in microseconds. */
  readonly cpuUs: number;
  /** In bytes. */
  readonly heap: number;
  readonly handled: number;
  readonly wastedLooks: number;
  readonly foundBySweep: number;
}

/** When an event's handler started. */
export interface Handled {
  readonly index: number;
  /** By {@link monotonicMs}. */
  readonly atMs: number;
  /** By the wall clock, as the IDs of entries are. */
  readonly wallMs: number;
}

export type Reply =
  | { readonly usage: Usage }
  | { readonly handled: readonly Handled[] }
  | { readonly failed: string };
