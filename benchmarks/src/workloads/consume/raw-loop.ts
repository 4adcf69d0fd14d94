/** The raw loop: XREADGROUP, the handler, one XACK for the batch. Not idempotent: an event redelivered runs again. */

import type { Redis } from "ioredis";
import type { Contender, Outcome, Setting } from "../../contender.js";
import { handler } from "../handler.js";
import { type CloudEvent, noteFor } from "../order.js";
import { connectRaw } from "../redis.js";
import { entriesIn, expectAcknowledged, fillGroup, GROUP, type RawEntry } from "./raw-group.js";

export interface RawOptions {
  /** COUNT of XREADGROUP. */
  readonly count: number;
  /** Have the next batch read while this one is handled. */
  readonly overlapped: boolean;
  /** Of an order's JSON; about 150 unless given. */
  readonly payloadBytes?: number;
}

export interface RawLoop extends Contender {
  /** Until nothing is left to read. */
  run(): Promise<Outcome>;
}

type Handle = (event: CloudEvent) => Promise<void>;

/** @param handle what is called for every event, if it is not the empty handler. */
export async function openLoop(
  { url, name, member }: Setting,
  { count, overlapped, payloadBytes }: RawOptions,
  handle: Handle = handler,
): Promise<RawLoop> {
  const redis = await connectRaw(url);
  const note = payloadBytes === undefined ? undefined : noteFor(payloadBytes);
  const loop = overlapped ? overlappedLoop : plainLoop;
  return {
    fill: (events) => fillGroup(redis, name, events, note),
    run: async () => ({ events: await loop(redis, name, `consumer-${member}`, count, handle) }),
    verify: (events) => expectAcknowledged(redis, name, GROUP, events),
    close: async () => redis.disconnect(),
  };
}

/** @returns how many entries were acknowledged, once there is nothing left to read. */
async function plainLoop(
  redis: Redis,
  stream: string,
  consumer: string,
  count: number,
  handle: Handle,
): Promise<number> {
  let acknowledged = 0;
  for (;;) {
    const entries = entriesIn(
      await redis.xreadgroup("GROUP", GROUP, consumer, "COUNT", count, "STREAMS", stream, ">"),
    );
    if (entries.length === 0) return acknowledged;
    acknowledged += await redis.xack(stream, GROUP, ...(await handleAll(entries, handle)));
  }
}

/** The same, but asks for the next batch before it handles this one, and waits for no acknowledgement. */
export async function overlappedLoop(
  redis: Redis,
  stream: string,
  consumer: string,
  count: number,
  handle: Handle = handler,
): Promise<number> {
  const read = () => redis.xreadgroup("GROUP", GROUP, consumer, "COUNT", count, "STREAMS", stream, ">");
  const acknowledged: Promise<number>[] = [];
  let next = read();
  for (;;) {
    const entries = entriesIn(await next);
    if (entries.length === 0) return sum(await Promise.all(acknowledged));
    next = read();
    acknowledged.push(redis.xack(stream, GROUP, ...(await handleAll(entries, handle))));
  }
}

/** @returns the IDs of what was handled. */
export async function handleAll(
  entries: readonly RawEntry[],
  handle: Handle = handler,
): Promise<readonly string[]> {
  await Promise.all(
    entries.map(([, fields]) => {
      const event: CloudEvent = JSON.parse(fields[1] ?? "");
      return handle(event);
    }),
  );
  return entries.map(([id]) => id);
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
