/** The driver of Bun, which runs Node's client. */

import process from "node:process";
import * as client from "@sluice/node";
import { Cluster, Redis } from "ioredis";
import { serve } from "./agent.js";

await serve({ name: "bun", version: `v${process.versions.bun}`, client, Redis, Cluster });
