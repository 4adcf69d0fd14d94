import { sharedServerUrl } from "@sluice/test-server";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bundle } from "../../build/bundle.js";
import { buildScript, collectOutputs } from "../../build/outputs.js";
import { allScripts } from "../../src/generated/index.js";
import { NASTY, projectIncludes, projectScripts, REPOSITORY, script } from "./support.js";

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

  test("an error's line leads to the line of the bundle", async () => {
    const source = bundle(
      script('-- one\n\n-- two\nlocal a = 1\n--[[ three\n]]\nerror("here")'),
      () => undefined,
    ).source;
    const line = source.split("\n").findIndex((text) => text.includes("here")) + 1;
    await expect(redis.eval(source, 0)).rejects.toThrow(new RegExp(`:${line}:? .*here`));
  });
});
