import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, test } from "vitest";

const folder = dirname(fileURLToPath(import.meta.url));
const client = join(folder, "../..");
const config = ts.readConfigFile(join(client, "tsconfig.json"), ts.sys.readFile);
const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, client);
const program = ts.createProgram(
  [join(folder, "bus.ts"), join(folder, "exported.ts"), join(client, "src/index.ts")],
  { ...options, declaration: true },
);

/** What the compiler says of a file of this folder. */
function diagnosticsOf(name: string): string[] {
  const file = program.getSourceFile(join(folder, name));
  const found = [...ts.getPreEmitDiagnostics(program, file), ...program.getDeclarationDiagnostics(file)];
  return found.map((diagnostic) => {
    const line = diagnostic.file?.getLineAndCharacterOfPosition(diagnostic.start ?? 0).line ?? 0;
    return `${name}:${line + 1} ${ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n")}`;
  });
}

describe("types", () => {
  test("every line marked as an error is one, and no other line is", () => {
    // An @ts-expect-error above a line without an error is an error itself.
    expect(diagnosticsOf("bus.ts")).toEqual([]);
  });

  test("what users export can be declared, and is shown by name", () => {
    expect(diagnosticsOf("exported.ts")).toEqual([]);
    const checker = program.getTypeChecker();
    const file = program.getSourceFile(join(folder, "exported.ts"));
    const module = file && checker.getSymbolAtLocation(file);
    const typeOf = (name: string) => {
      const symbol = module?.exports?.get(ts.escapeLeadingUnderscores(name));
      return symbol && checker.typeToString(checker.getTypeOfSymbol(symbol));
    };
    expect(typeOf("bus")).toMatch(/^SingleTenantBus</);
    expect(typeOf("tenants")).toMatch(/^MultiTenantBus</);
    expect(typeOf("others")).toMatch(/^SingleTenantBus</);
    expect(typeOf("acme")).toMatch(/^TenantBus</);
    expect(typeOf("consumer")).toBe("Consumer<EventSchemas>");
    expect(typeOf("publish")).toBe("(orderId: string) => Promise<Receipt>");
  });

  test("EventHandler is exported and documented, and so are its members", () => {
    const checker = program.getTypeChecker();
    const index = program.getSourceFile(join(client, "src/index.ts"));
    const module = index && checker.getSymbolAtLocation(index);
    const exported = module && checker.getExportsOfModule(module).find(({ name }) => name === "EventHandler");
    const symbol =
      exported && exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
    const documentation = (of: ts.Symbol | undefined) =>
      ts.displayPartsToString(of?.getDocumentationComment(checker));
    expect(documentation(symbol)).toContain("Handles the events of some types in one consumer group");
    expect(symbol?.getJsDocTags(checker).filter(({ name }) => name === "example")).toHaveLength(3);
    const members = [...(symbol?.members?.values() ?? [])].filter(({ flags }) =>
      Boolean(flags & (ts.SymbolFlags.Property | ts.SymbolFlags.Method)),
    );
    expect(members.map(({ name }) => name)).toEqual(["name", "eventTypes", "canHandle", "handle"]);
    for (const member of members) expect(documentation(member), member.name).not.toBe("");
  });
});
