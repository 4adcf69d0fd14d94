/**
 * The path of a newcomer, step by step: what is run and what it has to print. The programs are plain JavaScript that
 * knows nothing of this repository; the first is the README's quick start.
 */
import { readFileSync } from "node:fs";
import { quickStart } from "../pack/example.js";

export interface Step {
  readonly title: string;
  /** The file's name in the newcomer's folder. */
  readonly file: string;
  readonly program: string;
  /** What it has to print, to the last character. */
  readonly prints: string;
}

/** @param readmeSays what the README says that the quick start prints */
export function newcomersPath(readmeSays: string): readonly Step[] {
  const quick = { file: "quick-start.mjs", program: quickStart("orders").esm, prints: readmeSays };
  return [
    { title: "runs the quick start", ...quick },
    { title: "runs the quick start again on the same server, and reads the same", ...quick },
    step("finds what a handler threw that is no Error among the dead letters", "thrown.mjs", [
      "MAX_ATTEMPTS after 2 attempts, readable: true",
    ]),
    step("deploys a new type of event process by process, and loses none", "deploy.mjs", [
      "order.placed handled: 40 of 40",
      "order.cancelled handled by the new release: 40 of 40",
    ]),
    step("replays a dead letter once its handler is repaired", "replay.mjs", [
      "dead letter: FAILED: no price for o1",
      "replayed: 1",
      "billed o1, attempt 1",
      "dead letters left: 0",
    ]),
  ];
}

function step(title: string, file: string, lines: readonly string[]): Step {
  const program = readFileSync(new URL(`programs/${file}`, import.meta.url), "utf8");
  return { title, file, program, prints: `${lines.join("\n")}\n` };
}
