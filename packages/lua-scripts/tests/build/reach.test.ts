import { describe, expect, test } from "vitest";
import { bundle } from "../../build/bundle.js";
import { includes, script } from "./support.js";

const leaf = `local leaf = {}
function leaf.one()
  return 1
end
function leaf.two()
  return 2
end
return leaf`;

const ring = `-- A library of the usual form.
local leaf = require("leaf")
local other = require("other")

local ring = {}

local COUNT, LIVE = 5, 4
local SPARE = COUNT - LIVE

ring.MOST = 10
ring.LEAST = SPARE

local function bucket(self)
  return self[COUNT]
end

--- Adds.
function ring.add(self)
  bucket(self)
  ring.turn(self)
end

function ring.turn(self)
  return self and ring.turn() or leaf.one()
end

function ring.spare(self)
  return other.spare(bucket(self), SPARE)
end

return ring`;

const other = 'local other = {}\nfunction other.spare() return "spare" end\nreturn other';

function bundled(body: string, texts: Readonly<Record<string, string>> = {}): string {
  return bundle(script(body), includes({ leaf, ring, other, ...texts }))
    .source.split("\n")
    .slice(1, -1)
    .join("\n");
}

describe("of an include a bundle has what the script can get to", () => {
  test("and not its other functions, what only they use, nor includes of which nothing is left", () => {
    expect(bundled('local ring = require("ring")\nring.add({})')).toBe(`local leaf_one
do
  function leaf_one()
    return 1
  end
end
local ring_add, ring_turn
do
  local COUNT, LIVE = 5, 4
  local function bucket(self)
    return self[COUNT]
  end
  function ring_add(self)
    bucket(self)
    ring_turn(self)
  end
  function ring_turn(self)
    return self and ring_turn() or leaf_one()
  end
end
ring_add({})`);
  });

  test("whatever leads there: a constant of it, and that constant's own", () => {
    expect(bundled('local ring = require("ring")\nreturn ring.LEAST')).toBe(`local ring_LEAST
do
  local COUNT, LIVE = 5, 4
  local SPARE = COUNT - LIVE
  ring_LEAST = SPARE
end
return ring_LEAST`);
  });

  test("under another name too, which goes with what used it", () => {
    const texts = {
      ring: ring.replace("local leaf =", "local leaf_of =").replace("leaf.one", "leaf_of.one"),
    };
    const body = 'local rings = require("ring")\nreturn rings';
    expect(bundled(`${body}.turn()`, texts)).toContain("return self and ring_turn() or leaf_one()\n");
    expect(bundled(`${body}.turn()`, texts)).toContain("end\nreturn ring_turn()");
    expect(bundled(`${body}.MOST`, texts)).not.toContain("leaf");
  });

  test("and all of it where the table itself is used, or something that is not declared in it", () => {
    const whole = bundled('local ring = require("ring")\nf(ring)');
    expect(whole).toContain("function ring.spare(self)");
    expect(whole).toContain("local other_spare\n");
    for (const use of ["return ring", "ring[name]()", "ring:add()", "ring.later()", "local it = ring"]) {
      expect(bundled(`local ring = require("ring")\n${use}`), use).toBe(whole.replace("f(ring)", use));
    }
    expect(
      bundled('local ring = require("ring")\nreturn ring.MOST, { ring = 1, b = 2, ring = 3 }, x.ring'),
    ).toContain("local ring_MOST\ndo\n  ring_MOST = 10\nend\n");
    const keeps = { leaf: leaf.replace("return 1", "return leaf") };
    expect(bundled('local leaf = require("leaf")\nleaf.one()', keeps)).toContain("function leaf.two()");
  });

  test("whatever has the name of something that it declares", () => {
    const texts = {
      leaf: "local leaf = {}\nlocal a, b = 1, 2\nfunction leaf.f() b = { a } end\nreturn leaf",
    };
    const kept = "  local a, b = 1, 2\n  function leaf_f() b = { a } end\n";
    expect(bundled('local leaf = require("leaf")\nleaf.f()', texts)).toContain(kept);
  });

  test("and each declaration of a name, where there are several", () => {
    const texts = { leaf: "local leaf = {}\nleaf.n = 1\nleaf.m = 1\nleaf.n = leaf.n + 1\nreturn leaf" };
    expect(bundled('local leaf = require("leaf")\nreturn leaf.n', texts)).toContain(
      "local leaf_n\ndo\n  leaf_n = 1\n  leaf_n = leaf_n + 1\nend\n",
    );
  });
});

