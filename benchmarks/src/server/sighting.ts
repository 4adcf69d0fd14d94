/**
 * Which commands a contender sends, and which are called in scripts: INFO counts both alike, MONITOR tells them
 * apart. MONITOR slows a server down, so this is found out in a small sample that does not count.
 */

import type { Redis } from "ioredis";
import { monitor } from "./monitor.js";

/** The part of each command's calls, 0 to 1, that clients sent; of a command that is not there nothing is known. */
export type SentParts = ReadonlyMap<string, number>;

/** Watches the server at `url` while `work` goes on. Undefined if its user may not MONITOR. */
export async function sightCommands(
  url: string,
  redis: Redis,
  work: () => Promise<unknown>,
): Promise<SentParts | undefined> {
  const sent = new Map<string, number>();
  const called = new Map<string, number>();
  // What was done before an ECHO has been told once the ECHO has.
  const mark = `end of sighting ${process.hrtime.bigint()}`;
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  using watching = await monitor(url, ({ command, argument, inScript }) => {
    if (argument === mark) end();
    const counts = inScript ? called : sent;
    counts.set(command, (counts.get(command) ?? 0) + 1);
  });
  await work();
  if (watching === undefined) return undefined;
  await redis.echo(mark);
  await ended;
  return new Map(
    [...new Set([...sent.keys(), ...called.keys()])].map((name) => {
      const ofClients = sent.get(name) ?? 0;
      return [name, ofClients / (ofClients + (called.get(name) ?? 0))];
    }),
  );
}

/** Splits calls by command into those sent by clients and those made in scripts. */
export function splitCalls(
  calls: ReadonlyMap<string, number>,
  parts: SentParts,
): { readonly sent: number; readonly inScripts: number } {
  let sent = 0;
  let inScripts = 0;
  for (const [name, count] of calls) {
    // MONITOR shows a subcommand as an argument. What was not seen in the small sample is rare, such as a heartbeat.
    const part = parts.get(name.replace(/\|.*/, "")) ?? 1;
    sent += count * part;
    inScripts += count * (1 - part);
  }
  return { sent, inScripts };
}
