/**
 * That the checks of package boundaries hold on this tree, and that each of them can fail.
 */
import { execFileSync, spawnSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { check, sourceFolders } from "../boundaries/check.js";

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));
const FIXTURE = join(REPOSITORY, "tools/boundaries/fixture");

/** Which rules catch which file of the fixture. What is not here breaks none. */
const EXPECTED: Readonly<Record<string, readonly string[]>> = {
  "packages/lua-scripts/src/reads-a-file.ts": ["lua-scripts-depends-on-nothing"],
  "packages/lua-scripts/src/looks-up.ts": ["lua-scripts-depends-on-nothing"],
  "packages/core/src/uses-a-socket.ts": ["core-is-runtime-neutral"],
  "packages/core/src/imports-ioredis.ts": ["core-knows-no-redis-library"],
  "packages/core/src/imports-ioredis-types.ts": ["core-knows-no-redis-library"],
  "packages/core/src/imports-zod.ts": ["core-depends-on-lua-scripts-only", "declared-dependencies"],
  "packages/core/src/imports-a-client.ts": ["core-depends-on-lua-scripts-only"],
  "packages/core/src/imports-deno-std.ts": ["core-depends-on-lua-scripts-only"],
  "packages/core/src/imports-a-test.ts": ["core-depends-on-lua-scripts-only", "sources-import-sources"],
  "packages/core/src/cycle-a.ts": ["no-cycles"],
  "packages/client-node/src/skips-core.ts": ["clients-depend-on-core-only"],
  "packages/client-node/src/imports-the-other-client.ts": ["clients-are-apart"],
  "packages/client-node/src/imports-undeclared.ts": ["declared-dependencies"],
  "packages/client-node/src/imports-by-path.ts": ["packages-by-name"],
  "packages/client-node/src/imports-nothing-there.ts": ["resolvable"],
  "packages/test-server/src/imports-core.ts": ["test-server-is-a-leaf"],
  "packages/conformance-tests/src/runner-imports-a-client.ts": ["conformance-runner-imports-no-client"],
  "packages/cli/src/reaches-inside.ts": ["packages-by-name", "public-entry-points-only"],
  "packages/cli/src/imports-conformance.ts": ["nothing-depends-on-the-top"],
  "examples/tour/src/reaches-inside.ts": ["packages-by-name", "public-entry-points-only"],
  "benchmarks/reaches-inside.ts": ["packages-by-name", "public-entry-points-only"],
  "benchmarks/imports-an-example.ts": ["nothing-depends-on-the-top"],
};

describe("imports", () => {
  test("the sources of this repository cross no boundary", () => {
    const { files, violations } = check(REPOSITORY);
    expect(violations).toEqual([]);
    expect(files).toBeGreaterThan(10);
  });

  test("each forbidden import of the fixture is caught by the rule that is about it, and no other is", () => {
    const found: Record<string, string[]> = {};
    for (const { rule, from } of check(FIXTURE).violations)
      found[from] = [...(found[from] ?? []), rule].sort();
    expect(found).toEqual(EXPECTED);
  });

  test("every rule there is fires on the fixture", () => {
    const print =
      "console.log(JSON.stringify(require('./.dependency-cruiser.cjs').forbidden.map((rule) => rule.name)))";
    const rules: unknown = JSON.parse(
      execFileSync(process.execPath, ["-e", print], { cwd: REPOSITORY, encoding: "utf8" }),
    );
    expect([...new Set(Object.values(EXPECTED).flat())].sort()).toEqual([...(rules as string[])].sort());
  });

  test("every package, example and benchmark that has sources is looked at", () => {
    expect(sourceFolders(FIXTURE)).toEqual([
      ...["cli", "client-deno", "client-node", "conformance-tests", "core", "lua-scripts", "test-server"].map(
        (name) => `packages/${name}/src`,
      ),
      "examples/tour/src",
      "benchmarks",
    ]);
  });
});

describe("globals of a runtime", () => {
  const GLOBALS = ["Buffer", "Bun", "Deno", "__dirname", "__filename", "global", "process", "require"];
  const RULE = "lint/style/noRestrictedGlobals";

  test("each is refused in core and lua-scripts, and only there", () => {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), "sluice-globals-")));
    try {
      copyFileSync(join(REPOSITORY, "biome.json"), join(folder, "biome.json"));
      for (const source of [
        "packages/core/src",
        "packages/lua-scripts/src/deep",
        "packages/client-node/src",
      ]) {
        mkdirSync(join(folder, source), { recursive: true });
        for (const name of GLOBALS)
          writeFileSync(join(folder, source, `${name}.ts`), `export default typeof ${name};\n`);
        // A parameter of such a name is nobody's global.
        writeFileSync(
          join(folder, source, "parameter.ts"),
          "export default (process: { pid: number }) => process.pid;\n",
        );
      }
      const args = ["lint", "--vcs-enabled=false", "--reporter=github", "--max-diagnostics=none", "."];
      const { stdout } = spawnSync(join(REPOSITORY, "node_modules/.bin/biome"), args, {
        cwd: folder,
        encoding: "utf8",
      });
      const refused = [...stdout.matchAll(/^::error title=(\S+?),file=(\S+?),/gm)]
        .filter(([, rule]) => rule === RULE)
        .map(([, , file = ""]) => relative(folder, file));
      expect(refused.sort(), stdout).toEqual(
        ["packages/core/src", "packages/lua-scripts/src/deep"].flatMap((source) =>
          GLOBALS.map((name) => `${source}/${name}.ts`),
        ),
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("none is reached through globalThis, where the linter does not see it", () => {
    const reached = /globalThis\s*(\?\.|\.|\[\s*["'`])\s*(Deno|Bun|process|Buffer|require|setImmediate)\b/;
    for (const folder of ["packages/core/src", "packages/lua-scripts/src"]) {
      const files = readdirSync(join(REPOSITORY, folder), { recursive: true, encoding: "utf8" });
      const sources = files.filter((file) => file.endsWith(".ts"));
      expect(sources.length).toBeGreaterThan(0);
      for (const file of sources) {
        expect(readFileSync(join(REPOSITORY, folder, file), "utf8"), `${folder}/${file}`).not.toMatch(
          reached,
        );
      }
    }
  });
});
