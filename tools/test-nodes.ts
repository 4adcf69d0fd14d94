/**
 * Runs on several versions of Node what depends on it most: the fast tests, the packed packages, a newcomer's path.
 * Versions other than this process's come from npm, as packages that hold a Node for one platform, into `.cache/nodes`.
 *
 *     npm run test:nodes               on 20, 22 and 24
 *     npm run test:nodes -- 22         on the newest 22 alone
 */
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { REPOSITORY } from "./pack/packages.js";

const SUPPORTED = ["20", "22", "24"];
const VITEST = "node_modules/vitest/vitest.mjs";
const TASKS = [
  [VITEST, "run", "--config", "vitest.fast.config.ts"],
  [VITEST, "run", "tools/tests/pack.test.ts"],
  ["--import", "tsx", "tools/newcomer/main.ts"],
];

const asked = process.argv.slice(2);
for (const version of asked) {
  if (/^\d+$/.test(version)) continue;
  console.error(`test on Node "${version}": wanted a major version such as 22`);
  process.exit(2);
}

const failed: string[] = [];
for (const version of asked.length > 0 ? asked : SUPPORTED) {
  const node = nodeOf(version);
  for (const task of TASKS) {
    console.log(`\nnode ${version}: ${task.join(" ")}`);
    // Its own programs first: npm, npx and the children of tests run on the same Node.
    const env = { ...process.env, PATH: `${dirname(node)}:${process.env.PATH}` };
    const { status } = spawnSync(node, task, { cwd: REPOSITORY, env, stdio: "inherit" });
    if (status !== 0) failed.push(`node ${version}: ${task.join(" ")}`);
  }
}
if (failed.length > 0) {
  console.error(`\nfailed:\n${failed.map((line) => `  ${line}`).join("\n")}`);
  process.exit(1);
}

/** The program of the newest Node of a major version. */
function nodeOf(version: string): string {
  if (version === process.versions.node.split(".")[0]) return process.execPath;
  const folder = join(REPOSITORY, ".cache/nodes", version);
  mkdirSync(folder, { recursive: true });
  const name = packageName();
  const args = ["install", "--prefix", folder, "--no-audit", "--no-fund", `${name}@${version}`];
  const { status, stderr } = spawnSync("npm", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`install ${name}@${version} with npm: ${stderr}`);
  return join(folder, "node_modules", name, "bin/node");
}

/** As the npm package `node` names those that it installs. */
function packageName(): string {
  const { platform, arch } = process;
  return `${platform === "darwin" && arch === "arm64" ? "node-bin" : "node"}-${platform}-${arch}`;
}
