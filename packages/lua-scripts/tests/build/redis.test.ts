import { sharedServerUrl } from "@sluice/test-server";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bundle } from "../../build/bundle.js";
import { buildScript, collectOutputs } from "../../build/outputs.js";
import { allScripts } from "../../src/generated/index.js";
import { includes, NASTY, projectIncludes, projectScripts, REPOSITORY, script } from "./support.js";

let redis: Redis;
beforeAll(() => {
  redis = new Redis(sharedServerUrl());
});
afterAll(() => redis.quit());

describe("Redis confirms what was generated", () => {
  test("there is a script for each Lua file", () => {
    const snapshots = [...collectOutputs(REPOSITORY).keys()].filter((path) => path.includes("/snapshots/"));
    expect(allScripts.map(({ name }) => `packages/lua-scripts/tests/snapshots/${name}.lua`)).toEqual(
      snapshots,
    );
  });

  test.each(allScripts.map((script) => [script.name, script] as const))(
    "the SHA-1 of %s",
    async (_, { source, sha1 }) => {
      expect(await redis.script("LOAD", source)).toBe(sha1);
    },
  );
});

describe("bundling does not change what a script means", () => {
  test("every construct that is easily misread gives the same reply", async () => {
    const plain = await redis.callBuffer("EVAL", NASTY.text, 0);
    const bundled = await redis.callBuffer("EVAL", bundle(NASTY, () => undefined).source, 0);
    expect(bundled).toEqual(plain);
    expect(plain).toHaveLength(19);
  });

  test("includes are evaluated once, and see what they require", async () => {
    const diamond = buildScript(projectScripts().get("diamond") ?? script(""), projectIncludes());
    // Keys are only looked at, not touched.
    const reply = await redis.eval(diamond.bundle.source, 4, "a", "b", "c", "d");
    expect(reply).toEqual([
      "OK",
      1,
      "left2",
      "right334",
      "  a long string keeps\n    its indentation",
      'local left = require("left")',
      "abcd",
    ]);
  });

  test("what is left of includes does what it did among the rest", async () => {
    const counter = `local limits = require("limits")
      local counter = {}
      local START = -limits.LEAST
      local function unused() return counter.unused() end
      function counter.unused() return unused() end
      local function is_even(n) return n == 0 or counter.is_odd(n - 1) end
      function counter.is_odd(n) return n ~= 0 and is_even(n - 1) end
      counter.count = START
      function counter.next() counter.count = counter.count + 1 return counter.count end
      return counter`;
    const text = `local count = require("counter")
      local limits = require("limits")
      return { count.next(), count.next(), tostring(count.is_odd(7)), 1-limits.LEAST, limits.NAME..limits.MOST..'' }`;
    const found = includes({
      counter,
      limits: `local limits = { LEAST = -3, MOST = 10, NAME = 'it\\'s "x"' } return limits`,
    });
    const { source } = bundle(script(text), found);
    expect(source).not.toContain("unused");
    expect(await redis.eval(source, 0)).toEqual([4, 5, "true", 4, `it's "x"10`]);
  });

  test("an error's line leads to the line of the bundle", async () => {
    const source = bundle(
      script('-- one\n\n-- two\nlocal a = 1\n--[[ three\n]]\nerror("here")'),
      () => undefined,
    ).source;
    const line = source.split("\n").findIndex((text) => text.includes("here")) + 1;
    await expect(redis.eval(source, 0)).rejects.toThrow(new RegExp(`:${line}:? .*here`));
  });
});
