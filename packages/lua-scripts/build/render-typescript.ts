/**
 * The TypeScript side of the build: one module per script, one each for the status words and the constants.
 */
import type { Bundle } from "./bundle.js";
import type { Header } from "./header.js";
import type { Registry } from "./registry.js";

/** The command that writes every generated file, as told in their first lines. */
export const COMMAND = "npx tsx packages/lua-scripts/build/generate.ts";

export interface BuiltScript {
  readonly header: Header;
  readonly bundle: Bundle;
  readonly sha1: string;
}

function generatedFrom(path: string): string {
  return `// Generated from ${path} by \`${COMMAND}\`. Do not edit.\n`;
}

/** `dead_letter` gives `deadLetterScript`. */
export function constName(scriptName: string): string {
  return `${scriptName.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())}Script`;
}

export function renderScript(script: BuiltScript, path: string): string {
  const { header, bundle, sha1 } = script;
  const names = (keys: Header["keys"]): string =>
    `[${keys.map((key) => JSON.stringify(key.name)).join(", ")}]`;
  return [
    generatedFrom(path),
    'import type { Script } from "../script.js";\n\n',
    docstring(`${header.name}: ${header.summary}`, ""),
    `export const ${constName(header.name)}: Script = {\n`,
    `  name: ${JSON.stringify(header.name)},\n`,
    `  sha1: ${JSON.stringify(sha1)},\n`,
    `  keys: ${names(header.keys)},\n`,
    `  groupKeys: ${names(header.groupKeys)},\n`,
    `  source: ${templateLiteral(bundle.source)},\n`,
    "};\n",
  ].join("");
}

export function renderIndex(scriptNames: readonly string[]): string {
  const constants = scriptNames.map(constName);
  return [
    generatedFrom("src/scripts and src/includes"),
    'import type { Script } from "../script.js";\n',
    ...scriptNames.map((name) => `import { ${constName(name)} } from "./${name}.js";\n`),
    "\n",
    'export * from "./constants.js";\n',
    'export * from "./status.js";\n',
    constants.length === 0 ? "" : `export { ${constants.join(", ")} };\n`,
    "\n/** Every script there is, by name in alphabetical order. */\n",
    `export const allScripts: readonly Script[] = [\n${constants.map((name) => `  ${name},\n`).join("")}];\n`,
  ].join("");
}

export function renderStatus(registry: Registry, path: string): string {
  const entries = registry.entries.map(
    ({ name, value, doc }) => `${docstring(doc, "  ")}  ${name}: ${JSON.stringify(value)},\n`,
  );
  return [
    `${generatedFrom(path)}\n`,
    docstring(registry.doc || "The words that scripts answer with.", ""),
    `export const Status = {\n${entries.join("")}} as const;\n\n`,
    "export type Status = (typeof Status)[keyof typeof Status];\n",
  ].join("");
}

export function renderConstants(registry: Registry, path: string): string {
  const constants = registry.entries.map(
    ({ name, value, doc }) => `\n${docstring(doc, "")}export const ${name} = ${JSON.stringify(value)};\n`,
  );
  // A module without an export would be a script to TypeScript.
  return generatedFrom(path) + (constants.join("") || "\nexport {};\n");
}

/**
 * The source as it is, line by line, so that the difference of a generated module reads like that of the Lua.
 */
export function templateLiteral(text: string): string {
  const escaped = text
    .replace(/[\\`]|\$\{/g, "\\$&")
    .replace(/[^\n\P{Cc}]|[\u2028\u2029\uFEFF]/gu, (char) => {
      return `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`;
    });
  return `\`${escaped}\``;
}

function docstring(text: string, indent: string): string {
  const lines = text.replaceAll("*/", "*\\/").split("\n");
  if (lines.length === 1) return `${indent}/** ${lines[0]} */\n`;
  return [
    `${indent}/**\n`,
    ...lines.map((line) => `${indent} * ${line}`.trimEnd().concat("\n")),
    `${indent} */\n`,
  ].join("");
}
