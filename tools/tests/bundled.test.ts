/** What bundlers make of the packages in a user's program: names of classes change, and nothing may depend on them. */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startServer, uniqueName } from "@sluice/test-server";
import { build } from "esbuild";
import { expect, onTestFinished, test } from "vitest";

const run = promisify(execFile);
const repository = fileURLToPath(new URL("../..", import.meta.url));
const source = (path: string) => join(repository, "packages", path);

const PROGRAM = `
import { connect, defineEvents, ServerError } from "@sluice/node";
import { Redis } from "ioredis";
import { inspect } from "node:util";
import { z } from "zod";

const redis = new Redis(process.env.REDIS_URL, { lazyConnect: true });
const events = defineEvents({ "order.placed": z.object({ orderId: z.string() }) });
const bus = await connect({ redis, stream: process.env.STREAM, events });
// The server knows none of the scripts: each call is answered with NOSCRIPT first.
const { duplicate } = await bus.publish("order.placed", { orderId: "o1" }, { idempotencyKey: "k" });
console.log("published, duplicate:", duplicate);
await redis.connect();
await redis.script("FLUSH");
console.log("again, duplicate:", (await bus.publish("order.placed", { orderId: "o1" }, { idempotencyKey: "k" })).duplicate);
await redis.call("CONFIG", "SET", "maxmemory", "1");
console.log("full:", (await bus.publish("order.placed", { orderId: "o2" }).catch((error) => error)).code);
await redis.call("CONFIG", "SET", "maxmemory", "0");
redis.disconnect();
await bus.close();
const error = new ServerError({ attempted: "publish", reply: "BUSY" });
console.log(error.constructor.name, error.name, inspect(error).split("\\n")[0]);
console.log(error.stack);
`;

test.each([
  ["a bundle", false],
  ["a minified bundle", true],
])("%s with a Redis of ioredis 5 works, and its errors have their names", async (_, minify) => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-bundled-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "program.mjs");
  await build({
    stdin: { contents: PROGRAM, resolveDir: repository, loader: "js" },
    outfile: file,
    bundle: true,
    minify,
    platform: "node",
    target: "node20",
    format: "esm",
    // ioredis is CommonJS.
    banner: {
      js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
    },
    alias: {
      "@sluice/node": source("client-node/src/index.ts"),
      "@sluice/core/ioredis": source("core/src/ioredis.ts"),
      "@sluice/core": source("core/src/index.ts"),
      "@sluice/lua-scripts": source("lua-scripts/src/index.ts"),
      ioredis: join(repository, "node_modules/ioredis5"),
    },
  });
  const server = await startServer();
  onTestFinished(() => server.stop());
  const env = { ...process.env, REDIS_URL: server.url, STREAM: uniqueName("bundled") };
  const { stdout, stderr } = await run(process.execPath, [file], { env });
  expect(stderr).toBe("");
  const [published, again, full, names, header, ...frames] = stdout.trimEnd().split("\n");
  expect(published).toBe("published, duplicate: false");
  expect(again).toBe("again, duplicate: true");
  expect(full).toBe("full: OUT_OF_MEMORY");
  expect(names).toMatch(/^ServerError ServerError ServerError: run publish: /);
  expect(header).toMatch(/^ServerError: run publish: /);
  // Not the constructors, whatever they are called.
  expect(frames.join("\n")).not.toMatch(/\bnew /);
});

test("no file of @sluice/core is called ioredis.js: a stack through it would read as one of that library", async () => {
  const { exports } = JSON.parse(readFileSync(source("core/package.json"), "utf8"));
  expect(JSON.stringify(exports)).toMatch(/redis-connection\.js/);
  expect(JSON.stringify(exports)).not.toMatch(/\/ioredis\.c?js/);
});
