/** What the plan says of workloads and contenders: data, sent to the processes that do the work. */

import type { OpenContender } from "../contender.js";
import type { Metric } from "../results.js";

/** Contenders that are compared with each other, round by round. */
export interface Workload {
  /** Of `WORKLOADS` in `names.ts`. */
  readonly name: string;
  /** What goes into the results, of what the harness measures and of what contenders tell. */
  readonly metrics: readonly Metric[];
  readonly contenders: readonly ContenderPlan[];
}

export interface ContenderPlan {
  /** Of `names.ts`. */
  readonly name: string;
  readonly program: Program;
  /** Of one sample. */
  readonly events: number;
  /** What is else with `--quick`, where a sample has at most 1,000 events in any case; a size in the name, for one. */
  readonly quick?: Partial<Pick<ContenderPlan, "name" | "events" | "program">>;
  /** Those of the workload's metrics that tell something about this contender; all unless given. */
  readonly metrics?: readonly Metric[];
  /** Of the small sample before all others, in which each command that it sends has to occur; 200 unless given. */
  readonly rehearsedEvents?: number;
  /** 1 unless given; they share the keys and the work. */
  readonly processes?: number;
  /** What is filled once and stays for all samples; then the contender itself makes them begin alike. */
  readonly keepsKeys?: boolean;
  /** A foreign program that may not run with the versions that are here: reported, and no failure of the run. */
  readonly optional?: boolean;
  /** How long one step of a sample may take, in milliseconds; 60,000 unless given. */
  readonly deadlineMs?: number;
  /** What a reader of the figures has to know. */
  readonly note?: string;
}

/** A module under `workloads/` and what its `open` is given. */
export interface Program {
  readonly module: string;
  /** JSON. */
  readonly options: unknown;
}

interface ContenderModule<Options> {
  readonly open: OpenContender<Options>;
}

/**
 * Names a module without loading it: only the process of the contender does that. Its type holds the options to what
 * `open` takes: `program<typeof import("../workloads/publish/raw.js")>("publish/raw.ts", { … })`.
 */
export function program<M extends ContenderModule<never>>(
  path: string,
  options: M extends ContenderModule<infer Options> ? Options : never,
): Program {
  return { module: new URL(`../workloads/${path}`, import.meta.url).href, options };
}
