/** The driver of Node. */

import process from "node:process";
import * as client from "@sluice/node";
import { Cluster, Redis } from "ioredis";
import { serve } from "./agent.js";

await serve({ name: "node", version: process.version, client, Redis, Cluster });
