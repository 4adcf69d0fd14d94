/** That what the documents say is so: code, commands, options, defaults, links. */
import { execFile, execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import ts from "typescript";
import { describe, expect, test } from "vitest";
import { consumerSettings } from "../../packages/core/src/consumer/settings.js";
import { ERRORS_PAGE, renderErrorsPage } from "../docs/errors-page.js";
import { marked, quickStartPrints } from "../docs/readme.js";
import { EXAMPLE } from "../pack/example.js";
import { REPOSITORY } from "../pack/packages.js";

const run = promisify(execFile);
const read = (path: string) => readFileSync(join(REPOSITORY, path), "utf8");

/** Every document of the repository, but for the pieces that docs/internals/benchmarks.md is made of. */
const DOCUMENTS = execFileSync("git", ["ls-files", "*.md"], { cwd: REPOSITORY, encoding: "utf8" })
  .split("\n")
  .filter((path) => path !== "" && !path.startsWith("benchmarks/explanations/"));

describe("the README's quick start", () => {
  test("is the file that runs", () => {
    expect(marked(`quick start: ${EXAMPLE}`)).toBe(read(EXAMPLE));
  });

  test("prints what the README says, on a server that is started for it", async () => {
    // Not on the server of REDIS_URL: the example's own names would stay on it.
    const { REDIS_URL: _, ...env } = process.env;
    const tsx = join(REPOSITORY, "node_modules/.bin/tsx");
    const { stdout } = await run(tsx, ["examples/quickstart/run.ts"], { cwd: REPOSITORY, env });
    expect(stdout).toBe(quickStartPrints());
  });
});

describe("the README's worker", () => {
  test("is the file that runs", () => {
    expect(marked("worker: examples/quickstart/worker.ts")).toBe(read("examples/quickstart/worker.ts"));
  });

  test("prints what the README says, on a server that is started for it", async () => {
    const { REDIS_URL: _, ...env } = process.env;
    const tsx = join(REPOSITORY, "node_modules/.bin/tsx");
    const { stdout } = await run(tsx, ["examples/quickstart/run.ts", "worker"], { cwd: REPOSITORY, env });
    expect(stdout).toBe(marked("worker: what it prints"));
  });
});

describe.each(DOCUMENTS)("%s", (path) => {
  test("every command of npm and every file run with tsx is there", () => {
    const { scripts }: { scripts: Record<string, string> } = JSON.parse(read("package.json"));
    const text = read(path);
    for (const [, name = ""] of text.matchAll(/\bnpm run ([\w:-]+)/g)) expect(scripts).toHaveProperty([name]);
    for (const [, name = ""] of text.matchAll(/\bnpm (test)\b/g)) expect(scripts).toHaveProperty([name]);
    for (const [, file = ""] of text.matchAll(/\bnpx tsx (\S+\.ts)/g)) {
      expect(existsSync(join(REPOSITORY, file)), `${file} is there`).toBe(true);
    }
  });

  test("every relative link leads to a file, and to a heading where it names one", () => {
    for (const [, target = ""] of read(path).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [file = "", heading] = target.split("#");
      const found = file === "" ? path : join(dirname(path), file);
      expect(existsSync(join(REPOSITORY, found)), `${target} is there`).toBe(true);
      if (heading !== undefined) expect(headings(read(found)), target).toContain(heading);
    }
  });
});

test("the index of docs leads to every page in it", () => {
  const linked = [...read("docs/README.md").matchAll(/\]\(([^)\s#]+)\)/g)].map(([, target = ""]) => target);
  const pages = DOCUMENTS.filter((path) => path.startsWith("docs/") && path !== "docs/README.md");
  expect(pages.length).toBeGreaterThan(0);
  for (const page of pages) expect(linked).toContain(relative("docs", page));
});

test("the files that ARCHITECTURE.md and CONTRIBUTING.md name by their whole path are there", () => {
  for (const path of ["ARCHITECTURE.md", "CONTRIBUTING.md"]) {
    for (const [, named = ""] of read(path).matchAll(/`((?:packages|tools|examples|docs)\/[\w./-]+)`/g)) {
      const file = named.replace("NAME", "settle");
      expect(existsSync(join(REPOSITORY, file)), `${path} names ${named}`).toBe(true);
    }
  }
});

describe("the README's options", () => {
  test("of connect are those of ConnectOptions", () => {
    const names = [
      ...membersOf("packages/client-node/src/connect.ts", "ConnectOptions"),
      ...membersOf("packages/core/src/bus.ts", "BusOptions"),
    ];
    expect(
      optionRows("connect")
        .map(({ name }) => name)
        .sort(),
    ).toEqual(names.sort());
  });

  test("of a consumer are those of ConsumerOptions, with the defaults that hold", () => {
    const rows = optionRows("consumer");
    const names = membersOf("packages/core/src/consumer/settings.ts", "ConsumerOptions");
    expect(rows.map(({ name }) => name).sort()).toEqual([...names].sort());
    // What is not in the settings has no default; what is no value is said in words.
    const settings: Record<string, unknown> = { ...consumerSettings({ group: "g" }) };
    for (const { name, fallback } of rows) {
      if (
        ["group", "handlers", "consumer", "batchSize", "startFrom", "decode", "handlerTimeoutMs"].includes(
          name,
        )
      )
        continue;
      expect(defined(settings[name]), name).toEqual(parsed(fallback));
    }
  });
});

test("the README's options of a worker are those that a consumer has not, or has with another default", () => {
  const names = membersOf("packages/core/src/worker/settings.ts", "WorkerOptions");
  expect(
    optionRows("worker")
      .map(({ name }) => name)
      .sort(),
  ).toEqual([...names].sort());
});

test("docs/errors.md is what the classes of errors make it", () => {
  expect(readFileSync(ERRORS_PAGE, "utf8")).toBe(renderErrorsPage());
});

interface OptionRow {
  readonly name: string;
  readonly fallback: string;
}

function optionRows(of: string): OptionRow[] {
  return [...marked(`options: ${of}`).matchAll(/^\| `(\w+)` \| (.*?) \| /gm)].map(
    ([, name = "", fallback = ""]) => ({ name, fallback }),
  );
}

/** A default as the table shows it: numbers with commas, texts and objects as code. */
function parsed(fallback: string): unknown {
  const plain = fallback.replaceAll("`", "").replace(/(\d),(?=\d{3})/g, "$1");
  return JSON.parse(plain.replace(/(\w+):/g, '"$1":'));
}

/** Without the members that are there and undefined. */
function defined(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

/** The names of an interface's own members. */
function membersOf(path: string, name: string): string[] {
  const source = ts.createSourceFile(path, read(path), ts.ScriptTarget.ES2022, true);
  const found = source.statements.filter(ts.isInterfaceDeclaration).find((one) => one.name.text === name);
  if (found === undefined) throw new Error(`find the interface ${name} in ${path}: it is not there`);
  return found.members.flatMap((member) => member.name?.getText(source) ?? []);
}

/** The anchors of a document's headings, as GitHub makes them. */
function headings(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}
