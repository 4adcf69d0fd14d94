/** Sluice for Node: `connect()`, and everything of `@sluice/core`. */

export * from "@sluice/core";
export type { DrainExit, DrainSignal, SignalOptions } from "@sluice/core/ioredis";
export { type ConnectOptions, connect } from "./connect.js";
