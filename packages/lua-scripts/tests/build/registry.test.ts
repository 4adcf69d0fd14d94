import { describe, expect, test } from "vitest";
import { checkStatusWords, parseRegistry } from "../../build/registry.js";
import type { LuaFile } from "../../build/source-error.js";
import { projectIncludes } from "./support.js";

const include = (name: string, text: string): LuaFile => ({ name, path: `src/includes/${name}.lua`, text });
const project = (name: string): LuaFile => projectIncludes().get(name) ?? include(name, "");

describe("a registry", () => {
  test("gives each word with what it means", () => {
    expect(parseRegistry(project("status"))).toEqual({
      doc: "The words of the fixture.",
      entries: [
        { name: "OK", value: "OK", doc: "It was done." },
        { name: "FULL", value: "FULL", doc: "It was not, because `*/` is no end of a docstring." },
      ],
    });
  });

  test("gives integers and strings; a plain comment is no doc", () => {
    expect(parseRegistry(project("constants")).entries).toEqual([
      { name: "PROTOCOL", value: 1, doc: "The protocol that the fixture speaks." },
      { name: "MIN_MS", value: -5, doc: "Shortest wait, in milliseconds." },
      { name: "WAITING", value: "/waiting", doc: "The consumer that waits." },
    ]);
  });

  test.each([
    ["no doc", "A = 1,", /:2: A has no --- line$/],
    ["a doc above a blank line", "--- a\n\nA = 1,", /:4: A has no --- line$/],
    ["a comment of two dashes", "-- a\nA = 1,", /:3: A has no --- line$/],
    ["the doc of the entry before", "--- a\nA = 1, B = 2", /:3: B has no --- line$/],
    ["a name in lower case", "--- a\nokay = 1,", /:3: names here are in UPPER_CASE, found okay$/],
    ["an entry without a name", '"a",', /:2: names here are in UPPER_CASE, found "a"$/],
    ["a name twice", "--- a\nA = 1,\n--- b\nA = 2,", /:5: A is there twice$/],
    ["an expression", "--- a\nA = 60 * 1000,", /:3: expected ,, found \*$/],
    ["a fraction", "--- a\nA = 0.5,", /:3: 0\.5 is not an integer/],
    [
      "an integer that JavaScript cannot hold",
      "--- a\nA = 9007199254740993,",
      /:3: 9007199254740993 is not an integer/,
    ],
    ["a string with an escape", '--- a\nA = "\\n",', /:3: expected an integer or a string without escapes/],
    ["a table", "--- a\nA = {},", /:3: expected an integer or a string without escapes, found \{$/],
  ])("is refused with %s", (_, body, message) => {
    const file = include("sample", `local sample = {\n${body}\n}\nreturn sample`);
    expect(() => parseRegistry(file)).toThrow(message);
  });

  test("is one table under its file's name and nothing more", () => {
    expect(() => parseRegistry(include("sample", "local other = {}\nreturn other"))).toThrow(
      /expected sample, found other/,
    );
    expect(() => parseRegistry(include("sample", "local sample = {}"))).toThrow(
      /expected return, found the end/,
    );
    expect(() => parseRegistry(include("sample", "local sample = {}\nreturn sample, 1"))).toThrow(
      /expected the end, found ,/,
    );
  });

  test("a status is the same word on both sides", () => {
    const file = include("status", 'local status = {\n  --- a\n  LOST = "GONE",\n}\nreturn status');
    expect(() => checkStatusWords(file, parseRegistry(file).entries)).toThrow(
      /^src\/includes\/status\.lua:3: status LOST must be the word "LOST", found GONE$/,
    );
  });
});
