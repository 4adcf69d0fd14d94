import { defineConfig } from "tsup";

/** The command, the same as a library, and one driver per runtime: programs of their own, started by file. */
export default defineConfig({
  entry: {
    index: "src/index.ts",
    cli: "src/cli.ts",
    "drivers/node": "src/drivers/node.ts",
    "drivers/deno": "src/drivers/deno.ts",
    "drivers/bun": "src/drivers/bun.ts",
  },
  format: ["esm"],
  dts: { entry: { index: "src/index.ts" } },
  clean: true,
  splitting: true,
  // Deno and Bun know Node's modules by `node:` alone.
  removeNodeProtocol: false,
  sourcemap: true,
  target: "node20",
});
