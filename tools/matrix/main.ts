/**
 * The conformance suite over every server and every runtime: prints the table, and after a full run records it in
 * docs/internals/conformance.md. Ends with 1 when anything failed or a runtime was missing.
 *
 *     npm run matrix                                            everything
 *     npm run matrix -- --server redis-7.0 cluster --runtime deno,bun --case recovery/
 */

import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import {
  type Case,
  type FoundRuntimes,
  findRuntimes,
  loadCases,
  loadScenarios,
  loadVectors,
  RUNTIMES,
  type RuntimeName,
  runSuite,
  type Scenario,
  type Vector,
} from "@sluice/conformance";
import { showProgress } from "../../packages/conformance-tests/src/cli/progress.js";
import { CONFORMANCE_PAGE, readPage, withMatrix } from "../docs/conformance-page.js";
import { type Column, isGreen, renderForPage, renderForTerminal } from "./report.js";
import { MATRIX_SERVERS, type MatrixServer } from "./servers.js";

interface Work {
  readonly runtimes: FoundRuntimes;
  readonly cases: readonly Case[];
  readonly vectors: readonly Vector[];
  readonly scenarios: readonly Scenario[];
}

function readOptions() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      server: { type: "string", multiple: true, default: [] },
      runtime: { type: "string", multiple: true, default: [] },
      case: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  // `--server redis-7.0 cluster`: what follows the first one comes as a positional.
  const names = [...values.server.flatMap(listed), ...positionals];
  const servers = pick("server", names, MATRIX_SERVERS, ({ name }) => name);
  const runtimes = pick<RuntimeName>("runtime", values.runtime.flatMap(listed), RUNTIMES, (name) => name);
  const isFull = names.length === 0 && values.runtime.length === 0 && values.case === undefined;
  return { servers, runtimes, pattern: values.case, isFull, help: values.help };
}

function listed(names: string): readonly string[] {
  return names.split(",");
}

/** Those that were named, in their own order; all if none was. */
function pick<T>(
  option: string,
  names: readonly string[],
  all: readonly T[],
  nameOf: (one: T) => string,
): readonly T[] {
  const unknown = names.find((name) => !all.some((one) => nameOf(one) === name));
  if (unknown !== undefined) {
    throw new TypeError(`--${option} "${unknown}": wanted some of ${all.map(nameOf).join(", ")}`);
  }
  return names.length === 0 ? all : all.filter((one) => names.includes(nameOf(one)));
}

async function runColumn(server: MatrixServer, work: Work): Promise<Column> {
  const { runtimes, cases, vectors, scenarios } = work;
  const note = (line: string) => process.stderr.write(`${line}\n`);
  await using started = await server.start(note);
  note(`${server.name}: ${started.description}`);
  const expected = (cases.length + scenarios.length) * runtimes.found.length + vectors.length;
  using progress = showProgress(expected, process.stderr);
  const onResult = progress.onResult.bind(progress);
  const { underTest } = started;
  const suite = { server: underTest, runtimes, cases, vectors, scenarios };
  const report = await runSuite({ ...suite, allowUsers: true, onResult });
  return { name: server.name, description: started.description, report };
}

async function main(): Promise<void> {
  const { servers, runtimes: names, pattern, isFull, help } = readOptions();
  if (help) {
    const known = MATRIX_SERVERS.map(({ name }) => name).join(" ");
    process.stdout.write(
      `npm run matrix -- [--server ${known}] [--runtime ${RUNTIMES.join(",")}] [--case PATTERN]\n`,
    );
    return;
  }
  const work = {
    runtimes: await findRuntimes(names),
    cases: await loadCases(pattern),
    vectors: loadVectors(pattern),
    scenarios: loadScenarios(pattern),
  };
  const columns: Column[] = [];
  for (const server of servers) columns.push(await runColumn(server, work));
  process.stdout.write(renderForTerminal(columns));
  if (isFull) writeFileSync(CONFORMANCE_PAGE, withMatrix(readPage(), renderForPage(columns)));
  if (!isGreen(columns)) process.exitCode = 1;
}

await main();
