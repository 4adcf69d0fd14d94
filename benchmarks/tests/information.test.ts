/** That raw contenders carry what ours carries: the same document, so that no figure is of less work. */
import { connect } from "@sluice/node";
import { uniqueName } from "@sluice/test-server";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { events } from "../src/workloads/catalog.js";
import { cloudEvent, noteFor, orderOf, TYPE } from "../src/workloads/order.js";

const url = inject("redisUrl");
const redis = new Redis(url);
const stream = uniqueName("information");
const single = await connect({ redis: url, stream, events });
const multi = await connect({ redis: url, stream, events, tenancy: "multi" });
const ORDER = orderOf(17);

beforeAll(async () => {
  await single.publish(TYPE, ORDER);
  await multi.tenant("t1").publish(TYPE, ORDER);
});
afterAll(async () => {
  await Promise.all([single.close(), multi.close()]);
  redis.disconnect();
});

test.each([
  ["of a stream", stream, undefined],
  ["of a tenant", `tenant:{t1}:${stream}`, "t1"],
])(
  "the document %s has the attributes of ours, in their order and of their length",
  async (_, key, tenant) => {
    const [[, [, , , ours = ""] = []] = []] = await redis.xrange(key, "-", "+");
    const raw = cloudEvent(ORDER, stream, tenant);
    const ownWords = (document: string) => {
      const { id, time, ...others } = JSON.parse(document);
      expect([id, time]).toEqual([expect.any(String), expect.any(String)]);
      return others;
    };
    expect(ownWords(raw)).toEqual(ownWords(ours));
    expect(Object.keys(JSON.parse(raw))).toEqual(Object.keys(JSON.parse(ours)));
    expect(raw.length).toBe(ours.length);
  },
);

test.each([100, 1_024, 65_536])("an order of about %d bytes has that many, but for its number's", (bytes) => {
  const length = JSON.stringify(orderOf(99_999, noteFor(bytes))).length;
  expect(length).toBeGreaterThanOrEqual(bytes);
  expect(length).toBeLessThan(bytes + 10);
});
