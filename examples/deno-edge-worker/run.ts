/**
 * Runs the worker on the server that REDIS_URL names, or on one that is found or started for it, with the
 * permissions it needs and no others.
 *
 *     npx deno task --cwd examples/deno-edge-worker dev
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { findServer } from "@sluice/test-server";
import { denoExecutable } from "../../tools/deno.js";

const { HOST: host = "127.0.0.1", PORT: port = "8000" } = process.env;
const FOLDER = fileURLToPath(new URL(".", import.meta.url));

await using server = await findServer({ onProgress: say });
say(`server: ${server.description}`);

const address = server.host.includes(":") ? `[${server.host}]` : server.host;
const permissions = ["--allow-env", `--allow-net=${host}:${port},${address}:${server.port}`];
say(`deno run ${permissions.join(" ")} src/main.ts`);
const worker = spawn(denoExecutable("deno"), ["run", "--no-prompt", ...permissions, "src/main.ts"], {
  cwd: FOLDER,
  env: { ...process.env, REDIS_URL: server.url },
  stdio: "inherit",
  // In a group of its own: what a terminal sends comes from here, once.
  detached: true,
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => worker.kill(signal));
const [code] = await once(worker, "exit");
process.exitCode = code ?? 1;

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
