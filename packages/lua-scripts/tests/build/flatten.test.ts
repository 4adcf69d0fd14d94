/** Includes in the scope of the bundle: their fields are locals of it. */
import { describe, expect, test } from "vitest";
import { bundle } from "../../build/bundle.js";
import { includes, script } from "./support.js";

const leaf = `local leaf = {}
local COUNT = 5
local function next_of(n)
  return n + COUNT
end
function leaf.next(n)
  return next_of(n)
end
leaf.MOST = next_of(1)
return leaf`;

function bundled(body: string, texts: Readonly<Record<string, string>> = {}): string {
  return bundle(script(body), includes({ leaf, ...texts }))
    .source.split("\n")
    .slice(1, -1)
    .join("\n");
}

describe("a library's fields", () => {
  test("are locals of the bundle, set in a block that keeps what is its own", () => {
    expect(bundled('local leaf = require("leaf")\nlocal COUNT = leaf.MOST\nreturn leaf.next(COUNT)')).toBe(
      `local leaf_next, leaf_MOST
do
  local COUNT = 5
  local function next_of(n)
    return n + COUNT
  end
  function leaf_next(n)
    return next_of(n)
  end
  leaf_MOST = next_of(1)
end
local COUNT = leaf_MOST
return leaf_next(COUNT)`,
    );
  });

  test("are the same under another name, in the script and in includes", () => {
    const user =
      'local of = require("leaf")\nlocal user = {}\nfunction user.f()\n  return of.next(1)\nend\nreturn user';
    const made = bundled(
      'local it = require("leaf")\nlocal user = require("user")\nreturn it.next(2), user.f()',
      {
        user,
      },
    );
    expect(made).toContain("function user_f()\n    return leaf_next(1)\n  end");
    expect(made.endsWith("return leaf_next(2), user_f()")).toBe(true);
    expect(made).not.toContain("local it");
    expect(made).not.toContain("local of");
  });

  test("are told from fields and keys of the same name", () => {
    const made = bundled('local leaf = require("leaf")\nreturn { leaf = 1, x.leaf.next, leaf.next }');
    expect(made.endsWith("return { leaf = 1, x.leaf.next, leaf_next }")).toBe(true);
  });

  test("keep their lines: what stood on one line stays on one", () => {
    const made = bundled('local leaf = require("leaf")\nreturn leaf\n  .next(1)');
    expect(made.endsWith("return leaf_next(1)")).toBe(true);
  });
});

describe("an include stays in a function of its own", () => {
  test.each([
    ["whose table is passed on", "return f(leaf)"],
    ["whose table is indexed", 'return leaf["next"](1)'],
    ["of which a field is taken that it does not declare", "return leaf.last"],
    ["whose name is declared once more", "local function f(leaf) return leaf end\nreturn f(leaf.next)"],
  ])("%s", (_, use) => {
    const made = bundled(`local leaf = require("leaf")\n${use}`);
    expect(made).toContain("local leaf = (function()\n  local leaf = {}\n");
    expect(made.endsWith(`end)()\n${use}`)).toBe(true);
  });

  test("whose table it uses itself", () => {
    const own = leaf.replace("return next_of(n)", "return leaf");
    expect(bundled('local leaf = require("leaf")\nreturn leaf.next(1)', { leaf: own })).toContain(
      "local leaf = (function()",
    );
  });
});

test("a local that would hide one is refused, with the file", () => {
  expect(() =>
    bundled('local leaf = require("leaf")\nlocal leaf_next = 1\nreturn leaf.next(leaf_next)'),
  ).toThrow('src/scripts/sample.lua:1: declares "leaf_next", which is what a field of an include becomes');
});
