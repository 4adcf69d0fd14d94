import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { layOut } from "../../build/bundle.js";
import { lex, normaliseLineBreaks } from "../../build/lexer.js";
import { NASTY } from "./support.js";

const texts = (source: string): string[] => lex(source, "sample.lua").map((token) => token.text);
const code = (source: string) => lex(source, "sample.lua").filter((token) => token.kind !== "comment");

describe("the lexer splits where Lua 5.1 does", () => {
  test.each([
    ["a.b:c(...)", ["a", ".", "b", ":", "c", "(", "...", ")"]],
    ["a..b ...c", ["a", "..", "b", "...", "c"]],
    ["1 ..2", ["1", "..", "2"]],
    [".5+3.-0xfF*1e2/0.5E-1", [".5", "+", "3.", "-", "0xfF", "*", "1e2", "/", "0.5E-1"]],
    ["0xE+1", ["0xE", "+", "1"]],
    ["a~=b<=c>=d==e<f>g=h", ["a", "~=", "b", "<=", "c", ">=", "d", "==", "e", "<", "f", ">", "g", "=", "h"]],
    ["t[ [[x]] ]", ["t", "[", "[[x]]", "]"]],
    ["a[b[1]]", ["a", "[", "b", "[", "1", "]", "]"]],
    ["- -1--1", ["-", "-", "1", "--1"]],
    ["\"a\\\"b\"..'c\\'d'", ['"a\\"b"', "..", "'c\\'d'"]],
    ['"\\\\" x', ['"\\\\"', "x"]],
    ['"a\\\nb"', ['"a\\\nb"']],
    ["[=[ ]] ]==] ]=]x", ["[=[ ]] ]==] ]=]", "x"]],
    ["[[]]]", ["[[]]", "]"]],
    ["--[==[ ]] \n ]==]x", ["--[==[ ]] \n ]==]", "x"]],
    ["--[=x\ny", ["--[=x", "y"]],
    ["--[ [\ny", ["--[ [", "y"]],
    ["--\nx", ["--", "x"]],
    ["endx end_ _end end", ["endx", "end_", "_end", "end"]],
    ["goto continue", ["goto", "continue"]],
  ])("%j", (source, expected) => {
    expect(texts(source)).toEqual(expected);
  });

  test("a token knows its kind, its place and the line it begins on", () => {
    const tokens = lex('local x = [[\n\n]] -- c\n"y" 1 goto', "sample.lua");
    expect(tokens.map(({ kind, line }) => `${kind} ${line}`)).toEqual([
      "keyword 1",
      "name 1",
      "operator 1",
      "string 1",
      "comment 3",
      "string 4",
      "number 4",
      "name 4",
    ]);
    for (const token of tokens)
      expect('local x = [[\n\n]] -- c\n"y" 1 goto'.slice(token.start, token.end)).toBe(token.text);
  });
});

