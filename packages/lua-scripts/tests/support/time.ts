/** Time for tests that do not wait: what Redis recorded moves into the past (`pass-time.lua`). */
import { readFileSync } from "node:fs";
import type { ScriptCall } from "@sluice/lua-scripts";
import type { TestGroup } from "./group.js";
import type { Value } from "./redis.js";

const source = readFileSync(new URL("./pass-time.lua", import.meta.url), "utf8");

function passArguments({ keys, name, buckets }: TestGroup, ...values: Value[]): [string, number, ...Value[]] {
  const moved = [keys.stream, keys.meta, keys["published.0"], keys["published.1"], keys.retries, keys.state];
  return [source, moved.length + buckets.length, ...moved, ...buckets, name, ...values];
}

/** Lets milliseconds pass for the group; with a negative number the server's clock goes back. */
export async function passTime(group: TestGroup, ms: number): Promise<void> {
  await group.client.eval(...passArguments(group, Math.round(ms)));
}

/** Runs the call when exactly `ageMs` (and what a transaction takes) have passed since a time. */
export async function runAtAge(
  group: TestGroup,
  age: { readonly sinceMs: number; readonly ageMs: number },
  call: ScriptCall,
): Promise<{ readonly reply: unknown; readonly passedMs: number }> {
  const results = await group.client
    .multi()
    .eval(...passArguments(group, age.ageMs, age.sinceMs))
    .eval(call.script.source, call.keys.length, ...call.keys, ...call.args.map(String))
    .exec();
  const [passed, called] = results ?? [];
  const error = passed?.[0] ?? called?.[0];
  if (error) throw error;
  return { reply: called?.[1], passedMs: Number(passed?.[1]) };
}

/** The server's clock, in milliseconds since 1970. */
export async function serverNow(group: TestGroup): Promise<number> {
  const [seconds, micros] = await group.client.time();
  return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
}
