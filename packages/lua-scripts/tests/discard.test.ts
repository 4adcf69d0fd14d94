/** `discard` drops dead letters, and leaves their events settled. */
import { describe, expect, test } from "vitest";
import { discard, infoOf, letterIds, replay, trim } from "./operations/calls.js";
import { failure } from "./support/attempts.js";
import { openGroup, type TestGroup } from "./support/group.js";
import { keysIn, lettersOf, processedIn } from "./support/look.js";
import { useRedis } from "./support/redis.js";
import { unchanged } from "./support/snapshot.js";

const redis = useRedis();

/** A group with a dead letter for each key: the letters' IDs. */
async function graveyard(
  ...keys: readonly string[]
): Promise<{ group: TestGroup; letters: readonly string[] }> {
  const group = await openGroup(redis);
  await group.add(...keys);
  await group.settle("c1", ...(await group.take()).map((taken) => failure(taken)));
  return { group, letters: [...(await letterIds(group)).values()] };
}

describe("a letter that is discarded", () => {
  test("is gone, and its neighbours are not", async () => {
    const { group, letters } = await graveyard("a", "b", "c");
    expect(await discard(group, letters[1] ?? "")).toEqual([true]);
    expect((await lettersOf(group)).map(({ fields }) => fields[1])).toEqual(["a", "c"]);
    expect(await infoOf(group)).toMatchObject({ deadLetters: 2 });
  });

  test("is discarded once: asked again, in the same call or a later one, it is not there", async () => {
    const { group, letters } = await graveyard("a", "b");
    const [a = "", b = ""] = letters;
    expect(await discard(group, a, "1-0", a, b)).toEqual([true, false, false, true]);
    expect(await discard(group, a, b)).toEqual([false, false]);
  });

  test("cannot be replayed any more", async () => {
    const { group, letters } = await graveyard("a");
    await discard(group, letters[0] ?? "");
    expect(await replay(group, letters[0] ?? "")).toEqual([undefined]);
    expect(await group.pending()).toEqual([]);
  });

  test("leaves the event in the stream for other groups, settled for this one", async () => {
    const { group, letters } = await graveyard("a");
    const other = await group.sibling("other");
    await discard(group, letters[0] ?? "");
    expect(await trim(group)).toMatchObject({ dropped: 0 });
    expect((await other.take()).map(({ key }) => key)).toEqual(["a"]);
    expect(await keysIn(group)).toEqual(["a"]);
  });

  test("leaves its mark, so that a group which is made again does not run the event after all", async () => {
    const { group, letters } = await graveyard("a");
    await discard(group, letters[0] ?? "");
    expect(await processedIn(group)).toHaveLength(1);
    await redis.xgroup("DESTROY", group.keys.stream, group.name);
    await group.open({ mode: "REJOIN" });
    expect((await group.take()).map(({ verdict }) => verdict)).toEqual(["DUPLICATE"]);
  });

  test("can be dropped while the group is gone", async () => {
    const { group, letters } = await graveyard("a");
    await redis.xgroup("DESTROY", group.keys.stream, group.name);
    expect(await discard(group, ...letters)).toEqual([true]);
  });
});

test("a thousand letters go in one call", async () => {
  const { group, letters } = await graveyard(...Array.from({ length: 1_000 }, (_, n) => `k${n}`));
  expect(new Set(await discard(group, ...letters))).toEqual(new Set([true]));
  expect(await redis.xlen(group.keys.dead)).toBe(0);
});

test("where there are no letters nothing is written", async () => {
  const group = await openGroup(redis);
  await unchanged(redis, group.allKeys, async () => {
    expect(await discard(group, "1-0", "2-0")).toEqual([false, false]);
  });
});
