/** The command in this process, with a world of its own. */

import { EventEmitter } from "node:events";
import { PassThrough } from "node:stream";
import { main } from "../src/cli/main.js";

export interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** @param env in addition to the process's own, without the server that that may name */
export async function runCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const [stdout, stderr] = [collect(), collect()];
  const { REDIS_URL: _, ...own } = process.env;
  const status = await main(args, {
    ...{ stdout: stdout.stream, stderr: stderr.stream },
    ...{ signals: new EventEmitter(), version: "1.2.3", env: { ...own, ...env } },
  });
  return { status, stdout: stdout.text(), stderr: stderr.text() };
}

function collect() {
  const stream = new PassThrough();
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  // What is written and not yet handed on counts too.
  return { stream, text: () => Buffer.concat([...chunks, stream.read() ?? Buffer.alloc(0)]).toString() };
}
