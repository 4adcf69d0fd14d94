/** A worker whose handlers never end, until it is killed: told where Redis is, and the stream. */
import { connect, silentLogger } from "@sluice/node";
import { events } from "../../stories/catalog.js";

const [redis = "", stream = ""] = process.argv.slice(2);
const bus = await connect({ redis, stream, events, tenancy: "multi", logger: silentLogger });
let running = 0;
const stuck = events.handler({
  name: "stuck",
  eventTypes: ["order.shipped"],
  handle: () => {
    running += 1;
    if (running === 20) process.send?.("all are running");
    return new Promise<undefined>(() => {});
  },
});
await bus.worker({ group: "billing", leaseMs: 500, handlers: [stuck] }).start();
