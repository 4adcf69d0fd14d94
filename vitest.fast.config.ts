import full from "./vitest.config.js";

/**
 * What people run between edits, in under a minute and without a build: core without its connection, the raw scripts
 * and their vectors, what needs no client.
 */
export default {
  ...full,
  test: {
    ...full.test,
    include: [
      "packages/{core,lua-scripts}/tests/**/*.test.ts",
      "packages/conformance-tests/tests/{matching,report,stories,vectors}.test.ts",
      "benchmarks/tests/{claims,latencies,options,plan,readme,schedule,statistics}.test.ts",
      "tools/tests/readme.test.ts",
    ],
    // Servers that fail over, compilers and long random histories: `npm test` has them.
    exclude: [
      "packages/core/tests/ioredis*.test.ts",
      "packages/core/tests/types/**",
      "packages/lua-scripts/tests/model/**",
    ],
  },
};
