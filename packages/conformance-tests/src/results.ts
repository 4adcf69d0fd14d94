/** What a run of the suite came to: plain data, which the reports are made from. */

import type { Level, RuntimeName } from "./case.js";

/** Where something ran: a runtime's driver, or, for the script vectors, the server alone. */
export type Place = RuntimeName | "scripts";

export interface CaseResult {
  /** The ID of the case, or of the vector: `vectors/settle/success-marks-the-key`. */
  readonly id: string;
  readonly title: string;
  readonly level: Level;
  readonly place: Place;
  readonly status: "passed" | "failed" | "notApplicable";
  /** Why it is not applicable, or what failed: for people, several lines. */
  readonly reason?: string;
  readonly durationMs: number;
}

/** One thing that the probe looked at. */
export interface Finding {
  /** `persistence`, `maxmemory-policy`, … */
  readonly name: string;
  /** As the server has it: `appendonly yes, everysec`. */
  readonly value: string;
  /** What follows from it for the promises, where it is not as it should be. */
  readonly warning?: string;
}

/** What the probe learnt of a server before the first case. */
export interface ServerFacts {
  /** `redis 7.0.15`, `valkey 8.1.1`. */
  readonly product: string;
  /** Where it is, without credentials. */
  readonly address: string;
  readonly mode: "standalone" | "sentinel" | "cluster";
  readonly findings: readonly Finding[];
}

export interface RuntimeFacts {
  readonly name: RuntimeName;
  /** `v20.19.2`. */
  readonly version: string;
}

export interface SuiteReport {
  readonly server: ServerFacts;
  readonly runtimes: readonly RuntimeFacts[];
  /** Runtimes that were not there, each with the reason. */
  readonly missing: readonly { readonly name: RuntimeName; readonly reason: string }[];
  readonly results: readonly CaseResult[];
  /** RFC 3339 in UTC. */
  readonly startedAt: string;
  readonly durationMs: number;
  /** What is to be known besides the results, a line each: what was lost at a failover, say. */
  readonly notes: readonly string[];
}
