/** The conformance suite as a library: cases and vectors as data, and what runs them against a server. */

export { type Case, LEVELS, type Level, RUNTIMES, type RuntimeName } from "./case.js";
export { loadScenarios, type Scenario } from "./cluster/scenarios.js";
export type { CaseResult, Finding, Place, RuntimeFacts, ServerFacts, SuiteReport } from "./results.js";
export { loadCases } from "./runner/load.js";
export type { ServerUnderTest } from "./runner/server.js";
export { openSuite, runSuite, type Suite, type SuiteOptions } from "./runner/suite.js";
export { throughWorkers } from "./runner/through.js";
export { type FoundRuntimes, findRuntimes, type Runtime } from "./runtimes.js";
export type { Vector } from "./vectors/format.js";
export { loadVectors } from "./vectors/load.js";
