import { describe, expect, test } from "vitest";
import { bundle } from "../../build/bundle.js";
import { includes, projectIncludes, projectScripts, script } from "./support.js";

const none = includes({});
const ring = "local ring = { width = 3 }\nreturn ring\n";

describe("a bundle", () => {
  test("has each include once, behind those it requires, and the script at the end", () => {
    const diamond = projectScripts().get("diamond") ?? script("");
    const found = projectIncludes();
    const made = bundle(diamond, (name) => found.get(name));
    expect(made.includes).toEqual(["leaf", "left", "right"]);
    for (const name of made.includes) {
      expect(made.source.split(new RegExp(`\\nlocal ${name}(_\\w+| = \\(function\\(\\))`))).toHaveLength(3);
    }
    expect(made.source).not.toContain("--[");
    expect(made.source.endsWith("\n}\n")).toBe(true);
  });

  test("says in its first line what it is, and has no other comment", () => {
    const made = bundle(script("-- a\nreturn 1 -- b"), none);
    expect(made.source).toBe(
      "-- sluice sample: generated from src/scripts/sample.lua, do not edit\nreturn 1\n",
    );
  });

  test("is the same every time, and does not depend on comments or line breaks of the platform", () => {
    const text = 'local ring = require("ring")\n\nlocal a = [[\nx]]\nreturn ring.width .. a\n';
    const once = bundle(script(text), includes({ ring })).source;
    expect(bundle(script(text), includes({ ring })).source).toBe(once);
    expect(bundle(script(`-- more\n\n${text}-- less`), includes({ ring: `--[[ x ]]\n${ring}` })).source).toBe(
      once,
    );
  });

  test("leaves require alone in strings and comments", () => {
    const text =
      '--[[ local a = require("a") ]]\nreturn "require(\\"b\\")", [[\nlocal c = require("c")]] -- require';
    expect(bundle(script(text), none).includes).toEqual([]);
  });

  test("takes an include under another name where the file needs the name itself", () => {
    const text = 'local ring_of = require("ring")\nlocal ring = KEYS[1]\nreturn ring .. ring_of.width';
    expect(bundle(script(text), includes({ ring })).source).toContain(
      "end)()\nlocal ring_of = ring\nlocal ring = KEYS[1]\nreturn ring .. ring_of.width\n",
    );
  });

  test("does not call an include's value with the parenthesis that a script begins with", () => {
    const text = '(print or error)("x")\nlocal ring = require("ring")\nreturn ring';
    expect(bundle(script(text), includes({ ring })).source).toContain('end)()\n;\n(print or error)("x")\n');
  });

  test("indents an include without touching the lines of a long string", () => {
    const text = 'local a = require("a")\nreturn a';
    const a = "local a = [[\nx\n  y]]\nreturn a";
    expect(bundle(script(text), includes({ a })).source).toContain(
      "local a = (function()\n  local a = [[\nx\n  y]]\n  return a\nend)()\n",
    );
  });
});

describe("a require that cannot be bundled is refused with file and line", () => {
  const form = /^src\/scripts\/sample\.lua:2: only `local NAME = require\("NAME"\)` is understood/;
  test.each([
    ["without a local", 'ring = require("ring")', form],
    ["as a statement", 'require("ring")', form],
    ["without parentheses", 'local ring = require "ring"', form],
    ["with a long string", "local ring = require([[ring]])", form],
    ["with an escape", 'local ring = require("r\\105ng")', form],
    ["with a path", 'local ring = require("../ring")', form],
    ["of a computed name", 'local ring = require("ri" .. "ng")', form],
    ["with a second value", 'local a, ring = 1, require("ring")', form],
    ["with a second argument", 'local ring = require("ring", 1)', form],
    ["passed on", "local load = require", form],
    ["as a field", 'local ring = _G.require("ring")', form],
    ["inside an expression", 'local width = (require("ring")).width', form],
    ["with a field taken", 'local ring = require("ring").width', /:2: .* nothing may follow it .* found \.$/],
    ["with a call", 'local ring = require("ring")()', /:2: .* found \($/],
    ["with an operator", 'local ring = require("ring") or {}', /:2: .* found or$/],
    ["in a block", 'do local ring = require("ring") end', /:2: "ring" is required inside a block/],
    [
      "in a function",
      'local function f() local ring = require("ring") end',
      /:2: "ring" is required inside a block/,
    ],
    ["twice", 'local ring = require("ring") local other = require("ring")', /:2: "ring" is required twice$/],
    [
      "below a local that hides it",
      'local ring = 1 local it = require("ring")',
      /:2: require "ring" above the local/,
    ],
    [
      "of nothing there",
      'local rign = require("rign")',
      /:2: there is no include "rign" \(src\/includes\/rign\.lua\)$/,
    ],
    ["of a name of Lua's", 'local string = require("string")', /:2: an include named "string" would hide/],
    ["without use", 'local ring = require("ring")', /:2: requires "ring" and does not use it$/],
    [
      "without use, under another name",
      'local other = require("ring")',
      /:2: requires "ring" and does not use it$/,
    ],
  ])("%s", (_, line, message) => {
    const text = `local x = 1\n${line}\nreturn x`;
    expect(() => bundle(script(text), includes({ ring, string: ring }))).toThrow(message);
  });

  test("an include that returns nothing", () => {
    const text = 'local a = require("a")\nreturn a';
    const a = "local a = {}\nfunction a.f() return 1 end";
    expect(() => bundle(script(text), includes({ a }))).toThrow(/sample\.lua:1: include "a" returns nothing/);
  });

  test("a cycle, which is named", () => {
    const found = includes({
      a: 'local b = require("b")\nreturn b',
      b: '\nlocal c = require("c")\nreturn c',
      c: '\n\nlocal b = require("b")\nreturn b',
    });
    expect(() => bundle(script('local a = require("a")\nreturn a'), found)).toThrow(
      /^src\/includes\/c\.lua:3: includes require each other in a cycle: b -> c -> b$/,
    );
    expect(() =>
      bundle(script('local a = require("a")'), includes({ a: 'local a = require("a") return a' })),
    ).toThrow(/^src\/includes\/a\.lua:1: .* a -> a$/);
  });
});

describe("an include used without being required, which works only in some bundles, is refused", () => {
  const user = (line: string) => includes({ ring, user: `local user = {}\n${line}\nreturn user` });
  const text = 'local ring = require("ring")\nlocal user = require("user")\nreturn { ring, user }';

  test.each([
    "user.width = ring.width",
    "local t = { ring, 1 }",
    "local t = { [ring] = 1 }",
    "ring = 1",
    "f(ring)",
  ])("%s", (line) => {
    expect(() => bundle(script(text), user(line))).toThrow(
      /^src\/includes\/user\.lua:2: uses "ring" without requiring it$/,
    );
  });

  test.each([
    "user.ring = 1",
    "local t = { ring = 1, a = 2 }",
    "local t = { a = 2, ring = 1 }",
    "local a, ring = 1, 2 user.a = ring",
    "local function ring() return ring end",
    "function user.f(a, ring) return ring end",
    "for ring = 1, 2 do user.a = ring end",
    "for _, ring in pairs(user) do user.a = ring end",
    'user.a = "ring" -- ring',
  ])("but not what merely has its name: %s", (line) => {
    expect(bundle(script(text), user(line)).includes).toEqual(["ring", "user"]);
  });
});
