/**
 * Walks a newcomer's path: packs the packages, installs the tarballs in an empty folder, and runs there what a
 * newcomer would run. Ends with 1 if a step does not print what it should.
 *
 *     npm run newcomer
 */
import { execFile } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { startServer } from "@sluice/test-server";
import { quickStartPrints } from "../docs/readme.js";
import { buildPackages, pack } from "../pack/packages.js";
import { newcomersPath } from "./path.js";

const run = promisify(execFile);

/** What `npm install @sluice/node` brings along once it is published, from tarballs. */
const PACKAGES = ["packages/lua-scripts", "packages/core", "packages/client-node"];
/** What npm says of packages that do not fit together, or not to this Node. */
const COMPLAINT = /^npm (warn|error) .*/im;
/** For a program of some events on a busy machine: one that hangs ends too. */
const PROGRAM_DEADLINE_MS = 120_000;

const folder = realpathSync(mkdtempSync(join(tmpdir(), "sluice-newcomer-")));
// A server of its own: the quick start uses the names that a newcomer would use.
const server = await startServer();
console.log(`node ${process.version} · ${server.description}`);
try {
  await buildPackages();
  const tarballs = await Promise.all(PACKAGES.map((path) => pack(path, folder)));
  await npm(["init", "--yes"]);
  const said = await npm(["install", ...tarballs.map(({ tarball }) => tarball), "zod"]);
  const [complaint] = COMPLAINT.exec(said) ?? [];
  if (complaint !== undefined) throw new Error(`install the tarballs: npm says "${complaint}"`);
  console.log("✓ installs the tarballs, and npm has no complaint");
  for (const { title, file, program, prints } of newcomersPath(quickStartPrints())) {
    writeFileSync(join(folder, file), program);
    const printed = await outputOf(file);
    if (printed === prints) console.log(`✓ ${title}`);
    else fail(`${title}: wanted\n\n${prints}\nof ${file}, which printed\n\n${printed}`);
  }
} catch (error) {
  fail(error instanceof Error ? error.message : String(error));
} finally {
  await server.stop();
  rmSync(folder, { recursive: true });
}

function fail(text: string): void {
  console.error(`✗ ${text}`);
  process.exitCode = 1;
}

async function npm(args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await run("npm", [...args, "--no-audit", "--no-fund"], { cwd: folder });
  return `${stdout}${stderr}`;
}

/** Standard output; whatever else a program says or does is in the text of the error. */
async function outputOf(file: string): Promise<string> {
  const options = {
    cwd: folder,
    env: { ...process.env, REDIS_URL: server.url },
    timeout: PROGRAM_DEADLINE_MS,
  };
  return await run(process.execPath, [file], options).then(
    ({ stdout }) => stdout,
    ({ stdout, stderr, code, signal }) => `${stdout}${stderr}\n(it ended with ${signal ?? code})\n`,
  );
}
