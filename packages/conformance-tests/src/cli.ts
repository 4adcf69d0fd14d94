#!/usr/bin/env node
/** The command `sluice-conformance`. All it does is in `cli/`. */

import { readFileSync } from "node:fs";
import { EXIT, main } from "./cli/main.js";

const { version }: { version: string } = JSON.parse(
  readFileSync(new URL("../package.json", import.meta.url), "utf8"),
);

/** After this long nothing that the run left open keeps the command from ending, in milliseconds. */
const LINGER_MS = 3_000;

const { stdout, stderr, env } = process;
// The reader of standard output has ended, as `head` does: there is nobody left to write to.
stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(EXIT.passed);
});
const status = await main(process.argv.slice(2), { stdout, stderr, env, signals: process, version });
process.exitCode = status;
// What an interrupted run has open is not waited for.
if (status === EXIT.interrupted) process.exit();
setTimeout(() => process.exit(), LINGER_MS).unref();
