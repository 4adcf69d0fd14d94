/** The mutants of `npm run mutants`: what is generated, that it runs, and a few of them found by their cases. */
import { fileURLToPath } from "node:url";
import { findRuntimes, loadCases, loadVectors } from "@sluice/conformance";
import { sharedServerUrl } from "@sluice/test-server";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { allScripts } from "../../packages/lua-scripts/src/index.js";
import { Bench } from "../mutants/bench.js";
import {
  bundlesWith,
  bySha1,
  changed,
  type Place,
  placesIn,
  readSources,
  type Sources,
} from "../mutants/generate.js";
import { byCase } from "../mutants/hunt.js";
import { LISTED } from "../mutants/listed.js";
import { telling } from "../mutants/reach.js";
import { problemsOf } from "../mutants/report.js";
import { readSurvivors } from "../mutants/survivors.js";
import { dropTenantPrefix } from "../mutants/tenant-prefix.js";

const sources = readSources(fileURLToPath(new URL("../../packages/lua-scripts", import.meta.url)));
const places = placesIn(sources);

/** A script of this text, with the include `part` of that one. */
function sample(script: string, part = "return {}"): Sources {
  const file = (name: string, folder: string, text: string) => ({
    name,
    path: `src/${folder}/${name}.lua`,
    text,
  });
  return {
    scripts: new Map([["sample", file("sample", "scripts", script)]]),
    includes: new Map([["part", file("part", "includes", part)]]),
  };
}

const idsIn = (from: Sources): readonly string[] => placesIn(from).map(({ id }) => id);

function placeOf(from: Sources, id: string): Place {
  const place = placesIn(from).find((it) => it.id === id);
  if (place === undefined) throw new Error(`no place "${id}" among ${idsIn(from).join(", ")}`);
  return place;
}

describe("every condition is negated", () => {
  test.each([
    ["if a then end", ["a"]],
    ["if a then elseif b then end", ["a", "b"]],
    ["while a < 1 do end", ["a < 1"]],
    ["repeat until a", ["a"]],
    ["if a and b or not c then end", ["a and b or not c", "a and b", "a", "b", "not c"]],
    ["if a and b and c then end", ["a and b and c", "a", "b", "c"]],
    ["if not (a or b) then end", ["not (a or b)", "a", "b"]],
    ["local x = a and 1 or 2", ["a"]],
    ["local x = a or 2", []],
    ["local x = a == 1", ["a == 1"]],
    ["return f(a ~= nil)", ["a ~= nil"]],
    ["for n = 1, a and 0 or 1 do end", ["a"]],
    ["x[a and 1 or 2] = { y = b > 1 }", ["a", "b > 1"]],
    ["f(function() if a then end end)", ["a"]],
    ["if f(a == 1) then end", ["f(a == 1)", "a == 1"]],
    ['if "a == b" then end -- if c then', ['"a == b"']],
  ])("%s", (text, conditions) => {
    expect(idsIn(sample(text))).toEqual(conditions.map((condition) => `sample.lua negate: ${condition}`));
  });

  test("as it stands, in the place where it stands", () => {
    const from = sample("if a\n  -- why\n  and b == [[ and ]] then c() end");
    const place = placeOf(from, "sample.lua negate: b == [[ and ]]");
    expect(place.line).toBe(3);
    expect(changed(place).text).toBe("if a\n  -- why\n  and not (b == [[ and ]]) then c() end");
  });
});

