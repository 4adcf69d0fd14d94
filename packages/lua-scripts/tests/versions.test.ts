import { allScripts, PROTOCOL, type Script, type ScriptCall } from "@sluice/lua-scripts";
import { describe, expect, test } from "vitest";
import { SCRIPT_ROWS } from "./support/arguments.js";
import { recovered, retry, success } from "./support/attempts.js";
import { openGroup } from "./support/group.js";
import { travel, WORDS_TO_HEAR } from "./support/journey.js";
import { keysIn } from "./support/look.js";
import { run, useRedis } from "./support/redis.js";
import { unchanged } from "./support/snapshot.js";
import { preceded } from "./support/undeclared.js";
import { busyGroup } from "./support/world.js";

const redis = useRedis();

/** The same script as another release has it: other text, and so another hash. */
function otherVersion(call: ScriptCall): ScriptCall {
  return preceded(call, "-- of another release");
}

describe("two versions of the scripts", () => {
  test("have hashes of their own, which are the server's", async () => {
    for (const script of allScripts) {
      const other = otherVersion({ script, keys: [], args: [] }).script;
      expect(other.sha1).not.toBe(script.sha1);
      for (const { source, sha1 } of [script, other]) expect(await redis.script("LOAD", source)).toBe(sha1);
    }
  });

  test("work side by side on one stream, call by call", async () => {
    let calls = 0;
    const alternating = async (call: ScriptCall) => {
      calls += 1;
      return await run(redis, calls % 2 === 0 ? call : otherVersion(call));
    };
    const { words } = await travel(redis, alternating, { tenant: "acme" });
    expect(WORDS_TO_HEAR.filter((word) => !words.has(word))).toEqual([]);
  });

  test("take over from each other what is in hand, waiting and processed", async () => {
    const older = await openGroup(redis);
    const newer = await openGroup(redis, {
      stream: older.stream,
      run: (call) => run(redis, otherVersion(call)),
      consumers: ["c3"],
    });
    const a = await older.inHand("a");
    const b = await older.inHand("b");
    await older.settle("c1", success(a), retry(b));
    expect((await newer.recover("c3")).leased.map((entry) => recovered(entry).key)).toEqual(["b"]);
    await newer.add("a", "c");
    expect((await newer.take("c3")).map(({ verdict }) => verdict)).toEqual(["DUPLICATE", "LEASED"]);
    expect(await keysIn(older)).toEqual(["a", "b", "a", "c"]);
  });
});

describe("a stream that another protocol has written", () => {
  // What belongs to no tenant has no `meta`: a protocol that changes it gives it other keys.
  const writes = ({ name, keys }: Script) => name !== "info" && keys.includes("meta");

  test.each(allScripts.filter(writes))("is refused by $name, which changes nothing", async ({ name }) => {
    const world = await busyGroup(redis);
    const good = SCRIPT_ROWS[name]?.good(world);
    if (good === undefined) throw new Error(`no rows for the script '${name}'`);
    for (const found of [String(PROTOCOL + 1), "0", "", "1.0", "one"]) {
      await redis.hset(world.group.keys.meta, "protocol", found);
      await unchanged(redis, world.group.allKeys, async () => {
        expect(await run(redis, good)).toEqual(["PROTOCOL", found]);
      });
    }
    await redis.hset(world.group.keys.meta, "protocol", PROTOCOL);
    expect(await run(redis, good)).toEqual(expect.arrayContaining(["OK"]));
  });

  test("is described by info, which writes nothing in any case", async () => {
    const world = await busyGroup(redis);
    const good = SCRIPT_ROWS.info?.good(world);
    if (good === undefined) throw new Error("no rows for the script 'info'");
    await redis.hset(world.group.keys.meta, "protocol", PROTOCOL + 1);
    await unchanged(redis, world.group.allKeys, async () => {
      expect(await run(redis, good)).toEqual(expect.arrayContaining(["OK", String(PROTOCOL + 1)]));
    });
  });
});
