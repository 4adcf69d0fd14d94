import { describe, expect, test } from "vitest";
import { parseHeader } from "../../build/header.js";
import { checkKeysUsed } from "../../build/keys-used.js";
import { projectScripts, script } from "./support.js";

const TAGS = ["-- @reply OK", "-- @cost  O(1)", "-- @since protocol 1"];

/** A header that is right, with the given lines in front of its tags. */
function header(...lines: readonly string[]): string {
  return ["--- sample: does a thing.", "--", ...lines, ...TAGS, "return 1"].join("\n");
}

describe("a header", () => {
  test("gives everything that the bindings and the reference page need", () => {
    expect(parseHeader(projectScripts().get("diamond") ?? script(""))).toEqual({
      name: "diamond",
      summary: "reply with what two includes say that share a third.",
      description: [
        "The description has two paragraphs, `code with <angles> and a | bar`,",
        "and <angles> outside of code.",
        "",
        "The second paragraph.",
      ].join("\n"),
      keys: [
        { name: "stream", type: "STREAM", doc: "" },
        { name: "published.0", type: "HASH", doc: "two generations" },
        { name: "published.1", type: "HASH", doc: "two generations" },
        { name: "state", type: "HASH", doc: "what the group remembers" },
      ],
      groupKeys: [],
      args: [
        { name: "mode", doc: "one of A | B" },
        { name: "entries", doc: "list of (id, key), 1..1000" },
        { name: "rest", doc: "string: kept as it is" },
      ],
      replies: ["OK, then the values", "FULL"],
      errors: [{ name: "SLUICE_BADARG", doc: "a caller's bug; nothing was written" }],
      invariants: ["nothing is written"],
      cost: "O(1)",
      since: 1,
    });
  });

  test("a series of keys is written as one line", () => {
    const { keys } = parseHeader(script(header("-- @key processed.0..4 SET ring")));
    expect(keys.map((key) => key.name)).toEqual([0, 1, 2, 3, 4].map((bucket) => `processed.${bucket}`));
  });

  test("keys of each group stand apart from the fixed ones", () => {
    const parsed = parseHeader(projectScripts().get("per_group") ?? script(""));
    expect(parsed.keys.map((key) => key.name)).toEqual(["stream", "meta"]);
    expect(parsed.groupKeys.map((key) => key.name)).toEqual(["retries", "state"]);
  });

  test("a summary may take two lines, and a description may be missing", () => {
    const text = ["--- sample: does", "-- a thing.", ...TAGS].join("\n");
    expect(parseHeader(script(text))).toMatchObject({ summary: "does a thing.", description: "" });
  });
});

