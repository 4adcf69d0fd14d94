/**
 * Sluice for Deno: `connect()`, and everything of `@sluice/core`.
 *
 * @module
 */

export * from "@sluice/core";
export type { DrainSignal } from "@sluice/core/ioredis";
export { type ConnectOptions, connect } from "./connect.ts";
