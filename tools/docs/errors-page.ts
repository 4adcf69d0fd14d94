/**
 * docs/errors.md, made of the classes in packages/core/src/errors and what their docstrings say.
 *
 *     npx tsx tools/docs/errors-page.ts     writes it; a test wants it to be as this makes it
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));
const SOURCES = "packages/core/src/errors";
export const ERRORS_PAGE = join(REPOSITORY, "docs/errors.md");

interface ErrorClass {
  readonly name: string;
  readonly code: string;
  /** `yes`, `no`, or, where the instance decides, `depends`. */
  readonly retryable: string;
  readonly doc: string;
  readonly fields: readonly string[];
}

/** The chapters of the page, each with its file of classes. */
const CHAPTERS = [
  { file: "input.ts", title: "What was passed in" },
  { file: "state.ts", title: "What is in Redis already" },
  { file: "server.ts", title: "Reaching Redis" },
  { file: "lifecycle.ts", title: "Who may still act" },
] as const;

/** Files of the folder that have no class with a code of its own. */
const WITHOUT_CLASSES = ["base.ts", "describe.ts"];

/** @throws Error when a file of the folder has no chapter, or a class has no code, no docstring or a twin's code. */
export function renderErrorsPage(): string {
  const chapters = CHAPTERS.map(({ file, title }) => ({ title, classes: errorClasses(file) }));
  const known: string[] = [...CHAPTERS.map(({ file }) => file), ...WITHOUT_CLASSES];
  const forgotten = readdirSync(join(REPOSITORY, SOURCES)).filter((file) => !known.includes(file));
  if (forgotten.length > 0) throw new Error(`render the errors page: ${forgotten.join(", ")} has no chapter`);
  const codes = chapters.flatMap(({ classes }) => classes.map(({ code }) => code));
  const twin = codes.find((code, at) => codes.indexOf(code) !== at);
  if (twin !== undefined) throw new Error(`render the errors page: two classes have the code ${twin}`);
  const sections = [
    `<!-- Generated from ${SOURCES} by \`npx tsx tools/docs/errors-page.ts\`. Do not edit. -->`,
    "# Errors",
    INTRODUCTION,
    ...chapters.flatMap(({ title, classes }) => [`## ${title}`, table(classes)]),
  ];
  return `${sections.join("\n\n")}\n`;
}

const INTRODUCTION = [
  "Every error that Sluice makes is a `SluiceError`. Branch on `code` or on the class, never on the text. `retryable`",
  "says whether the same call, unchanged, may succeed later; `cause` is the error underneath, where there is one.",
  "`instanceof` holds across the ESM and the CJS copy of a package in one process. Nothing was written by a call that",
  "failed, except where `maybeExecuted` says that it may have run.",
].join("\n");

function table(classes: readonly ErrorClass[]): string {
  const rows = classes.map(({ name, code, retryable, doc, fields }) => {
    const shown = fields.map((field) => `\`${field}\``).join(", ");
    return `| \`${code}\` | \`${name}\` | ${retryable} | ${doc} | ${shown} |`;
  });
  return [
    "| code | class | retryable | what it says | fields |",
    "| --- | --- | --- | --- | --- |",
    ...rows,
  ].join("\n");
}

function errorClasses(file: string): ErrorClass[] {
  const path = join(REPOSITORY, SOURCES, file);
  const source = ts.createSourceFile(path, readFileSync(path, "utf8"), ts.ScriptTarget.ES2022, true);
  return source.statements.filter(ts.isClassDeclaration).map((declaration) => errorClass(declaration));
}

function errorClass(declaration: ts.ClassDeclaration): ErrorClass {
  const name = declaration.name?.text ?? "default";
  const properties = declaration.members.filter(ts.isPropertyDeclaration);
  const property = (wanted: string) => properties.find((member) => member.name.getText() === wanted);
  const code = property("code")?.initializer;
  if (code === undefined || !ts.isStringLiteral(code)) {
    throw new Error(`read the class ${name}: its code is not a string literal`);
  }
  const doc = docOf(declaration);
  if (doc === "") throw new Error(`read the class ${name}: it has no docstring`);
  const fields = properties
    .map((member) => member.name.getText())
    .filter((field) => field !== "code" && field !== "retryable");
  return { name, code: code.text, retryable: retryable(property("retryable")), doc, fields };
}

function retryable(property: ts.PropertyDeclaration | undefined): string {
  const kind = property?.initializer?.kind;
  if (kind === ts.SyntaxKind.TrueKeyword) return "yes";
  if (kind === ts.SyntaxKind.FalseKeyword) return "no";
  return "depends";
}

/** The docstring's text on one line, without its tags. */
function docOf(declaration: ts.ClassDeclaration): string {
  const [doc] = ts.getJSDocCommentsAndTags(declaration).filter(ts.isJSDoc);
  const text = ts.getTextOfJSDocComment(doc?.comment) ?? "";
  return text
    .replace(/\{@link (\w+)\}/g, "`$1`")
    .replace(/\s+/g, " ")
    .replaceAll("|", "\\|")
    .trim();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(ERRORS_PAGE, renderErrorsPage());
