/** Runtimes are found where people have them, asked what they are, and started with no more rights than needed. */

import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { sharedServerUrl } from "@sluice/test-server";
import { expect, onTestFinished, test } from "vitest";
import { RUNTIMES } from "../src/case.js";
import { findRuntimes } from "../src/runtimes.js";

const run = promisify(execFile);

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-runtimes-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

async function writeProgram(file: string, text: string): Promise<void> {
  await writeFile(file, text);
  await chmod(file, 0o755);
}

test("this repository has them all, each by its own executable", async () => {
  const { found, missing } = await findRuntimes(RUNTIMES);
  expect(missing).toEqual([]);
  expect(found.map(({ name }) => name)).toEqual(["node", "deno", "bun"]);
  for (const { version } of found) expect(version).toMatch(/^v\d+\.\d+\.\d+/);
  expect(found[0]).toMatchObject({ version: process.version, file: process.execPath });
});

test("one on PATH goes before an installed package, and what stands in for it is seen through", async () => {
  const [installed] = (await findRuntimes(["bun"])).found;
  const folder = await temporaryFolder();
  // As version managers do: a script in the place of the program.
  await writeProgram(
    join(folder, "bun"),
    `#!/bin/sh\necho used >> ${folder}/log\nexec ${installed?.file} "$@"\n`,
  );
  const { found } = await findRuntimes(["bun"], { env: { PATH: folder } });
  expect(found[0]).toMatchObject({ version: installed?.version, file: installed?.file });
  await expect(run("cat", [join(folder, "log")])).resolves.toMatchObject({ stdout: "used\n" });
});

test("one that is too old, or does not run, is passed over for the next, and named where there is none", async () => {
  const folder = await temporaryFolder();
  await writeProgram(join(folder, "deno"), `#!/bin/sh\necho '["1.46.3","/old/deno"]'\n`);
  const { found } = await findRuntimes(["deno"], { env: { PATH: folder } });
  expect(found[0]?.version).toMatch(/^v[2-9]/);
});

test("a package of the working folder is taken", async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, "node_modules/deno"), { recursive: true });
  await writeFile(
    join(folder, "node_modules/deno/package.json"),
    JSON.stringify({ name: "deno", bin: "bin.cjs" }),
  );
  await writeProgram(join(folder, "node_modules/deno/deno"), `#!/bin/sh\necho '["9.8.7","/own/deno"]'\n`);
  const { found } = await findRuntimes(["deno"], { env: { PATH: await temporaryFolder() }, folder });
  expect(found[0]).toMatchObject({ version: "v9.8.7", file: "/own/deno" });
});

test("a driver under Deno reaches the addresses allowed and no other", async () => {
  const [deno] = (await findRuntimes(["deno"])).found;
  const folder = await temporaryFolder();
  const { hostname, port } = new URL(sharedServerUrl());
  const driver = join(folder, "driver.mjs");
  await writeFile(
    driver,
    `const tell = (p) => p.then((it) => { it.close?.(); return "reached"; }, (error) => error.name);
     console.log(await tell(Deno.connect({ hostname: "${hostname}", port: ${port} })));
     console.log(await tell(Deno.connect({ hostname: "${hostname}", port: ${Number(port) + 1} })));
     console.log(await tell(Deno.readTextFile("/etc/hostname")));
     console.log(Deno.env.get("PATH") === undefined ? "no environment" : "environment");`,
  );
  const { file, args } = deno?.command(driver, [`${hostname}:${port}`]) ?? { file: "", args: [] };
  const { stdout } = await run(file, [...args]);
  expect(stdout.trimEnd().split("\n")).toEqual(["reached", "NotCapable", "NotCapable", "environment"]);
  const nowhere = deno?.command(driver, []) ?? { file: "", args: [] };
  expect((await run(nowhere.file, [...nowhere.args])).stdout).toMatch(/^NotCapable\n/);
});
