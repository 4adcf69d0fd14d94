/** Short ways to make requests. */

import { createHash } from "node:crypto";
import type { Request } from "../src/connection.js";

export function cmd(name: string, ...args: (string | number | Uint8Array)[]): Request {
  return { kind: "command", name, args };
}

export function run(
  source: string,
  keys: string[] = [],
  args: (string | number | Uint8Array)[] = [],
): Request {
  const sha1 = createHash("sha1").update(source).digest("hex");
  return { kind: "script", script: { name: "sample", source, sha1, keys: [], groupKeys: [] }, keys, args };
}
