/** Bells over one server, with the ioredis that the clients ship. */

import { Cluster, Redis } from "ioredis";
import { describe } from "vitest";
import { describeBells } from "./ioredis-bells-contract.js";

describe("bells on ioredis 6", () => describeBells({ Redis, Cluster }));
