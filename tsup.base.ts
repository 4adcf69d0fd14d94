import { defineConfig } from "tsup";

/** Every published package: ESM and CJS with declarations, from its public entry points only. */
export const library = defineConfig({
  entry: ["src/index.ts"],
  format: ["esm", "cjs"],
  dts: true,
  clean: true,
  // One file for each entry point and format. Entry points then carry copies of what they share, as the two formats
  // do; what must hold across copies (errors' classes, the tenant) is made for that.
  splitting: false,
  // Runtimes other than Node know its modules by `node:` alone.
  removeNodeProtocol: false,
  sourcemap: true,
  target: "node20",
  treeshake: true,
});
