/** What the server says of its own work: CPU, commands, bytes, by INFO. What a sample cost is the difference of two. */

import type { Redis } from "ioredis";

export interface Counters {
  /** Of the whole server, the freeing of memory in the background included. */
  readonly cpuUs: number;
  /** Undefined where the server does not tell. */
  readonly mainThreadCpuUs: number | undefined;
  readonly wireBytes: number;
  /** Calls by command, those in scripts included; subcommands as `xgroup|create`. */
  readonly calls: ReadonlyMap<string, number>;
}

export async function readCounters(redis: Redis): Promise<Counters> {
  const lines = (await redis.info("all")).split("\r\n");
  const values = new Map(lines.map((line): [string, string] => [before(line, ":"), after(line, ":")]));
  const number = (name: string) => {
    const value = values.get(name);
    return value === undefined ? undefined : Number(value);
  };
  const cpuUs = (of: string) => {
    const [user, system] = [number(`used_cpu_user${of}`), number(`used_cpu_sys${of}`)];
    return user === undefined || system === undefined ? undefined : (user + system) * 1e6;
  };
  return {
    cpuUs: cpuUs("") ?? Number.NaN,
    mainThreadCpuUs: cpuUs("_main_thread"),
    wireBytes: (number("total_net_input_bytes") ?? 0) + (number("total_net_output_bytes") ?? 0),
    calls: callsIn(values),
  };
}

/** The work between two readings, without that of the readings themselves. */
export function difference(from: Counters, to: Counters, ofReading?: Counters): Counters {
  const minus = (a: number | undefined, b: number | undefined, c: number | undefined) =>
    a === undefined || b === undefined ? undefined : Math.max(0, a - b - (c ?? 0));
  const calls = new Map<string, number>();
  for (const [name, count] of to.calls) {
    const more = count - (from.calls.get(name) ?? 0);
    if (more > 0) calls.set(name, more);
  }
  return {
    cpuUs: minus(to.cpuUs, from.cpuUs, ofReading?.cpuUs) ?? Number.NaN,
    mainThreadCpuUs: minus(to.mainThreadCpuUs, from.mainThreadCpuUs, ofReading?.mainThreadCpuUs),
    wireBytes: minus(to.wireBytes, from.wireBytes, ofReading?.wireBytes) ?? Number.NaN,
    calls,
  };
}

/** `cmdstat_xgroup|create:calls=1,usec=7,…`. INFO itself is the harness's. */
function callsIn(values: ReadonlyMap<string, string>): Map<string, number> {
  const calls = new Map<string, number>();
  for (const [name, value] of values) {
    if (!name.startsWith("cmdstat_") || name === "cmdstat_info") continue;
    calls.set(name.slice("cmdstat_".length), Number(/calls=(\d+)/.exec(value)?.[1]));
  }
  return calls;
}

function before(text: string, mark: string): string {
  return text.slice(0, Math.max(0, text.indexOf(mark)));
}

function after(text: string, mark: string): string {
  return text.slice(text.indexOf(mark) + 1);
}
