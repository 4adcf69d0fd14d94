/** Sluice for Node: `connect()`, and everything of `@sluice/core`. */

export * from "@sluice/core";
export { type ConnectOptions, connect } from "./connect.js";
export type { DrainSignal } from "./signals.js";
