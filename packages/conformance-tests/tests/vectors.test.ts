/** The script vectors: their format, that every one holds, and that they meet all that the scripts can answer. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { allScripts, Status } from "@sluice/lua-scripts";
import { sharedServerUrl, uniqueName } from "@sluice/test-server";
import { Redis } from "ioredis";
import { afterAll, describe, expect, test } from "vitest";
import { PROTOCOL_PAGE, renderProtocolPage } from "../../../tools/docs/protocol-page.js";
import { parseHeader } from "../../lua-scripts/build/header.js";
import { readLuaFolder } from "../../lua-scripts/build/outputs.js";
import type { Vector } from "../src/vectors/format.js";
import { loadVectorFiles, loadVectors } from "../src/vectors/load.js";
import { parseVectors, VectorFormatError } from "../src/vectors/parse.js";
import { type RunOptions, runVector, type VectorUser } from "../src/vectors/run.js";
import { allKeys } from "../src/vectors/values.js";

const REPOSITORY = fileURLToPath(new URL("../../..", import.meta.url));
const redis = connect();
afterAll(() => redis.disconnect());

function connect(login: { readonly username?: string; readonly password?: string } = {}): Redis {
  return new Redis(sharedServerUrl(), { protocol: 2, maxRetriesPerRequest: 0, ...login });
}

async function makeUser(rules: readonly string[]): Promise<VectorUser> {
  const username = uniqueName("user");
  await redis.call("ACL", "SETUSER", username, "on", ">secret", ...rules);
  const connection = connect({ username, password: "secret" });
  return {
    connection,
    async remove() {
      connection.disconnect();
      await redis.call("ACL", "DELUSER", username);
    },
  };
}

/** Streams that vectors of this file used. */
const streams: string[] = [];
const options: RunOptions = {
  redis,
  names(prefix) {
    const name = uniqueName(prefix);
    streams.push(name);
    return name;
  },
  users: makeUser,
};

async function keysLeft(): Promise<readonly string[]> {
  const keys = streams.flatMap((stream) => {
    return ["billing", "audit"].flatMap((group) => Object.values(allKeys(stream, group)));
  });
  const found = await Promise.all(keys.map(async (key) => ((await redis.exists(key)) === 1 ? [key] : [])));
  return found.flat();
}

const files = loadVectorFiles();
const all = files.flatMap(({ vectors }) => vectors);

describe.each(files)("$script", ({ vectors }) => {
  test.each(vectors)("$title", async (vector) => {
    await runVector(vector, options);
  });
});

test("vectors leave nothing behind", async () => {
  expect(await keysLeft()).toEqual([]);
});

describe("what the vectors meet", () => {
  /** Every text in the steps. */
  function textsOf(vectors: readonly Vector[]): ReadonlySet<string> {
    const texts = new Set<string>();
    const visit = (value: unknown): void => {
      if (typeof value === "string") texts.add(value);
      else if (value instanceof Map) for (const item of value.values()) visit(item);
      else if (typeof value === "object" && value !== null)
        for (const item of Object.values(value)) visit(item);
    };
    for (const { steps } of vectors) {
      visit(steps);
      if (steps.some(({ kind }) => kind === "wrongTypes")) texts.add("WRONGTYPE");
    }
    return texts;
  }

  test("every script", () => {
    expect(files.map(({ script }) => script)).toEqual(allScripts.map(({ name }) => name).sort());
  });

  /** What an event, or an attempt, is that a reply does not name. */
  const unnamed: readonly string[] = [Status.NEW, Status.SETTLED];
  const named = Object.values(Status).filter((word) => !unnamed.includes(word));

  test("every status word", () => {
    const met = textsOf(all);
    expect(named.filter((word) => !met.has(word))).toEqual([]);
  });

  test("every word that a script's header names, by that script", () => {
    const sources = readLuaFolder(join(REPOSITORY, "packages/lua-scripts"), "src/scripts");
    const missed = files.flatMap(({ script, vectors }) => {
      const source = sources.get(script);
      const { replies, args } = source === undefined ? { replies: [], args: [] } : parseHeader(source);
      const header = [...replies, ...args.map(({ doc }) => doc)].join(" ");
      const met = textsOf(vectors);
      const words = named.filter((word) => new RegExp(`\\b${word}\\b`).test(header));
      return words.filter((word) => !met.has(word)).map((word) => `${script}: ${word}`);
    });
    expect(missed).toEqual([]);
  });

  test("every key of every script, holding another type", () => {
    for (const { script, keys, groupKeys: perGroup, vectors } of files) {
      const steps = vectors.flatMap((vector) => vector.steps);
      const roles = steps.flatMap((step) => (step.kind === "wrongTypes" ? [...step.types.keys()] : []));
      expect(roles, script).toEqual(expect.arrayContaining([...keys, ...perGroup]));
    }
  });
});

