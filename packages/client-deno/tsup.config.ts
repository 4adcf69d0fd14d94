import { defineConfig } from "tsup";
import { library } from "../../tsup.base.js";

/** ES modules alone: Deno has no others. */
export default defineConfig({ ...library, entry: ["src/mod.ts"], format: ["esm"] });
