import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findDifferences } from "../../build/generate.js";
import { collectOutputs } from "../../build/outputs.js";
import { constName, templateLiteral } from "../../build/render-typescript.js";
import { PROJECT, REPOSITORY } from "./support.js";

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function generate(...args: readonly string[]): Promise<Outcome> {
  const program = join(REPOSITORY, "packages/lua-scripts/build/generate.ts");
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ["--import", "tsx", program, ...args],
      { cwd: REPOSITORY },
      (error, stdout, stderr) => {
        resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
      },
    );
  });
}

describe("the committed tree", () => {
  test("is what the Lua gives", () => {
    expect(findDifferences(REPOSITORY, collectOutputs(REPOSITORY))).toEqual({ changed: [], leftover: [] });
  });
});

describe("generate", () => {
  let root: string;
  const generated = "packages/lua-scripts/src/generated";
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "sluice-generate-"));
    cpSync(PROJECT, root, { recursive: true });
  });
  afterEach(() => rmSync(root, { recursive: true }));

  test("--check writes nothing and names each file that is missing, differs or is left over", async () => {
    const missing = await generate("--check", "--root", root);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain(`${generated}/diamond.ts: differs from what the Lua gives`);
    expect(missing.stderr).toContain("docs/internals/scripts.md: differs");
    expect(existsSync(join(root, generated))).toBe(false);

    expect(await generate("--root", root)).toMatchObject({ code: 0, stderr: "" });
    expect(await generate("--check", "--root", root)).toEqual({ code: 0, stdout: "", stderr: "" });

    const include = join(root, "packages/lua-scripts/src/includes/leaf.lua");
    writeFileSync(include, readFileSync(include, "utf8").replace("loads = 0", "loads = 5"));
    writeFileSync(join(root, generated, "gone.ts"), "");
    const stale = await generate("--check", "--root", root);
    expect(stale.code).toBe(1);
    expect(stale.stderr.split("\n").slice(0, -2)).toEqual([
      `${generated}/diamond.ts: differs from what the Lua gives`,
      "packages/lua-scripts/tests/snapshots/diamond.lua: differs from what the Lua gives",
      `${generated}/gone.ts: nothing generates this file`,
    ]);
    expect(existsSync(join(root, generated, "gone.ts"))).toBe(true);

    const written = await generate("--root", root);
    expect(written.stdout.split("\n")).toContain(`removed ${generated}/gone.ts`);
    expect(await generate("--check", "--root", root)).toMatchObject({ code: 0 });
  });

  test("a mistake in the Lua is one line with its place, and nothing is written", async () => {
    const file = join(root, "packages/lua-scripts/src/scripts/diamond.lua");
    writeFileSync(file, readFileSync(file, "utf8").replace("status.OK", "status.OKAY"));
    const { code, stderr } = await generate("--root", root);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringMatching(/^src\/scripts\/diamond\.lua:\d+: there is no status\.OKAY .*\n$/),
    });
    expect(existsSync(join(root, generated))).toBe(false);
  });

  test("a script that would overwrite another module, and a file that is not UTF-8, are refused", () => {
    const scripts = join(root, "packages/lua-scripts/src/scripts");
    writeFileSync(join(scripts, "index.lua"), "--- index: x\n");
    expect(() => collectOutputs(root)).toThrow(/index\.lua:1: a script may not be named "index"$/);
    writeFileSync(join(scripts, "index.lua"), Buffer.from([0x2d, 0x2d, 0xff]));
    expect(() => collectOutputs(root)).toThrow(/index\.lua:1: the file is not UTF-8$/);
  });

  test("every generated file says so in its first line", () => {
    for (const [path, content] of collectOutputs(root)) {
      expect(content.split("\n")[0], path).toMatch(/[Gg]enerated from .*[Dd]o not edit/);
    }
  });

  test("the modules hold what was built, ready to be imported", async () => {
    await generate("--root", root);
    const modules = await import(/* @vite-ignore */ join(root, generated, "index.ts"));
    expect(modules.allScripts).toEqual([modules.diamondScript, modules.perGroupScript]);
    expect(modules.diamondScript).toMatchObject({
      name: "diamond",
      keys: ["stream", "published.0", "published.1", "state"],
      groupKeys: [],
      source: readFileSync(join(root, "packages/lua-scripts/tests/snapshots/diamond.lua"), "utf8"),
    });
    expect(modules.perGroupScript).toMatchObject({
      keys: ["stream", "meta"],
      groupKeys: ["retries", "state"],
    });
    expect(modules.Status).toEqual({ OK: "OK", FULL: "FULL" });
    expect(modules).toMatchObject({ PROTOCOL: 1, MIN_MS: -5, WAITING: "/waiting" });
  });

  test("the reference page keeps angles and bars of the headers", () => {
    const page = collectOutputs(root).get("docs/internals/scripts.md");
    expect(page).toContain("`code with <angles> and a | bar`,\nand &lt;angles> outside of code.");
    expect(page).toContain("| 1 | `mode` | one of A \\| B |");
  });
});

test("a template literal gives back any text", () => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: what has to be escaped
  const text = "` ${x} $ { \\n \\` \\${y} \u0000\u0007\u007f\u2028\u2029\uFEFF \t é 😀\n$`{\\";
  // The text is ours; evaluating it is the shortest way to have it read by JavaScript itself.
  expect(new Function(`return ${templateLiteral(text)}`)()).toBe(text);
  expect(templateLiteral(text)).toMatch(/^[\n\P{Cc}]+$/u);
});

test("a script's constant is named in camel case", () => {
  expect(["settle", "dead_letter", "a_1"].map(constName)).toEqual([
    "settleScript",
    "deadLetterScript",
    "a1Script",
  ]);
});
