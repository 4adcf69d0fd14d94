/**
 * Runs the quick start on the server that REDIS_URL names, or on one that is found or started for it.
 *
 *     npx tsx examples/quickstart/run.ts
 *     npx tsx examples/quickstart/run.ts worker
 */
import { findServer } from "@sluice/test-server";

const server = await findServer({ onProgress: (line) => process.stderr.write(`${line}\n`) });
process.stderr.write(`server: ${server.description}\n`);
process.env.REDIS_URL = server.url;
try {
  await (process.argv[2] === "worker" ? import("./worker.js") : import("./index.js"));
} finally {
  await server.stop();
}
