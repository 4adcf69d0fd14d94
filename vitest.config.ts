import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const source = (path: string) => fileURLToPath(new URL(`./packages/${path}`, import.meta.url));

/** One project for the whole tree: every suite shares one server, found or started by the global set-up. */
export default defineConfig({
  // Packages are tested from their sources; the packing tests cover what is built from them.
  resolve: {
    alias: [
      { find: "@sluice/lua-scripts", replacement: source("lua-scripts/src/index.ts") },
      { find: "@sluice/core/ioredis", replacement: source("core/src/ioredis.ts") },
      { find: "@sluice/core", replacement: source("core/src/index.ts") },
      { find: "@sluice/node", replacement: source("client-node/src/index.ts") },
      { find: "@sluice/conformance", replacement: source("conformance-tests/src/index.ts") },
      { find: "@sluice/test-server", replacement: source("test-server/src/index.ts") },
    ],
  },
  test: {
    include: ["{packages,examples}/*/tests/**/*.test.ts", "{benchmarks,tools}/tests/**/*.test.ts"],
    globalSetup: ["tools/vitest/server.ts"],
    // Most files wait for servers and child processes, not for a core: on two cores one worker takes twice as long.
    maxWorkers: 2,
    // For a busy machine. Tests of what happens at once set deadlines of their own that are longer than this.
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
