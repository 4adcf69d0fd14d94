import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, test } from "vitest";

const folder = dirname(fileURLToPath(import.meta.url));
const core = join(folder, "../..");
const cases = readdirSync(folder).filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"));

/** What the compiler has read, for the next program: the libraries and schemas are most of its work. */
const read = new Map<string, ts.SourceFile | undefined>();

/** Compiles files of this folder, existing ones or ones given as text, and says what the compiler says. */
function compile(
  names: readonly string[],
  {
    texts = {},
    options: overrides = {},
  }: { texts?: Record<string, string>; options?: ts.CompilerOptions } = {},
): string[] {
  const config = ts.readConfigFile(join(core, "tsconfig.json"), ts.sys.readFile);
  const options = { ...ts.parseJsonConfigFileContent(config.config, ts.sys, core).options, ...overrides };
  const host = ts.createCompilerHost(options);
  const given = new Map(Object.entries(texts).map(([name, text]) => [join(folder, name), text]));
  const { fileExists, readFile } = host;
  const { getSourceFile } = host;
  host.getSourceFile = (path, ...rest) => {
    if (given.has(path)) return getSourceFile(path, ...rest);
    if (!read.has(path)) read.set(path, getSourceFile(path, ...rest));
    return read.get(path);
  };
  host.fileExists = (path) => given.has(path) || fileExists(path);
  host.readFile = (path) => given.get(path) ?? readFile(path);
  const paths = names.map((name) => join(folder, name));
  const program = ts.createProgram(paths, options, host);
  // Of these files only: what they import is compiled by the check of the whole tree.
  return paths
    .flatMap((path) => ts.getPreEmitDiagnostics(program, program.getSourceFile(path)))
    .map((diagnostic) => {
      const line = diagnostic.file?.getLineAndCharacterOfPosition(diagnostic.start ?? 0).line ?? 0;
      const text = ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n");
      return `${diagnostic.file?.fileName}:${line + 1} ${text}`;
    });
}

// Three programs are compiled from scratch, which a busy machine may take a while for.
describe("types", { timeout: 120_000 }, () => {
  test("every line marked as an error is one, and no other line is", () => {
    // An @ts-expect-error above a line without an error is an error itself.
    expect(cases).toContain("publishing.ts");
    expect(compile(cases)).toEqual([]);
  });

  test("they hold in a project without exactOptionalPropertyTypes too", () => {
    expect(compile(cases, { options: { exactOptionalPropertyTypes: false } })).toEqual([]);
  });

  test("the compiler names the event types there are where one is wrong", () => {
    const text = `
import type { Publishing } from "../../src/bus-api.js";
import { defineHandler } from "../../src/handler.js";
import { events, type Schemas } from "./catalog.js";
declare const bus: Publishing<Schemas>;
bus.publish("order.lost", {});
bus.publishMany([{ type: "order.lost", data: { orderId: "o1", carrier: "post" } }]);
events.handler({ name: "h", eventTypes: ["order.lost"], handle() {} });
defineHandler(events, { name: "h", eventTypes: ["order.placed"], handle: (_, { emit }) => emit("order.lost", {}) });
`;
    const found = compile(["wrong-type.ts"], { texts: { "wrong-type.ts": text } });
    expect(found).toHaveLength(4);
    for (const error of found) expect(error).toContain('"order.placed" | "order.shipped" | "order.noted"');
  });

  test("the compiler says where a schema's input is not JSON, and why", () => {
    const text = `
      import { z } from "zod";
      import { defineEvents } from "../../src/catalog.js";
      defineEvents({ a: z.object({ at: z.array(z.object({ seen: z.date().optional() })) }) });
      defineEvents({ a: z.object({ fine: z.string(), count: z.bigint() }) });
      defineEvents({ a: z.object({ page: z.instanceof(URL) }) });
      defineEvents({ a: z.string().optional() });
    `;
    const errors = compile(["given.ts"], { texts: { "given.ts": text } });
    const said = (part: string) => expect.stringContaining(`the input of this schema must be JSON: ${part}`);
    expect(errors).toEqual([
      said("data.at[].seen is a Date"),
      said("data.count is a bigint"),
      said("data.page has methods"),
      said("data may be undefined (make it optional, or null)"),
    ]);
  });

  test("the examples in the documentation of EventHandler are those that were compiled", () => {
    const documentation = readFileSync(join(core, "src/handler.ts"), "utf8").replaceAll(/^ \* ?/gm, "");
    const example = readFileSync(join(folder, "handler-example.ts"), "utf8");
    const shown = example
      .slice(example.indexOf("export const billing"))
      .split(/^export /m)
      .filter(Boolean);
    expect(shown).toHaveLength(3);
    for (const part of shown) expect(documentation).toContain(part.trim());
  });
});
