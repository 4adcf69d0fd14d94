/**
 * What users get: the published packages, built, packed, judged by the tools that know how packages go wrong, and used
 * by a program outside of this repository.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { sharedServerUrl, uniqueName } from "@sluice/test-server";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { quickStartPrints } from "../docs/readme.js";
import { examplesOf, packageExample, quickStart } from "../pack/example.js";
import { exportedFiles, importsOf } from "../pack/exported.js";
import { installOutside, type OutsideProgram, programText } from "../pack/outside.js";
import {
  buildPackages,
  isEsmOnly,
  manifestOf,
  type Packed,
  PUBLISHED,
  pack,
  REPOSITORY,
} from "../pack/packages.js";

const run = promisify(execFile);

/** For builds, installs and compilers on a busy machine. */
const SLOW_MS = 300_000;

interface AttwReport {
  readonly analysis: { readonly packageName: string };
  readonly problems?: Readonly<Record<string, readonly { readonly resolutionKind?: string }[]>>;
}

let folder: string;
let builtTwice: string;
let packed: readonly Packed[];

beforeAll(async () => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "sluice-packed-")));
  await buildPackages();
  builtTwice = await buildPackages();
  packed = await Promise.all(PUBLISHED.map((path) => pack(path, folder)));
}, SLOW_MS);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("a second build of the packages is answered from turbo's cache", () => {
  expect(builtTwice).toContain("FULL TURBO");
});

describe.each(PUBLISHED)("%s", (path) => {
  const it = () => {
    const found = packed.find((one) => one.folder === join(REPOSITORY, path));
    if (found === undefined) throw new Error(`find what was packed of ${path}: nothing`);
    return found;
  };

  test("the tarball holds what the package exports, its README and licence, and nothing else", () => {
    expect(it().files).toEqual(exportedFiles(it()));
  });

  test("the licence is the repository's", () => {
    const licence = (at: string) => readFileSync(join(at, "LICENSE"), "utf8");
    expect(licence(it().folder)).toBe(licence(REPOSITORY));
  });

  test("what is built imports declared dependencies and modules of the runtime by their node: names", () => {
    const { folder: at, files, manifest, name } = it();
    const declared = Object.keys(manifest.dependencies ?? {});
    const neutral = name === "@sluice/core" || name === "@sluice/lua-scripts";
    for (const file of files.filter((one) => /^dist\/.*\.[cm]?[jt]s$/.test(one))) {
      for (const specifier of importsOf(at, file)) {
        const [scope, inScope] = specifier.split("/");
        const dependency = specifier.startsWith("@") ? `${scope}/${inScope}` : scope;
        const allowed = neutral ? specifier === "node:async_hooks" : specifier.startsWith("node:");
        expect(allowed || declared.includes(dependency ?? ""), `${file} imports ${specifier}`).toBe(true);
      }
    }
  });

  test("publint has nothing to say", async () => {
    const tarball = new Uint8Array(readFileSync(it().tarball)).buffer;
    const { messages, pkg } = await publint({ pack: { tarball }, strict: true });
    expect(messages.map((message) => formatMessage(message, pkg))).toEqual([]);
  });

  test("arethetypeswrong finds no problem, for any way of resolving the kinds of modules there are", {
    timeout: SLOW_MS,
  }, async () => {
    const attw = join(REPOSITORY, "node_modules/.bin/attw");
    // It ends with 1 when it finds one, and says which on standard output.
    const profile = isEsmOnly(it().manifest) ? "esm-only" : "strict";
    const { stdout } = await run(attw, [it().tarball, "--format", "json", "--profile", profile]).catch(
      (error: { stdout: string }) => error,
    );
    const { analysis, problems = {} }: AttwReport = JSON.parse(stdout);
    expect(analysis.packageName).toBe(it().name);
    // It lists what the profile leaves out as well.
    const ignored = isEsmOnly(it().manifest) ? ["node10", "node16-cjs"] : [];
    const found = Object.values(problems).flat();
    expect(found.filter(({ resolutionKind = "" }) => !ignored.includes(resolutionKind))).toEqual([]);
  });
});

