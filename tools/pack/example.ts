/** The examples of the READMEs, in the forms in which a program outside of this repository may have them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { REPOSITORY } from "./packages.js";

/** The README's quick start is this file. */
export const EXAMPLE = "examples/quickstart/index.ts";

export interface ExampleForms {
  /** As it stands in the README. */
  readonly typescript: string;
  /** The same where `await` is not allowed outside of a function, as in CommonJS; exports the promise `done`. */
  readonly wrapped: string;
  /** JavaScript as an ES module. */
  readonly esm: string;
  /** JavaScript as CommonJS; exports the promise `done`. */
  readonly cjs: string;
}

/**
 * The README's quick start.
 *
 * @param stream the stream in place of the example's "orders", so that a run has names of its own
 */
export function quickStart(stream: string): ExampleForms {
  return formsOf(readFileSync(join(REPOSITORY, EXAMPLE), "utf8"), { stream });
}

/**
 * The first example in a package's README.
 *
 * @param names.url the server in place of redis://127.0.0.1:6379
 * @param names.stream the stream in place of "orders"
 */
export function packageExample(
  folder: string,
  names: { readonly url: string; readonly stream: string },
): ExampleForms {
  const readme = readFileSync(join(folder, "README.md"), "utf8");
  const text = /^```ts\n(.*?)^```$/ms.exec(readme)?.[1];
  if (text === undefined) throw new Error(`read the README in ${folder}: it has no example in TypeScript`);
  return formsOf(text, names);
}

/** The examples in TypeScript of a document, each a module of its own. */
export function examplesOf(document: string): string[] {
  const text = readFileSync(join(REPOSITORY, document), "utf8");
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = ""]) => code);
}

function formsOf(text: string, names: { readonly url?: string; readonly stream: string }): ExampleForms {
  const typescript = text
    .replaceAll('"orders"', JSON.stringify(names.stream))
    .replaceAll('"redis://127.0.0.1:6379"', (found) => (names.url ? JSON.stringify(names.url) : found));
  const isImport = (line: string) => /^import .* from ".*";/.test(line);
  const lines = typescript.split("\n");
  const wrapped = [
    ...lines.filter(isImport),
    "async function main(): Promise<void> {",
    ...lines.filter((line) => !isImport(line)),
    "}",
    "export const done = main();",
    "",
  ].join("\n");
  return {
    typescript,
    wrapped,
    esm: transpile(typescript, ts.ModuleKind.ESNext),
    cjs: transpile(wrapped, ts.ModuleKind.CommonJS),
  };
}

function transpile(text: string, module: ts.ModuleKind): string {
  const compilerOptions = { module, target: ts.ScriptTarget.ES2022 };
  return ts.transpileModule(text, { compilerOptions }).outputText;
}
