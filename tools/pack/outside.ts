/** A program outside of the workspace, with the packages installed from their tarballs. */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import ts from "typescript";
import { type Packed, REPOSITORY } from "./packages.js";

const run = promisify(execFile);

export interface OutsideProgram extends Disposable {
  readonly folder: string;
  /** Writes a file of the program. */
  write(file: string, text: string): void;
  /** Runs a file with Node and answers what it printed; rejects, with that, when it does not end with 0. */
  node(file: string, env: Readonly<Record<string, string>>): Promise<string>;
  /** Runs a file with Deno and these permissions, and answers as `node` does. */
  deno(file: string, permissions: readonly string[]): Promise<string>;
  /**
   * Compiles files as a project of its own does: by the command of a compiler, strict, NodeNext and with declarations.
   *
   * @param compiler path of the compiler's package
   * @returns what the compiler said; nothing if it had no complaint
   */
  compile(compiler: string, files: readonly string[]): Promise<string>;
  /** What the compiler finds in files of the program and in our declarations, a line each. */
  typeCheck(files: readonly string[], options: ts.CompilerOptions): string[];
}

/** What the programs need besides our packages: in the versions that this repository uses. */
const OTHERS = ["ioredis", "zod", "@types/node"];

/** One of `tools/pack/programs`. */
export function programText(name: string): string {
  return readFileSync(new URL(`programs/${name}`, import.meta.url), "utf8");
}

/** @param further packages besides, with their versions */
export async function installOutside(
  packages: readonly Packed[],
  further: Readonly<Record<string, string>> = {},
): Promise<OutsideProgram> {
  // The real path, since Node resolves modules by it.
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "sluice-outside-")));
  const write = (file: string, text: string) => writeFileSync(join(folder, file), text);
  write(
    "package.json",
    JSON.stringify({
      name: "outside",
      private: true,
      dependencies: { ...dependencies(packages), ...further },
    }),
  );
  // Their Docker client brings native parts to compile, which nothing here uses.
  const options = ["--prefer-offline", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"];
  await run("npm", ["install", ...options], { cwd: folder });
  return {
    folder,
    write,
    async node(file, env) {
      const { stdout } = await run(process.execPath, [file], {
        cwd: folder,
        env: { ...process.env, ...env },
      });
      return stdout;
    },
    async deno(file, permissions) {
      const deno = join(REPOSITORY, "node_modules/.bin/deno");
      const options = ["run", "--no-prompt", "--no-lock", "--node-modules-dir=manual", ...permissions];
      const { stdout } = await run(deno, [...options, file], { cwd: folder });
      return stdout;
    },
    async compile(compiler, files) {
      write("tsconfig.json", JSON.stringify({ compilerOptions: PROJECT, files }));
      const args = [join(compiler, "bin/tsc"), "--project", folder, "--pretty", "false"];
      return await run(process.execPath, args, { cwd: folder }).then(
        ({ stdout }) => stdout,
        ({ stdout, stderr }: { stdout: string; stderr: string }) => `${stdout}${stderr}`,
      );
    },
    typeCheck(files, options) {
      const typeRoots = [join(folder, "node_modules/@types")];
      const paths = files.map((file) => join(folder, file));
      const program = ts.createProgram(paths, { ...STRICT, typeRoots, ...options });
      // Declarations of others are theirs to keep in order, and the most of the work.
      const ours = program
        .getSourceFiles()
        .filter(({ fileName }) => !/\/node_modules\/(?!@sluice\/)/.test(fileName.slice(folder.length)))
        .filter(({ fileName }) => fileName.startsWith(folder));
      const found = ours.flatMap((file) => [
        ...program.getSyntacticDiagnostics(file),
        ...program.getSemanticDiagnostics(file),
        ...(file.isDeclarationFile ? [] : program.getDeclarationDiagnostics(file)),
      ]);
      return [...program.getOptionsDiagnostics(), ...found].map(describe);
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}

/** As strict as a user may be, and without this repository's own settings to lean on. */
const STRICT: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  lib: ["lib.es2022.d.ts"],
  types: ["node"],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: false,
  declaration: true,
  noEmit: true,
};

/** What a project has whose own types others use. */
const PROJECT = {
  target: "ES2022",
  lib: ["ES2022"],
  types: ["node"],
  module: "NodeNext",
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  declaration: true,
  outDir: "compiled",
};

function describe({ file, start, messageText }: ts.Diagnostic): string {
  const text = ts.flattenDiagnosticMessageText(messageText, " ");
  if (file === undefined) return text;
  const { line } = ts.getLineAndCharacterOfPosition(file, start ?? 0);
  return `${file.fileName}:${line + 1}: ${text}`;
}

function dependencies(packages: readonly Packed[]): Record<string, string> {
  const { devDependencies }: { devDependencies: Record<string, string> } = JSON.parse(
    readFileSync(join(REPOSITORY, "package.json"), "utf8"),
  );
  return {
    ...Object.fromEntries(packages.map(({ name, tarball }) => [name, `file:${tarball}`])),
    ...Object.fromEntries(OTHERS.map((name) => [name, devDependencies[name] ?? "*"])),
  };
}
