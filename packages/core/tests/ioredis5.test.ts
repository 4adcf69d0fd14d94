/** The adapter with the ioredis before the one that the clients ship: a user may bring an instance of it. */

import { describe } from "vitest";
import { describeClusterBells } from "./ioredis-bells-cluster-contract.js";
import { describeBells } from "./ioredis-bells-contract.js";
import { describeClusterAdapter } from "./ioredis-cluster-contract.js";
import { describeAdapter } from "./ioredis-contract.js";
import type { Ioredis } from "./ioredis-support.js";

// The name is not written out, so that types are not looked for: those of ioredis 6 are used for both.
const name = "ioredis5";
const ioredis5: Ioredis = await import(name);

describe("a connection on ioredis 5", () => describeAdapter(ioredis5));
describe("a connection to a Cluster on ioredis 5", () => describeClusterAdapter(ioredis5));
describe("bells on ioredis 5", () => describeBells(ioredis5));
describe("bells of a Cluster on ioredis 5", () => describeClusterBells(ioredis5));
