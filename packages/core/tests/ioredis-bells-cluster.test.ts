/** Bells over a Redis Cluster, with the ioredis that the clients ship. */

import { Cluster, Redis } from "ioredis";
import { describe } from "vitest";
import { describeClusterBells } from "./ioredis-bells-cluster-contract.js";

describe("bells of a Cluster on ioredis 6", () => describeClusterBells({ Redis, Cluster }));