describe("what may do more than declare is always there", () => {
  test.each([
    "local found = f(1)",
    "leaf.found = leaf.one()",
    'local found = f"text"',
    "local found = f{ 1 }",
    "local found = (f or g)(1)",
    "local found = f[[text]]",
    'local found = ("text"):rep(2)',
  ])("a call: %s", (line) => {
    const texts = { leaf: leaf.replace("return leaf", `${line}\nreturn leaf`) };
    expect(bundled('local leaf = require("leaf")\nreturn leaf.two()', texts)).toContain(
      `  ${line.replaceAll("leaf.", "leaf_")}\n`,
    );
  });

  test.each([
    "local unused = (1 + 2) * -3",
    'local unused = { "a", b = { 1 }, ["c"] = KEYS[1] }',
    "local unused",
    "local unused = leaf.one and {} or {}",
    "leaf.unused = tostring(1)",
  ])("but no value that is only computed: %s", (line) => {
    const texts = { leaf: leaf.replace("return leaf", `${line}\nreturn leaf`) };
    expect(bundled('local leaf = require("leaf")\nreturn leaf.two()', texts)).not.toContain("unused");
  });

  test.each([
    [
      "another statement at the top level",
      `${leaf.slice(0, -11)}if KEYS then leaf.one = nil end\nreturn leaf`,
    ],
    ["a loop", `${leaf.slice(0, -11)}for n = 1, 2 do leaf[n] = n end\nreturn leaf`],
    ["a call for its own sake", `${leaf.slice(0, -11)}leaf.one()\nreturn leaf`],
    ["an assignment to anything else", `${leaf.slice(0, -11)}leaf.a.b = 1\nreturn leaf`],
    ["several assigned at once", `${leaf.slice(0, -11)}leaf.a, leaf.b = 1, 2\nreturn leaf`],
    ["a computed field", `${leaf.slice(0, -11)}leaf["a"] = 1\nreturn leaf`],
    ["a method", `${leaf.slice(0, -11)}function leaf:m() end\nreturn leaf`],
    ["a global function", `${leaf.slice(0, -11)}function m() end\nreturn leaf`],
    ["a semicolon", `${leaf.slice(0, -11)}leaf.a = 1;\nreturn leaf`],
    ["a table that begins with something in it", leaf.replace("{}", "{ a = 1 }")],
    ["the table declared twice", `${leaf.slice(0, -11)}local leaf = {}\nreturn leaf`],
    ["the table hidden", `${leaf.slice(0, -11)}local a, leaf = 1, {}\nreturn leaf`],
    ["another value returned", `${leaf}.one`],
    ["two values returned", `${leaf}, 1`],
    [
      "another table returned",
      leaf.replace("local leaf = {}", "local leaf, it = {}, {}").replace(/leaf$/, "it"),
    ],
  ])("an include of a form that is not understood: %s", (_, text) => {
    const whole = text.split("\n").map((line) => `  ${line}`);
    expect(bundled('local leaf = require("leaf")\nreturn leaf.two', { leaf: text })).toBe(
      ["local leaf = (function()", ...whole, "end)()", "return leaf.two"].join("\n"),
    );
  });

  test("with all that it uses, though the script has no use for it", () => {
    const odd = 'local leaf = require("leaf")\nleaf.one()\nreturn leaf';
    const library =
      'local odd = require("odd")\nlocal library = {}\nfunction library.f() return odd end\nlibrary.A = 1\n';
    const body = 'local library = require("library")\nreturn library.A';
    const made = bundle(script(body), includes({ leaf, odd, library: `${library}return library` }));
    expect(made.includes).toEqual(["leaf", "odd", "library"]);
    expect(made.source).not.toContain("function library.f");
  });
});