describe("a program outside of the workspace", () => {
  const stream = uniqueName("packed");
  let program: OutsideProgram;

  beforeAll(async () => {
    program = await installOutside(packed, { ts7: "npm:typescript@~7.0.2" });
    program.write("example.mjs", quickStart(`${stream}-esm`).esm);
    program.write("example.cjs", quickStart(`${stream}-cjs`).cjs);
  }, SLOW_MS);

  afterAll(() => program?.[Symbol.dispose]());

  const env = () => ({ REDIS_URL: sharedServerUrl() });
  test("runs the README's quick start as an ES module", async () => {
    expect(await program.node("example.mjs", env())).toBe(quickStartPrints());
  });

  test("runs the README's quick start as CommonJS", async () => {
    expect(await program.node("example.cjs", env())).toBe(quickStartPrints());
  });

  test("runs both in one process, where tenants, errors and results are understood across", async () => {
    program.write("example.mjs", quickStart(`${stream}-esm-both`).esm);
    program.write("example.cjs", quickStart(`${stream}-cjs-both`).cjs);
    program.write("both.mjs", programText("both.mjs"));
    const printed = await program.node("both.mjs", { ...env(), STREAM: stream });
    expect(printed.match(/^holds: .*$/gm)).toEqual([
      "holds: there are two copies",
      "holds: both run the example",
      "holds: both listen for a signal by one listener, which goes with the last bus",
      "holds: CJS sees the tenant that ESM sets",
      "holds: CJS takes a catalog, results and errors of handlers from ESM",
      "holds: instanceof of ESM knows what CJS throws",
      "holds: ESM sees the tenant that CJS sets",
      "holds: ESM takes a catalog, results and errors of handlers from CJS",
      "holds: instanceof of CJS knows what ESM throws",
    ]);
  });

  const example = (path: string) =>
    packageExample(join(REPOSITORY, path), { url: sharedServerUrl(), stream: uniqueName("readme") });

  const commonJs = PUBLISHED.filter((path) => !isEsmOnly(manifestOf(path)));
  test.each(commonJs)(
    "runs the example in the README of %s, as an ES module and as CommonJS",
    async (path) => {
      program.write("readme.mjs", example(path).esm);
      program.write("readme.cjs", example(path).cjs);
      await program.node("readme.mjs", env());
      await program.node("readme.cjs", env());
    },
  );

  test("runs the example in the README of packages/client-deno under Deno, with the permissions named there", async () => {
    program.write("readme.mjs", example("packages/client-deno").esm);
    await program.deno("readme.mjs", ["--allow-env", `--allow-net=${new URL(sharedServerUrl()).host}`]);
  });

  test("runs the example in the README of packages/conformance-tests", async () => {
    program.write("readme.mjs", example("packages/conformance-tests").esm);
    expect(await program.node("readme.mjs", env())).toMatch(/^\d+ results, 0 failed\n$/);
  });

  const { Node16, Bundler } = ts.ModuleResolutionKind;
  const RESOLUTIONS = [
    ["Node resolves them", { module: ts.ModuleKind.Node16, moduleResolution: Node16 }, ["mts", "cts"]],
    ["bundlers resolve them", { module: ts.ModuleKind.ESNext, moduleResolution: Bundler }, ["ts"]],
  ] as const;
  test.each(RESOLUTIONS)(
    "compiles against the declarations, as %s",
    { timeout: SLOW_MS },
    (_, options, kinds) => {
      const files: string[] = [];
      const add = (file: string, text: string) => {
        program.write(file, text);
        files.push(file);
      };
      for (const kind of kinds) {
        // In CommonJS there is no await outside of functions.
        const form = kind === "cts" ? "wrapped" : "typescript";
        add(`types.${kind}`, programText("types.ts"));
        add(`example.${kind}`, quickStart(stream)[form]);
        for (const [at, path] of PUBLISHED.entries()) {
          if (kind !== "cts" || commonJs.includes(path)) add(`readme-${at}.${kind}`, example(path)[form]);
        }
      }
      // What must not compile shows that the compiler looks.
      add("wrong.ts", 'import { withTenant } from "@sluice/node";\nwithTenant(1, () => {});\n');
      const found = program.typeCheck(files, options);
      expect(found).toEqual([expect.stringContaining("wrong.ts:2: ")]);
    },
  );

  const COMPILERS = [
    ["the TypeScript of this repository", () => join(REPOSITORY, "node_modules/typescript")],
    ["TypeScript 7", () => join(program.folder, "node_modules/ts7")],
  ] as const;
  test.each(COMPILERS)(
    "compiles the examples of the documents, and exports what they make, as a strict project with declarations under %s",
    { timeout: SLOW_MS },
    async (_, compiler) => {
      const files = ["declarations.mts"];
      program.write("declarations.mts", programText("declarations.ts"));
      for (const document of [
        "README.md",
        "docs/operators.md",
        ...PUBLISHED.map((at) => `${at}/README.md`),
      ]) {
        for (const [at, example] of examplesOf(document).entries()) {
          const file = `${document.replace(/\W+/g, "-")}-${at}.mts`;
          program.write(file, example);
          files.push(file);
        }
      }
      expect(await program.compile(compiler(), files)).toBe("");
      // What must not compile shows that the compiler looks.
      program.write("wrong.mts", 'import { withTenant } from "@sluice/node";\nwithTenant(1, () => {});\n');
      expect(await program.compile(compiler(), ["wrong.mts"])).toMatch(/^wrong\.mts\(2,12\): error TS2345: /);
    },
  );
});
