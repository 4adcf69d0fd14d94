// Generated from src/scripts and src/includes by `npx tsx packages/lua-scripts/build/generate.ts`. Do not edit.
import type { Script } from "../script.js";
import { beatScript } from "./beat.js";
import { discardScript } from "./discard.js";
import { enrollScript } from "./enroll.js";
import { extendScript } from "./extend.js";
import { infoScript } from "./info.js";
import { leaseScript } from "./lease.js";
import { openScript } from "./open.js";
import { publishScript } from "./publish.js";
import { recoverScript } from "./recover.js";
import { releaseScript } from "./release.js";
import { replayScript } from "./replay.js";
import { retireScript } from "./retire.js";
import { settleScript } from "./settle.js";
import { trimScript } from "./trim.js";

export * from "./constants.js";
export * from "./status.js";
export { beatScript, discardScript, enrollScript, extendScript, infoScript, leaseScript, openScript, publishScript, recoverScript, releaseScript, replayScript, retireScript, settleScript, trimScript };

/** Every script there is, by name in alphabetical order. */
export const allScripts: readonly Script[] = [
  beatScript,
  discardScript,
  enrollScript,
  extendScript,
  infoScript,
  leaseScript,
  openScript,
  publishScript,
  recoverScript,
  releaseScript,
  replayScript,
  retireScript,
  settleScript,
  trimScript,
];