describe("a mistake in a header is refused with file and line", () => {
  test.each([
    ["no header", "return 1", /:1: a script begins with its header/],
    ["a plain comment first", "-- sample: x", /:1: a script begins with its header/],
    ["no name", "--- does a thing.", /:1: the first line must read "--- sample: what it does"/],
    [
      "another name",
      header().replace("sample", "other"),
      /:1: the header is about "other", the file is "sample"$/,
    ],
    ["no @reply", header().replace("-- @reply OK\n", ""), /:4: @reply is missing/],
    ["no @cost", header().replace("-- @cost  O(1)\n", ""), /:4: @cost is missing/],
    ["no @since", header().replace("-- @since protocol 1\n", ""), /:4: @since is missing/],
    [
      "no number in @since",
      header().replace("protocol 1", "1.0.0"),
      /:5: @since must read "protocol N", found "1\.0\.0"$/,
    ],
    ["two @cost", header("-- @cost O(N)"), /:5: @cost is there twice$/],
    ["an unknown tag", header("-- @param x"), /:3: unknown tag @param: known are @key @groupkey @arg/],
    ["a tag without a word", header("-- @ x"), /:3: unknown tag @:/],
    ["an empty tag", header("-- @invariant"), /:3: @invariant says nothing$/],
    [
      "an unknown key",
      header("-- @key leese HASH"),
      /:3: unknown key "leese": known are stream meta published\.0\.\.1/,
    ],
    ["a bucket too many", header("-- @key processed.0..5 SET"), /:3: unknown key "processed\.5"/],
    ["a series backwards", header("-- @key processed.4..0 SET"), /:3: "processed\.4\.\.0" runs backwards$/],
    ["a key of another type", header("-- @key leases ZSET"), /:3: key "leases" is a HASH, found "ZSET"$/],
    ["a key without type", header("-- @key leases"), /:3: key "leases" is a HASH, found ""$/],
    ["a key twice", header("-- @key meta HASH", "-- @key meta HASH"), /:4: key "meta" is named twice$/],
    [
      "a fixed key behind a group's",
      header("-- @groupkey state HASH", "-- @key meta HASH"),
      /:4: @key stands behind/,
    ],
    ["an argument without words", header("-- @arg group"), /:3: @arg group says nothing$/],
    ["an argument twice", header("-- @arg a x", "-- @arg a y"), /:4: argument "a" is there twice$/],
    [
      "an argument in capitals",
      header("-- @arg Group x"),
      /:3: @arg "Group": an argument's name begins in lower case$/,
    ],
    [
      "an error without code",
      header("-- @error when it fails"),
      /:3: @error "when": an error begins with its code/,
    ],
    ["text behind the tags", header("-- @arg a x", "-- more"), /:4: text behind the tags: indent it/],
    ["text behind an empty line", header("-- @arg a x", "--", "--   more"), /:5: text behind the tags/],
  ])("%s", (_, text, message) => {
    expect(() => parseHeader(script(text))).toThrow(message);
    expect(() => parseHeader(script(text))).toThrow(/^src\/scripts\/sample\.lua:/);
  });
});

describe("the body takes the keys that the header names", () => {
  const check = (keys: string, body: string): void => {
    const file = script(`${header(...keys.split("\n"))}\n${body}`);
    checkKeysUsed(file, parseHeader(file));
  };
  const TWO = "-- @key stream STREAM\n-- @key meta HASH";

  test("each at least once, with #KEYS and KEYS as a whole left alone", () => {
    check(TWO, "local stream, meta = KEYS[1], KEYS[2]\ncheck(KEYS, #KEYS)");
    check(TWO, "local keys = { KEYS[2] }\nkeys[2] = KEYS[ 1 ] -- KEYS[7]\nlocal text = 'KEYS[9]'");
  });

  test.each([
    [
      "beyond them",
      "local a, b = KEYS[1], KEYS[2]\nlocal c = KEYS[3]",
      /:10: KEYS\[3\]: the header names 2 keys$/,
    ],
    ["before them", "local a, b, c = KEYS[1], KEYS[2], KEYS[0]", /:9: KEYS\[0\]: the header names 2 keys$/],
    ["between them", "local a, b, c = KEYS[1], KEYS[2], KEYS[1.5]", /:9: KEYS\[1\.5\]/],
    ["computed", "for i = 1, 2 do f(KEYS[i]) end", /:9: KEYS takes a computed index/],
    ["not at all", "local a = KEYS[1]", /:1: key "meta" of the header, KEYS\[2\], is never used$/],
  ])("and none %s", (_, body, message) => {
    expect(() => check(TWO, body)).toThrow(message);
  });

  test("a computed index is right where keys come once per group", () => {
    const keys = `${TWO}\n-- @groupkey state HASH`;
    check(keys, "local a, b, c = KEYS[1], KEYS[2], KEYS[3]\nfor i = 3, #KEYS do f(KEYS[i]) end");
    expect(() => check(keys, "local a, b, c = KEYS[1], KEYS[2], KEYS[4]")).toThrow(
      /KEYS\[4\]: the header names 3 keys$/,
    );
    expect(() => check(keys, "local a = KEYS[1]\nfor i = 3, #KEYS do f(KEYS[i]) end")).toThrow(/key "meta"/);
  });
});
