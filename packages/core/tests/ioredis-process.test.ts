/** A process whose connections are closed ends by itself: no socket and no timer is left. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { sharedServerUrl, startCluster } from "@sluice/test-server";
import { expect, onTestFinished, test } from "vitest";

const child = fileURLToPath(new URL("./ioredis-child.ts", import.meta.url));

test("a process ends by itself once its connections to a server are closed", async () => {
  expect(await runChild("redis", sharedServerUrl())).toEqual({ code: 0, ...ended });
});

test("a process ends by itself once its connections to a Cluster are closed", async () => {
  const cluster = await startCluster({ masters: 2 });
  onTestFinished(() => cluster.stop());
  expect(await runChild("cluster", cluster.url)).toEqual({ code: 0, ...ended });
});

const ended = { output: "ClosedError ClosedError ClosedError\n", errors: "" };

async function runChild(kind: "redis" | "cluster", url: string) {
  const process_ = spawn(process.execPath, ["--import", "tsx", child, kind, url], { timeout: 20_000 });
  let output = "";
  let errors = "";
  process_.stdout.on("data", (data) => {
    output += data;
  });
  process_.stderr.on("data", (data) => {
    errors += data;
  });
  const [code] = await once(process_, "close");
  return { code, output, errors };
}
