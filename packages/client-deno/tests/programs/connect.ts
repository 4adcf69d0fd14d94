/**
 * Connects to each place that it is given, one after the other, and prints how that went, a line of JSON each.
 *
 * Arguments: values of `redis` as JSON; `{"instance": …}` and `{"cluster": […]}` stand for a `Redis` and a
 * `Cluster` of the program's own.
 */

import process from "node:process";
import { connect, RuntimePermissionError, SluiceError } from "@sluice/deno";
import type { Cluster, Redis, RedisOptions } from "ioredis";
import { events } from "./catalog.ts";

/** Longer than any test waits: what is told was not found out by waiting. */
const deadlineMs = 600_000;

for (const argument of process.argv.slice(2)) {
  let outcome: object;
  try {
    const bus = await connect({
      redis: await redisOf(JSON.parse(argument)),
      stream: "orders",
      events,
      deadlineMs,
    });
    await bus.close();
    outcome = { connected: true };
  } catch (error) {
    const flags = error instanceof RuntimePermissionError ? error.flags : undefined;
    const { code, message } = error instanceof SluiceError ? error : { code: "?", message: String(error) };
    outcome = { code, message, flags };
  }
  console.log(JSON.stringify(outcome));
}

type Place = string | RedisOptions | { instance: string } | { cluster: object[] };

async function redisOf(place: Place): Promise<string | RedisOptions | Redis | Cluster> {
  if (typeof place === "string" || !("instance" in place || "cluster" in place)) return place;
  const { Cluster, Redis } = await import("ioredis");
  if ("cluster" in place) return new Cluster(place.cluster, { lazyConnect: true });
  return new Redis(place.instance, { lazyConnect: true });
}
