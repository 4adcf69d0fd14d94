import { defineConfig } from "tsup";

/** Every published package: ESM and CJS with declarations, from its public entry points only. */
export const library = defineConfig({
  entry: ["src/index.ts"],
  format: ["esm", "cjs"],
  dts: true,
  clean: true,
  splitting: false,
  sourcemap: true,
  target: "node20",
  treeshake: true,
});
