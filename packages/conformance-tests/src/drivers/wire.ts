/**
 * JSON lines on standard input and output: a request is `{"id": 7, "op": "publish", "input": {…}}`, its
 * answer `{"id": 7, "result": …}` or `{"id": 7, "error": {…}}`; what happens meanwhile is told as
 * `{"event": "handled", "consumer": "…", …}`.
 * The first line of a driver is `{"hello": { "protocol": 1, "runtime": "node", "version": "v20.19.2" }}`.
 * A driver ends when its input does.
 */

import process from "node:process";
import { linesOf } from "../lines.js";

/** The version of this protocol between runner and drivers. */
export const DRIVER_PROTOCOL = 1;

export type Input = Readonly<Record<string, unknown>>;

export function send(line: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** Calls `handle` for each line, without waiting for the one before. Resolves when the input ends. */
export async function receive(handle: (line: Input) => void): Promise<void> {
  for await (const line of linesOf(process.stdin)) {
    if (line !== "") handle(JSON.parse(line));
  }
}