describe("every write is dropped", () => {
  test("a command that is not known to write or to read is refused", () => {
    expect(() => idsIn(sample('redis.call("SET", KEYS[1])'))).toThrow('sample.lua:1: whether "SET" writes');
  });

  test("a command that is not spelt out counts as one where nobody asks for its answer", () => {
    expect(idsIn(sample("redis.call(name)"))).toEqual(["sample.lua drop: redis.call(name)"]);
    expect(idsIn(sample("return redis.call(name)"))).toEqual([]);
  });

  test("a statement is not run, and a value is what the command would answer", () => {
    const from = sample('redis.call("HSET", k, 1)\nreturn redis.call("XDEL", k, 2) == 1');
    expect(changed(placeOf(from, 'sample.lua drop: redis.call("HSET", k, 1)')).text).toContain(
      'if false then redis.call("HSET", k, 1) end\n',
    );
    expect(changed(placeOf(from, 'sample.lua drop: redis.call("XDEL", k, 2)')).text).toContain(
      'return (false and redis.call("XDEL", k, 2) or 1) == 1',
    );
  });

  test("so is each call of a function that writes, in another file too, and of none that reads", () => {
    const part = `local part = {}
      local function deep(k) redis.call("HDEL", k, 1) end
      function part.write(k) deep(k) end
      function part.read(k) return redis.call("HGET", k, 1) end
      return part`;
    const from = sample('local p = require("part")\np.write(1)\np.read(2)\nreturn p.write(3)', part);
    expect(idsIn(from)).toEqual([
      "sample.lua drop: p.write(1)",
      "sample.lua drop: p.write(3)",
      'part.lua drop: redis.call("HDEL", k, 1)',
      "part.lua drop: deep(k)",
    ]);
  });
});

test("the same text at another place has a number, and stays known when lines move", () => {
  const from = sample("if a then end\nif a then end");
  expect(idsIn(from)).toEqual(["sample.lua negate: a", "sample.lua negate: a (2)"]);
  expect(idsIn(sample(`local x = 1\n\n${[...from.scripts.values()][0]?.text}`))).toEqual(idsIn(from));
});

test("what is no Lua is refused with its place", () => {
  expect(() => idsIn(sample("if a then\nlocal = 1\nend"))).toThrow('sample.lua:2: found "=": wanted a name');
});

describe("of the scripts as they are", () => {
  let redis: Redis;
  beforeAll(() => {
    redis = new Redis(sharedServerUrl(), { protocol: 2 });
  });
  afterAll(() => redis.disconnect());

  /** What the server's compiler says against each source; nothing is kept there. */
  async function refusals(texts: readonly string[]): Promise<unknown> {
    const compile = `local found = {}
      for n = 1, #ARGV do
        local ok, problem = loadstring(ARGV[n])
        if not ok then found[#found + 1] = n .. " " .. problem end
      end
      return found`;
    return await redis.call("EVAL", compile, 0, ...texts);
  }

  test("no mutant is there twice, and each can be bundled and compiled", { timeout: 180_000 }, async () => {
    expect(places.length).toBeGreaterThan(500);
    expect(new Set(places.map(({ id }) => id)).size).toBe(places.length);
    const originals = new Set(allScripts.map(({ source }) => source));
    const sampled = places.map((place) => {
      // One of the scripts that have the place: the text that is changed is the same in all.
      const [bundled = ""] = bundlesWith(sources, place, 1).values();
      return bundled;
    });
    expect(sampled.filter((source) => originals.has(source))).toEqual([]);
    expect(await refusals(sampled)).toEqual([]);
  });

  test("what is held to be unseen is there", () => {
    const ids = new Set(places.map(({ id }) => id));
    expect([...readSurvivors().keys()].filter((id) => !ids.has(id))).toEqual([]);
  });

  test("every listed mutant names a case, or says why only a vector can show it", async () => {
    const cases = new Set((await loadCases()).map(({ id }) => id));
    const without = LISTED.filter(({ foundBy, noCase }) => !cases.has(foundBy) && noCase === undefined);
    expect(without.map(({ name }) => name)).toEqual([]);
  });
});

test("the tenant's prefix goes from every argument, however the bytes arrive", () => {
  const command = "*3\r\n$4\r\nHGET\r\n$20\r\ntenant:{acme}:orders\r\n$5\r\ntenan\r\n";
  const without = "*3\r\n$4\r\nHGET\r\n$6\r\norders\r\n$5\r\ntenan\r\n";
  for (let cut = 0; cut <= command.length; cut += 1) {
    const rewrite = dropTenantPrefix();
    const bytes = Buffer.from(command + command);
    const sent = Buffer.concat([rewrite(bytes.subarray(0, cut)), rewrite(bytes.subarray(cut))]);
    expect(sent.toString()).toBe(without + without);
  }
});

