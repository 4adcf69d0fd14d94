/**
 * A process of its own, to see that it ends by itself. It makes connections that are in every state at once,
 * closes them, and does nothing more.
 *
 * Arguments: `redis` or `cluster`, and the URL.
 */

import { Cluster, Redis } from "ioredis";
import { fromIoredis } from "../src/ioredis.js";
import { silentLogger } from "../src/logger.js";
import { cmd } from "./ioredis-requests.js";

const [kind, url = ""] = process.argv.slice(2);
const deadlineMs = 10_000;

const user =
  kind === "cluster" ? new Cluster([url], { lazyConnect: true }) : new Redis(url, { lazyConnect: true });
const connection = fromIoredis(user);
const reader = connection.duplicate();
const starting = connection.duplicate();
connection.duplicate();
const nowhere = fromIoredis(new Redis("redis://127.0.0.1:1", { lazyConnect: true }), {
  logger: silentLogger,
});

connection.onReconnect(() => {});
await connection.send([cmd("PING"), cmd("PING")], { deadlineMs });
await reader.send([cmd("EXISTS", "k")], { deadlineMs });
await nowhere.send([cmd("PING")], { deadlineMs: 100 });
const inFlight = [
  reader.send([cmd("BLPOP", "sluice-child-none", "30")], { deadlineMs: 60_000 }),
  starting.send([cmd("GET", "k")], { deadlineMs: 60_000 }),
  nowhere.send([cmd("PING")], { deadlineMs: 60_000 }),
];
await Promise.all([connection, reader, starting, nowhere].map((one) => one.close()));
const replies = (await Promise.all(inFlight)).flat();
process.stdout.write(
  `${replies.map((reply) => (reply instanceof Error ? reply.name : "a reply")).join(" ")}\n`,
);