/** A file with one vector of `discard`, which is right unless a part of it is replaced. */
function fileWith(replaced = "", by = ""): string {
  const text = `
script: discard
level: core
keys: [meta, dead]
given:
  letters:
    - [XADD, $dead, 5-0, entryId, 1-0]
vectors:
  - name: one
    title: A letter is dropped
    given: [letters]
    steps:
      - call: [5-0]
        reply: [OK, DISCARDED]
      - redis: [XLEN, $dead]
        reply: 0
`;
  if (!text.includes(replaced)) throw new Error(`"${replaced}" is not in the file`);
  return text.replace(replaced, by);
}

function vectorWith(replaced = "", by = ""): Vector {
  const [vector] = parseVectors("discard", fileWith(replaced, by), "vectors/discard.yaml").vectors;
  if (vector === undefined) throw new Error("the file has no vector");
  return vector;
}

describe("a vector file", () => {
  test("that is right is read", () => {
    expect(vectorWith()).toMatchObject({
      id: "vectors/discard/one",
      title: "A letter is dropped",
      level: "core",
    });
  });

  test.each([
    ["keys: [meta, dead]", "keys: [", "wanted YAML 1.2"],
    ["script: discard", "script: trim", 'script "trim": wanted discard, as the file is called'],
    ["level: core", "level: fine", 'level "fine": wanted one of core recovery tenancy cluster acl'],
    [
      "keys: [meta, dead]",
      "keys: [dead, meta]",
      'keys ["dead","meta"]: wanted meta dead, as the script\'s header says',
    ],
    [
      "level: core",
      "level: core\ngroups: 1",
      "groups 1: wanted one of script level keys groupKeys given vectors",
    ],
    ["- [XADD", "- [5", "given.letters.0.0 5: wanted the name of a command"],
    ["name: one", "name: One!", 'vectors.0.name "One!": wanted lower-case words with hyphens between'],
    [
      "A letter is dropped",
      "A letter is dropped.",
      'vector "one" title "A letter is dropped.": wanted a sentence without its period',
    ],
    ["given: [letters]", "given: [letter]", 'vector "one" given.0 "letter": wanted one of letters'],
    [
      "given: [letters]",
      "needs: [luck]",
      'vector "one" needs.0 "luck": wanted one of standalone cluster proxy users own-server',
    ],
    [
      "given: [letters]",
      "user: ['+@all']",
      'vector "one" user ["+@all"]: wanted rules of a user, if and only if a call is made by it',
    ],
    ["given: [letters]", "example: yes", 'vector "one" example "yes": wanted true or false'],
    ["- call: [5-0]", "- calls: [5-0]", "wanted a command, or a map with redis or call"],
    ["- call: [5-0]", "- call: 5-0", 'vector "one" steps.0.call "5-0": wanted a list'],
    ["reply: [OK, DISCARDED]", "error: x\n        reply: [OK]", "wanted either reply or error"],
    ["reply: [OK, DISCARDED]", "replies: [OK]", 'steps.0.replies ["OK"]: wanted one of call reply error'],
    [
      "reply: [OK, DISCARDED]",
      "reply: [OK]\n        as: now",
      'steps.0.as "now": wanted a word that is not now i stream',
    ],
    ["reply: [OK, DISCARDED]", "reply: [OK]\n        by: me", 'steps.0.by "me": wanted user'],
    ["reply: [OK, DISCARDED]", "reply: [OK]\n        times: 0", "steps.0.times 0: wanted an integer from 1"],
    [
      "reply: [OK, DISCARDED]",
      "refuses: [{ at: 1, field: letter, values: [x], wanted: y }]",
      "steps.0.refuses.0.at 1: wanted a position of the call, from 0",
    ],
    [
      "reply: [OK, DISCARDED]",
      "refuses: [{ at: 0, field: letter, values: [x] }]",
      "steps.0.refuses.0.wanted nothing: wanted a text",
    ],
    ["reply: [OK, DISCARDED]", "wrongTypes: { dead: 5 }", "steps.0.wrongTypes.dead 5: wanted a text"],
    [
      "      - call: [5-0]\n        reply: [OK, DISCARDED]\n",
      "",
      'vector "one" steps 1: wanted at least one call',
    ],
  ])("with %j as %j is refused", (replaced, by, message) => {
    const read = () => parseVectors("discard", fileWith(replaced, by), "vectors/discard.yaml");
    expect(read).toThrow(VectorFormatError);
    expect(read).toThrow(/^read vectors\/discard\.yaml:/);
    expect(read).toThrow(message);
  });

  test("with a name twice, or of no script, is refused", () => {
    const twice = `${fileWith()}  - ${fileWith().split("vectors:\n  - ")[1]}`;
    expect(() => parseVectors("discard", twice, "f")).toThrow(
      'vectors.1 "vectors/discard/one": wanted a name of its own',
    );
    expect(() => parseVectors("drop", fileWith(), "f")).toThrow(
      'script "drop": wanted one of beat discard enroll',
    );
  });

  test("is found by its name in any folder", () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-vectors-"));
    try {
      writeFileSync(join(folder, "discard.yaml"), fileWith());
      expect(loadVectorFiles(folder)).toHaveLength(1);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("gives the vectors whose ID holds a pattern", () => {
    expect(loadVectors("settle/skip").map(({ id }) => id)).toEqual(["vectors/settle/skip"]);
    expect(new Set(loadVectors("vectors/*/wrong-types").map(({ script }) => script)).size).toBe(14);
    expect(loadVectors("no such vector")).toEqual([]);
  });
});

describe("a vector that does not hold fails, says where, and leaves nothing behind", () => {
  test.each([
    ["DISCARDED", "NOTFOUND", 'step 2, ["5-0"]: the reply.1 is "DISCARDED", wanted "NOTFOUND"'],
    ["reply: [OK, DISCARDED]", "error: x", 'step 2, ["5-0"]: the reply ["OK","DISCARDED"], wanted an error'],
    ["call: [5-0]", "call: [x]", "step 2, [\"x\"]: the error SLUICE_BADARG letter 'x': wanted an entry ID"],
    ["reply: 0", "reply: 1", "the reply is 0, wanted 1"],
    ["XLEN, $dead", "XLEN", "the error ERR wrong number of arguments"],
    ["XLEN, $dead", "XLEN, $deaf", "there is no such value"],
    [
      "reply: [OK, DISCARDED]",
      "reply: [OK, DISCARDED]\n        unchanged: true",
      "these keys were written, and nothing may be: ",
    ],
    ["reply: [OK, DISCARDED]", "wrongTypes: { dead: hash }", 'the reply.3 is "stream", wanted "hash"'],
    ["reply: [OK, DISCARDED]", "wrongTypes: { lead: hash }", 'there is no key "lead"'],
    ["reply: [OK, DISCARDED]", "keys: [meta, lead]\n        reply: [OK]", 'there is no key "lead"'],
    [
      "reply: [OK, DISCARDED]",
      'refuses: [{ at: 0, field: letter, values: ["\\n"], wanted: z }]',
      "the error is \"SLUICE_BADARG letter '?': wanted an entry ID such as 1764000000000-0\", wanted \"SLUICE_BADARG letter '?': z\"",
    ],
  ])("%j as %j", async (replaced, by, message) => {
    await expect(runVector(vectorWith(replaced, by), options)).rejects.toThrow(message);
    expect(await keysLeft()).toEqual([]);
  });

  test("if the script is another one", async () => {
    const script = allScripts.find(({ name }) => name === "discard");
    if (script === undefined) throw new Error("there is no script discard");
    const blind = script.source.replace('redis.call("XDEL", dead, letters[at]) == 1', "true");
    const scripts = new Map([[script.sha1, blind]]);
    await expect(runVector(vectorWith(), { ...options, scripts })).rejects.toThrow(
      "the reply is 1, wanted 0",
    );
    await runVector(vectorWith(), { ...options, scripts: new Map([["0".repeat(40), "return 1"]]) });
  });

  test("if it needs a user and none can be made", async () => {
    const vector = all.find(({ id }) => id === "vectors/open/forbidden-commands");
    const { redis: connection, names } = options;
    if (vector === undefined) throw new Error("there is no such vector");
    expect(vector.needs).toEqual(["users"]);
    await expect(runVector(vector, { redis: connection, names })).rejects.toThrow(
      "it needs a way to make users",
    );
  });
});

test("a key that held another type for a call holds what it did before", async () => {
  const steps =
    "wrongTypes: { meta: hash, dead: stream }\n      - call: [5-0]\n        reply: [OK, DISCARDED]";
  await runVector(vectorWith("reply: [OK, DISCARDED]", steps), options);
});

describe("docs/internals/protocol.md", () => {
  test("is what the Lua and the vectors make it", async () => {
    expect(readFileSync(PROTOCOL_PAGE, "utf8")).toBe(await renderProtocolPage());
  });

  test("is checked without being written", () => {
    const run = spawnSync(process.execPath, ["--import", "tsx", "tools/docs/protocol-page.ts", "--check"], {
      cwd: REPOSITORY,
      encoding: "utf8",
    });
    expect(run.stderr).toBe("");
    expect(run.status).toBe(0);
  });
});