describe("a run fails", () => {
  const listed = { mutant: { name: "listed", foundBy: "a/case", scripts: new Map() }, find: undefined };
  const find = { test: "vectors/x/y", how: "the reply is 1" };
  const verdict = { id: "x.lua negate: a", file: "x.lua", at: "src/x.lua:1", reached: true };

  test.each([
    [
      "for a listed mutant that its case does not find",
      { ...listed },
      "listed, and not found by a/case: listed",
    ],
    [
      "for a survivor without a reason",
      { ...verdict, find: undefined, reason: undefined },
      "survives: x.lua",
    ],
    [
      "for a place that no test gets to",
      { ...verdict, find: undefined, reason: undefined, reached: false },
      "is reached by no test: x.lua",
    ],
    [
      "for a reason of a mutant that is found",
      { ...verdict, find, reason: "why" },
      "and vectors/x/y sees it",
    ],
  ])("%s", (_, it, problem) => {
    const outcome = "mutant" in it ? { listed: [it], generated: [] } : { listed: [], generated: [it] };
    expect(problemsOf(outcome)).toEqual([expect.stringContaining(problem)]);
  });

  test("and does not for one that is found, or survives with a reason", () => {
    const generated = [
      { ...verdict, find, reason: undefined },
      { ...verdict, find: undefined, reason: "why" },
    ];
    expect(problemsOf({ listed: [{ ...listed, find }], generated })).toEqual([]);
  });

  test.each([
    ["- mutants: [a]", "entry 1: wanted a reason"],
    ["- { reason: why, mutants: [a] }\n- { reason: why, mutants: [a] }", '"a" is there twice'],
    ["reason: why", "wanted a list"],
  ])("for a list of survivors like %j", (text, problem) => {
    expect(() => readSurvivors(text)).toThrow(problem);
  });
});

describe("on a bench", () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await Bench.start(await findRuntimes(["node"]));
  });
  afterAll(() => bench[Symbol.asyncDispose]());

  test("scripts tell which places they get to, and do what they do", async () => {
    const [vector] = loadVectors("vectors/discard/letters-are-dropped");
    if (vector === undefined) throw new Error("no vector letters-are-dropped");
    await bench.breakBy({ scripts: bySha1(sources, telling(sources, places)) });
    bench.log.reached();
    expect(await bench.vector(vector)).toBeUndefined();
    const reached = [...bench.log.reached()].map((number) => places[number]?.id);
    expect(reached).toContain('discard.lua drop: redis.call("XDEL", dead, letters[at])');
    expect(reached).toContain("args.lua negate: #KEYS ~= #wanted");
    expect(reached).not.toContain('args.lua negate: not string.find(text, "^SLUICE_BADARG ")');
    expect(reached.filter((id) => id?.startsWith("settle.lua"))).toEqual([]);
  });

  test("an endless loop in a script is found, and ended", { timeout: 60_000 }, async () => {
    const [vector] = loadVectors("vectors/discard/letters-are-dropped");
    const discard = allScripts.find(({ name }) => name === "discard");
    if (vector === undefined || discard === undefined) throw new Error("no vector, or no script");
    await bench.breakBy({ scripts: new Map([[discard.sha1, "while true do end"]]) });
    expect(await bench.vector(vector, 500)).toBe("no answer: an endless loop");
    await bench.breakBy({ scripts: new Map() });
    expect(await bench.vector(vector)).toBeUndefined();
  });

  test.each([
    "settle does not mark the key as processed",
    "recovery takes waiting entries early",
    "a group that was lost begins at the stream's end",
    "keys are without the tenant's prefix",
  ])("a listed mutant is found by its case: %s", async (name) => {
    const mutant = LISTED.find((it) => it.name === name);
    const one = (await loadCases()).find(({ id }) => id === mutant?.foundBy);
    if (mutant === undefined || one === undefined) throw new Error(`no mutant "${name}", or no case for it`);
    await bench.breakBy({ scripts: new Map() });
    expect((await bench.case(one)).reason).toBeUndefined();
    await bench.breakBy(mutant);
    expect(await byCase(bench, { case: one, durationMs: 0 })).toBeDefined();
    await bench.closeSuite();
  });
});
