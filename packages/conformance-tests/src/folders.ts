/** Where the package keeps its data. Each is one level above this file, in `src` as in what is built. */

import { fileURLToPath } from "node:url";

export const CASES_FOLDER = fileURLToPath(new URL("../cases", import.meta.url));
export const VECTORS_FOLDER = fileURLToPath(new URL("../vectors", import.meta.url));
export const STORIES_FILE = fileURLToPath(new URL("../stories.yaml", import.meta.url));

/** A driver is a program of its own, and only what was built of it runs on every runtime. */
export function driverFile(runtime: string): string {
  return fileURLToPath(new URL(`../dist/drivers/${runtime}.js`, import.meta.url));
}
