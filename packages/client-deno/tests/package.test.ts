/** What the package is for those who get it from a registry of Deno's, or from npm's. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { expect, test } from "vitest";
import { PACKAGE, start } from "./deno.js";

const REPOSITORY = join(PACKAGE, "../..");

/** For compilers on a busy machine. */
const SLOW_MS = 120_000;

const read = (path: string) => JSON.parse(readFileSync(join(PACKAGE, path), "utf8"));

test("Deno's compiler accepts the sources, and Deno fits what they take for it", {
  timeout: SLOW_MS,
}, async () => {
  const { code, stderr } = await start(["task", "check"]).ended;
  expect(code, stderr).toBe(0);
});

test("it can be published: no slow types, and the sources, README and licence alone", {
  timeout: SLOW_MS,
}, async () => {
  const { code, lines, stderr } = await start(["task", "check:publish"]).ended;
  const output = [...lines, stderr].join("\n");
  expect(code, output).toBe(0);
  const files = [...output.matchAll(/^ +file:\S+\/client-deno\/(\S+) /gm)].map(([, file]) => file);
  expect(files.sort()).toEqual([
    "LICENSE",
    "README.md",
    "deno.json",
    ...["connect", "mod", "permissions", "runtime"].map((name) => `src/${name}.ts`),
  ]);
  expect(output).not.toMatch(/warning/i);
});

test("deno.json and package.json say the same of name, version, licence and dependencies", () => {
  const [deno, npm] = [read("deno.json"), read("package.json")];
  for (const field of ["name", "version", "license"]) expect(deno[field]).toBe(npm[field]);
  const wanted = Object.values<string>(deno.imports).map((specifier) => {
    const [, name, range] = /^npm:(.+)@\^?([\d.]+)/.exec(specifier) ?? [];
    return [name, range];
  });
  const declared = Object.entries<string>(npm.dependencies).map(([name, range]) => [
    name,
    range.replace("^", ""),
  ]);
  expect(new Map(wanted as [string, string][])).toEqual(new Map(declared as [string, string][]));
});

test("its public names are those of @sluice/node", { timeout: SLOW_MS }, () => {
  const [deno, node] = namesOf(["packages/client-deno/src/mod.ts", "packages/client-node/src/index.ts"]);
  expect(deno).toContain("connect");
  expect(deno).toContain("SluiceError");
  expect(deno).toEqual(node);
});

/** All that each module exports, types included. */
function namesOf(paths: readonly string[]): string[][] {
  const files = paths.map((path) => join(REPOSITORY, path));
  const { config } = ts.readConfigFile(join(REPOSITORY, "tsconfig.base.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, REPOSITORY);
  const program = ts.createProgram(files, options);
  const checker = program.getTypeChecker();
  return files.map((file) => {
    const source = program.getSourceFile(file);
    const module = source && checker.getSymbolAtLocation(source);
    if (module === undefined) throw new Error(`read the exports of ${file}: it is not a module`);
    return checker
      .getExportsOfModule(module)
      .map(({ name }) => name)
      .sort();
  });
}