describe("what Lua refuses is refused with file and line", () => {
  test.each([
    ['\nlocal a = "open', /^sample\.lua:2: a string is not closed on its line$/],
    ['x = "a\nb"', /^sample\.lua:1: a string is not closed/],
    ['x = "a\\', /^sample\.lua:1: a string is not closed/],
    ['x = "\\256"', /^sample\.lua:1: escape \\256 is above 255$/],
    ["\n\nx = [==[ ]=]", /^sample\.lua:3: a string opened with \[==\[ is never closed by \]==\]$/],
    ["--[[ open", /^sample\.lua:1: a comment opened with \[\[ is never closed/],
    ["x = [[ a [[ b ]]", /^sample\.lua:1: a string opened with \[\[ holds another \[\[/],
    ["x = [= 1", /^sample\.lua:1: \[= opens neither/],
    ["x = 3..2", /^sample\.lua:1: "3\.\.2" is not a number$/],
    ["x = 1local", /^sample\.lua:1: "1local" is not a number$/],
    ["x = 0x", /^sample\.lua:1: "0x" is not a number$/],
    ["x = 0x1p4", /^sample\.lua:1: "0x1p4" is not a number$/],
    ["x = 1e", /^sample\.lua:1: "1e" is not a number$/],
    ["\nx = a & b", /^sample\.lua:2: unexpected character U\+0026/],
    ["x = é", /^sample\.lua:1: unexpected character U\+00E9/],
    ["\uFEFFx = 1", /^sample\.lua:1: unexpected character U\+FEFF/],
    ["#!lua name=x\nreturn 1", /^sample\.lua:1: a script has no shebang line/],
  ])("%j", (source, message) => {
    expect(() => lex(source, "sample.lua")).toThrow(message);
  });
});

test("line breaks of every kind count once, as Lua counts them", () => {
  expect(normaliseLineBreaks("a\r\nb\rc\n\rd\n\r\ne\n")).toBe("a\nb\nc\nd\n\ne\n");
});

describe("laying out drops comments and blank lines and nothing else", () => {
  test("the tokens are the same, and no comment is left", () => {
    const before = code(NASTY.text);
    const after = lex(layOut(NASTY.text, before, ""), "after.lua");
    expect(after.map((token) => token.text)).toEqual(before.map((token) => token.text));
  });

  test("tokens stay on the line they were on, with its indentation; blank lines go", () => {
    const source = "\n-- top\nif a then -- why\n\n  -- note\n  b( 1,--[[ x ]] 2 )\n\tc()\n--[[\n]] end";
    expect(layOut(source, code(source), "")).toBe("if a then\n  b( 1, 2 )\n\tc()\n end");
  });

  test("a comment is all that stood between two tokens: they do not run together", () => {
    const source = "a--[[]]b=1--[[]]..2-- x\n-- y\n- -1 c=d--[=[\n]=](e)";
    expect(layOut(source, code(source), "")).toBe("a b=1 ..2\n- -1 c=d\n(e)");
  });

  const piece = fc.constantFrom(
    "local",
    "x",
    "_y1",
    "end",
    "1",
    "0x1F",
    "3.",
    ".5",
    "1e5",
    "=",
    "==",
    "~=",
    "-",
    "..",
    "...",
    ".",
    "[",
    "]",
    "(",
    ")",
    '"a"',
    "'--'",
    '"\\""',
    '"\\\\"',
    '"\\\n"',
    "[[ -- ]]",
    "[=[ ]] \n ]=]",
    "[==[[[]==]",
    "<",
    "<=",
    ":",
    ";",
    "#",
    "{",
    "}",
  );
  const separator = fc.array(
    fc.constantFrom(
      " ",
      "  ",
      "\n",
      "\t",
      "\n\n",
      "--\n",
      '-- x ]] "\n',
      "--[[]]",
      "--[=[ ]] \n ]=]",
      "--[==x\n",
      "--[[\n--]]",
    ),
    { minLength: 1, maxLength: 3 },
  );

  test("whatever the tokens and whatever stands between them", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(piece, separator), { minLength: 1, maxLength: 12 }), (parts) => {
        // A comment directly behind `-` or `[` would be read with it, so every separator begins with a space.
        const source = parts.map(([token, between]) => `${token} ${between.join("")}`).join("");
        const before = code(source);
        expect(before.map((token) => token.text)).toEqual(parts.map(([token]) => token));
        const laidOut = layOut(source, before, "");
        const after = lex(laidOut, "after.lua");
        expect(after.map((token) => token.text)).toEqual(parts.map(([token]) => token));
        for (const [at, token] of after.entries()) {
          const next = after[at + 1];
          const [one, other] = [before[at], before[at + 1]];
          if (next === undefined || one === undefined || other === undefined) continue;
          const broken = laidOut.slice(token.end, next.start).includes("\n");
          expect(broken).toBe(source.slice(one.end, other.start).includes("\n"));
        }
        expect(layOut(laidOut, after, "")).toBe(laidOut);
      }),
      { numRuns: 2_000 },
    );
  });
});
