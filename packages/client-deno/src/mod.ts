/**
 * Sluice for Deno: `connect()`, and everything of `@sluice/core`.
 *
 * @module
 */

export * from "@sluice/core";
export type { DrainExit, DrainSignal, SignalOptions } from "@sluice/core/ioredis";
export { type ConnectOptions, connect } from "./connect.ts";
