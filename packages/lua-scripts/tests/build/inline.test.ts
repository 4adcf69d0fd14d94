import { describe, expect, test } from "vitest";
import { bundle } from "../../build/bundle.js";
import { includes, script } from "./support.js";

const status = `--- The words.
local status = {
  --- It is gone.
  LOST = "LOST", -- for good
  QUOTED = 'a "word"';
  LONG = [[
long]],
}
return status`;
const constants = "local constants = { MOST = 1000, LEAST = -5 }\nreturn constants";
const found = includes({ status, constants });

/** The lines of the bundle behind its first. */
function bundled(text: string, find = found): readonly string[] {
  return bundle(script(text), find).source.split("\n").slice(1, -1);
}

describe("an entry of a registry", () => {
  test("is there as its value, and the registry is not", () => {
    const text = `local status = require("status")
local constants = require("constants")
local function f(x)
  return x == status.LOST and { status.QUOTED, [status.LOST] = #status.LONG } or constants.MOST
end
return f(constants.MOST, status.LOST)`;
    expect(bundled(text)).toEqual([
      "local function f(x)",
      `  return x == "LOST" and { 'a "word"', ["LOST"] = #[[`,
      "long]] } or 1000",
      "end",
      'return f(1000, "LOST")',
    ]);
    expect(bundle(script(text), found).includes).toEqual([]);
  });

  test("is there in includes too, and under another name", () => {
    const types = 'local words = require("status")\nlocal types = {}\ntypes.BAD = words.LOST\nreturn types';
    const text =
      'local types = require("types")\nlocal word = require("status")\nreturn types.BAD == word.LOST';
    expect(bundled(text, includes({ status, types }))).toEqual([
      "local types_BAD",
      "do",
      '  types_BAD = "LOST"',
      "end",
      'return types_BAD == "LOST"',
    ]);
  });

  test.each([
    ["1-constants.LEAST", "1-(-5)"],
    ["-constants.LEAST", "-(-5)"],
    ["constants.MOST..''", "(1000)..''"],
    ["constants.MOST .. ''", "1000 .. ''"],
    ["''..constants.MOST", "''..1000"],
    ["constants\n  . MOST", "1000"],
  ])("is read as the value it is: %s", (expression, as) => {
    expect(bundled(`local constants = require("constants")\nreturn ${expression}`)).toEqual([`return ${as}`]);
  });

  test("is told from what merely has the registry's name", () => {
    const text =
      'local status = require("status")\nreturn status.LOST, x.status, { status = 1, b = 2 }, "status.X"';
    expect(bundled(text)).toEqual(['return "LOST", x.status, { status = 1, b = 2 }, "status.X"']);
  });

  test("that does not exist, which Lua would read as nil, is refused with file and line", () => {
    expect(() => bundled('local words = require("status")\n\nreturn words.FENSED')).toThrow(
      /^src\/scripts\/sample\.lua:3: there is no status\.FENSED in src\/includes\/status\.lua$/,
    );
    const types =
      'local status = require("status")\nlocal types = {}\nfunction types.unused() return status.LSOT end';
    const text = 'local types = require("types")\nreturn types.refusal';
    expect(() => bundled(text, includes({ status, types: `${types}\nreturn types` }))).toThrow(
      /^src\/includes\/types\.lua:3: there is no status\.LSOT in/,
    );
  });
});

describe("a registry's table is not in the bundle, so another use is refused with file and line", () => {
  test.each([
    "f(status)",
    "local word = status[name]",
    'local word = status["LOST"]',
    "for word in pairs(status) do end",
    "local words = status",
    'status.LOST = "GONE"',
    "local text = status.LOST:lower()",
    "local text = status.LOST.x",
    "status.LOST()",
    "status:LOST()",
  ])("%s", (line) => {
    expect(() => bundled(`local status = require("status")\nlocal a = status.LOST\n${line}`)).toThrow(
      /^src\/scripts\/sample\.lua:3: only the value of `status\.NAME` can be used: the table is not in the bundle$/,
    );
  });

  test.each([
    "local ok, status = f()",
    "local function f(status) return status.LOST end",
    "for _, status in ipairs(list) do end",
  ])("and a second meaning of its name: %s", (line) => {
    expect(() => bundled(`local status = require("status")\nlocal a = status.LOST\n${line}`)).toThrow(
      /^src\/scripts\/sample\.lua:1: "status" is declared a second time, which hides the include$/,
    );
  });
});

test.each([
  ["with an expression", "local table_of = { A = 60 * 1000 }\nreturn table_of"],
  ["with a table in it", "local table_of = { A = {} }\nreturn table_of"],
  ["with a list", 'local table_of = { "A" }\nreturn table_of'],
  ["with names in lower case, as variables have", "local table_of = { a = 1 }\nreturn table_of"],
  ["that is empty", "local table_of = {}\nreturn table_of"],
  ["that is filled later", "local table_of = { A = 1 }\ntable_of.B = 2\nreturn table_of"],
])("a table %s is no registry, and stays a table", (_, table_of) => {
  const text = 'local table_of = require("table_of")\nreturn table_of.A, table_of';
  expect(bundle(script(text), includes({ table_of })).includes).toEqual(["table_of"]);
});
