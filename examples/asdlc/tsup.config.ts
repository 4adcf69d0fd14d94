import { defineConfig } from "tsup";

/** Two programs and what they share, for Node alone: nobody imports an example. */
export default defineConfig({
  entry: ["src/main.ts", "src/worker.ts"],
  format: ["esm"],
  dts: false,
  clean: true,
  splitting: true,
  sourcemap: true,
  target: "node20",
});
