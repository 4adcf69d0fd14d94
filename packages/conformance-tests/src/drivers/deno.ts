/** The driver of Deno. It needs `--allow-net` for the servers of the run, and `--allow-env`. */

import process from "node:process";
import * as client from "@sluice/deno";
import { Cluster, Redis } from "ioredis";
import { serve } from "./agent.js";

await serve({ name: "deno", version: `v${process.versions.deno}`, client, Redis, Cluster });
