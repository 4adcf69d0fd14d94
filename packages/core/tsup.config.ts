import { defineConfig } from "tsup";
import { library } from "../../tsup.base.js";

// The adapter's file is not called `ioredis.js`: a stack of ours would read as one of that library.
export default defineConfig({
  ...library,
  entry: { index: "src/index.ts", "redis-connection": "src/ioredis.ts" },
});
