// Generated from src/scripts and src/includes by `npx tsx packages/lua-scripts/build/generate.ts`. Do not edit.
import type { Script } from "../script.js";
import { extendScript } from "./extend.js";
import { leaseScript } from "./lease.js";
import { openScript } from "./open.js";
import { publishScript } from "./publish.js";
import { recoverScript } from "./recover.js";
import { releaseScript } from "./release.js";
import { settleScript } from "./settle.js";

export * from "./constants.js";
export * from "./status.js";
export { extendScript, leaseScript, openScript, publishScript, recoverScript, releaseScript, settleScript };

/** Every script there is, by name in alphabetical order. */
export const allScripts: readonly Script[] = [
  extendScript,
  leaseScript,
  openScript,
  publishScript,
  recoverScript,
  releaseScript,
  settleScript,
];
