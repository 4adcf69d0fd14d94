/** Events that a handler emits: published with the acknowledgement of their attempt, or not at all. */
import { publishReply } from "@sluice/lua-scripts";
import { describe, expect, test } from "vitest";
import { type Emitted, skip, success } from "./support/attempts.js";
import { openGroup } from "./support/group.js";
import { entriesOf, keysIn, lettersOf, processedIn } from "./support/look.js";
import { useRedis } from "./support/redis.js";

const redis = useRedis();
const MAX_UINT64 = "18446744073709551615";
const windowMs = 60_000;

function emit(key: string, fingerprint = ""): Emitted {
  return { key, event: `emitted ${key}`, fingerprint };
}

describe("emitted events", () => {
  test("are published in order, in the layout of every entry", async () => {
    const group = await openGroup(redis);
    await group.settle("c1", success(await group.inHand("a"), [emit("~1"), emit("~2")]));
    expect((await entriesOf(group)).slice(1).map(({ fields }) => fields)).toEqual([
      ["key", "~1", "event", "emitted ~1"],
      ["key", "~2", "event", "emitted ~2"],
    ]);
  });

  test("are published, as many as a handler may emit", async () => {
    const group = await openGroup(redis);
    const emits = Array.from({ length: 1_000 }, (_, at) => emit(`~${at}`));
    await group.settle("c1", success(await group.inHand("a"), emits));
    expect((await keysIn(group)).slice(1)).toEqual(emits.map(({ key }) => key));
  });

  test("are published past the length limit, or a full stream could never drain", async () => {
    const group = await openGroup(redis);
    const a = await group.inHand("a");
    expect((await group.publish(["b"], { maxLength: 1 })).results[0]?.verdict).toBe("FULL");
    expect(await group.settle("c1", success(a, [emit("~1")]))).toEqual(["SETTLED"]);
    expect(await keysIn(group)).toEqual(["a", "~1"]);
  });
});

describe("an emitted key that the handler names", () => {
  test("goes through the publish window: what it remembers is not published again", async () => {
    const group = await openGroup(redis);
    await group.publish([{ idempotencyKey: "named", event: "{}", fingerprint: "f" }], { windowMs });
    await group.settle("c1", ...(await group.take()).map((attempt) => skip(attempt)));
    const emits = [emit("named", "f"), emit("fresh", "f")];
    const reply = await group.settleReply("c1", [success(await group.inHand("a"), emits)], windowMs);
    expect(reply.verdicts).toEqual(["SETTLED"]);
    expect(await keysIn(group)).toEqual(["named", "a", "fresh"]);
  });

  test("is remembered for publishers, with the ID of its entry", async () => {
    const group = await openGroup(redis);
    await group.settleReply("c1", [success(await group.inHand("a"), [emit("named", "f")])], windowMs);
    const [, entry] = await entriesOf(group);
    const event = { idempotencyKey: "named", event: "{}", fingerprint: "f" };
    const { results } = await group.publish([event, { ...event, fingerprint: "g" }], { windowMs });
    expect(results).toEqual([
      { verdict: "DUPLICATE", id: entry?.id },
      { verdict: "MISMATCH", id: entry?.id },
    ]);
  });

  test("with another payload makes its event a dead letter, and no event that it emitted appears", async () => {
    const group = await openGroup(redis);
    await group.publish([{ idempotencyKey: "named", event: "{}", fingerprint: "f" }], { windowMs });
    await group.settle("c1", ...(await group.take()).map((attempt) => skip(attempt)));
    const [a, b] = await group.takeAll("a", "b");
    const attempts = [success(a, [emit("~1"), emit("named", "other"), emit("~2")]), success(b, [emit("~3")])];
    expect((await group.settleReply("c1", attempts, windowMs)).verdicts).toEqual(["DEAD", "SETTLED"]);
    expect(await keysIn(group)).toEqual(["named", "a", "b", "~3"]);
    expect(await lettersOf(group)).toMatchObject([
      { about: { entryId: a.id, reason: "EMIT_REJECTED", message: expect.stringContaining("'named'") } },
    ]);
    expect(await processedIn(group)).toEqual([`#${a.id}`, "b"]);
  });

  test("twice in one handler is published once, and with two payloads is a dead letter", async () => {
    const group = await openGroup(redis);
    const [a, b] = await group.takeAll("a", "b");
    const same = success(a, [emit("x", "f"), emit("x", "f")]);
    const other = success(b, [emit("y", "f"), emit("y", "g")]);
    expect((await group.settleReply("c1", [same, other], windowMs)).verdicts).toEqual(["SETTLED", "DEAD"]);
    expect(await keysIn(group)).toEqual(["a", "b", "x"]);
  });

  test("in two attempts of one call is published once, and with two payloads the second is a dead letter", async () => {
    const group = await openGroup(redis);
    const [a, b, c] = await group.takeAll("a", "b", "c");
    const attempts = [
      success(a, [emit("x", "f")]),
      success(b, [emit("x", "f")]),
      success(c, [emit("x", "g")]),
    ];
    expect((await group.settleReply("c1", attempts, windowMs)).verdicts).toEqual([
      "SETTLED",
      "SETTLED",
      "DEAD",
    ]);
    expect(await keysIn(group)).toEqual(["a", "b", "c", "x"]);
  });

  test("of an attempt that is rejected is not what the next one's is measured by", async () => {
    const group = await openGroup(redis);
    const [a, b] = await group.takeAll("a", "b");
    const attempts = [
      success(a, [emit("x", "f"), emit("y", "f"), emit("y", "g")]),
      success(b, [emit("x", "other")]),
    ];
    expect((await group.settleReply("c1", attempts, windowMs)).verdicts).toEqual(["DEAD", "SETTLED"]);
    expect(await keysIn(group)).toEqual(["a", "b", "x"]);
  });

  test("without a window, or without a fingerprint, is published whatever is remembered", async () => {
    const group = await openGroup(redis);
    await group.publish([{ idempotencyKey: "named", event: "{}", fingerprint: "f" }], { windowMs });
    await group.settle("c1", ...(await group.take()).map((attempt) => skip(attempt)));
    const [a, b] = await group.takeAll("a", "b");
    expect((await group.settleReply("c1", [success(a, [emit("named", "g")])], 0)).verdicts).toEqual([
      "SETTLED",
    ]);
    expect((await group.settleReply("c1", [success(b, [emit("named")])], windowMs)).verdicts).toEqual([
      "SETTLED",
    ]);
    expect(await keysIn(group)).toEqual(["named", "a", "b", "named", "named"]);
  });
});

describe("a stream whose last ID leaves no room", () => {
  test("makes a dead letter of what emits, and settles the rest", async () => {
    const group = await openGroup(redis);
    const [a, b] = await group.takeAll("a", "b");
    await redis.call("XSETID", group.keys.stream, `${MAX_UINT64}-${MAX_UINT64}`);
    expect(await group.settle("c1", success(a, [emit("~1")]), success(b))).toEqual(["DEAD", "SETTLED"]);
    expect((await lettersOf(group)).map(({ about }) => about.reason)).toEqual(["EMIT_REJECTED"]);
    expect(await group.pending()).toEqual([]);
    expect(publishReply(await group.run(group.publishCall(["c"])), 1)).toEqual({ status: "EXHAUSTED" });
  });
});
