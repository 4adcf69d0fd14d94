/** Every script refuses malformed arguments by name, and changes nothing then. */
import { readFileSync } from "node:fs";
import { type Arg, allScripts, type Script, type ScriptCall } from "@sluice/lua-scripts";
import { beforeAll, describe, expect, test } from "vitest";
import { parseHeader } from "../build/header.js";
import { SCRIPT_ROWS, type ScriptRows } from "./support/arguments.js";
import { shown } from "./support/kinds.js";
import { errorOf, run, useRedis } from "./support/redis.js";
import { unchanged } from "./support/snapshot.js";
import { busyGroup, type World } from "./support/world.js";

const redis = useRedis();

function headerOf(name: string) {
  const path = `src/scripts/${name}.lua`;
  return parseHeader({ name, path, text: readFileSync(new URL(`../${path}`, import.meta.url), "utf8") });
}

test("there are rows for every script and each of its arguments", () => {
  const documented = allScripts.map(({ name }) => [
    name,
    headerOf(name).args.map((argument) => argument.name),
  ]);
  const covered = Object.entries(SCRIPT_ROWS).map(([name, { rows }]) => {
    return [name, [...new Set(rows.map(({ argument }) => argument))]];
  });
  expect(Object.fromEntries(covered)).toEqual(Object.fromEntries(documented));
});

function rowsOf({ name }: Script): ScriptRows {
  const rows = SCRIPT_ROWS[name];
  if (rows === undefined) throw new Error(`no rows for the script '${name}'`);
  return rows;
}

/** The call with one argument replaced. */
function spoiled(call: ScriptCall, at: number, value: Arg): ScriptCall {
  return { ...call, args: call.args.with(at, value) };
}

describe.each(allScripts)("$name", (script) => {
  let world: World;
  let good: ScriptCall;
  const { rows, head, width, mayBeEmpty, tooMany, good: goodCall } = rowsOf(script);

  beforeAll(async () => {
    world = await busyGroup(redis);
    good = goodCall(world);
  });

  /** Makes the calls one by one: each must fail with an error that `wanted` matches, and change nothing. */
  async function refuses(calls: readonly ScriptCall[], wanted: (index: number) => unknown): Promise<void> {
    await unchanged(redis, [...world.group.allKeys, ...world.group.sharedKeys], async () => {
      for (const [index, call] of calls.entries()) {
        const error = await errorOf(redis, call);
        expect(error, JSON.stringify(call.args).slice(0, 500)).toEqual(wanted(index));
      }
    });
  }

  const refused = rows.filter(({ kind }) => kind.bad.length > 0);
  test.each(refused)("refuses $argument ($field) out of its form", async ({ field, at, kind }) => {
    for (const place of at) {
      const calls = kind.bad.map((value) => spoiled(good, place, value));
      const texts = kind.bad.map((value) => `SLUICE_BADARG ${field} '${shown(value)}': ${kind.wanted}`);
      await refuses(calls, (index) => texts[index]);
    }
  });

  test("refuses too few and too many arguments", async () => {
    const { args } = good;
    const tooFew = [[], args.slice(0, 1), args.slice(0, head - 1)].filter((few) => few.length < head);
    const cut = width === 1 ? [] : [args.slice(0, -1), [...args, "x"]];
    const calls = [
      ...[...tooFew, ...cut, ...(mayBeEmpty || width === 0 ? [] : [args.slice(0, head)])].map((few) => ({
        ...good,
        args: few,
      })),
      tooMany(good),
    ];
    await refuses(calls, () => expect.stringMatching(/^SLUICE_BADARG [\w ]+ '.*': wanted .+$/));
  });

  test("refuses another number of keys", async () => {
    const counts = [[], good.keys.slice(0, -1), [...good.keys, `${world.group.keys.stream}/more`]];
    const calls = counts.map((keys) => ({ ...good, keys }));
    const wanted = `wanted ${good.keys.length}`;
    await refuses(calls, (index) => `SLUICE_BADARG KEYS '${counts[index]?.length}': ${wanted}`);
  });

  test("names the key that holds another type", async () => {
    const { keys, groupKeys } = headerOf(script.name);
    const foreign = await keysOfEachType(world);
    await unchanged(
      redis,
      [...world.group.allKeys, ...world.group.sharedKeys, ...Object.values(foreign)],
      async () => {
        for (const at of good.keys.keys()) {
          const { name, type } = keys[at] ?? groupKeys[(at - keys.length) % groupKeys.length] ?? {};
          const wanted = type?.toLowerCase();
          for (const [found, key] of Object.entries(foreign).filter(([other]) => other !== wanted)) {
            const reply = await run(redis, { ...good, keys: good.keys.with(at, key) });
            expect(reply, `${name} is a ${found}`).toEqual(["WRONGTYPE", key, found, wanted]);
          }
        }
      },
    );
  });

  test("accepts the call that the others spoil", async () => {
    expect(await run(redis, good)).toEqual(expect.arrayContaining(["OK"]));
  });
});

/** A key of each type there is, by type. */
async function keysOfEachType({ group }: World): Promise<Readonly<Record<string, string>>> {
  const types = ["string", "list", "set", "hash", "zset", "stream"];
  const keys = Object.fromEntries(types.map((type) => [type, `${group.keys.stream}/foreign-${type}`]));
  await redis
    .multi()
    .set(keys.string ?? "", "x")
    .rpush(keys.list ?? "", "x")
    .sadd(keys.set ?? "", "x")
    .hset(keys.hash ?? "", "x", "x")
    .zadd(keys.zset ?? "", 1, "x")
    .xadd(keys.stream ?? "", "1-0", "x", "x")
    .exec();
  return keys;
}
