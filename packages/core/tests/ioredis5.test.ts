/** The adapter over one server, with the ioredis before: a user may bring an instance of it. */

import { describe, test } from "vitest";
import { describeAdapter } from "./ioredis-contract.js";
import type { Ioredis } from "./ioredis-support.js";

// The name is not written out, so that types are not looked for: those of ioredis 6 are used for both.
const name = "ioredis5";
const ioredis5 = await import(name).then(
  (module): Ioredis => module,
  () => undefined,
);

describe("a connection on ioredis 5", () => {
  if (ioredis5 !== undefined) describeAdapter(ioredis5);
  else test.skip("keeps the same promises (skipped: npm:ioredis@5 is not installed under the name ioredis5)");
});
