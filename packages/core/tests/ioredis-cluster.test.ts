/** The adapter over a Redis Cluster, with the ioredis that the clients ship. */

import { Cluster, Redis } from "ioredis";
import { describe } from "vitest";
import { describeClusterAdapter } from "./ioredis-cluster-contract.js";

describe("a connection to a Cluster on ioredis 6", () => describeClusterAdapter({ Redis, Cluster }));
