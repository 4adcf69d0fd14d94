/** The adapter over one server, with the ioredis that the clients ship. */

import { Cluster, Redis } from "ioredis";
import { describe } from "vitest";
import { describeAdapter } from "./ioredis-contract.js";

describe("a connection on ioredis 6", () => describeAdapter({ Redis, Cluster }));
