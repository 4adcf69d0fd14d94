/** Our `publish`, and our consumer with everything as it is by default, in one process. */

import type { Consumer } from "@sluice/node";
import type { OpenContender } from "../../contender.js";
import { events as catalog } from "../catalog.js";
import { expectAcknowledged, GROUP } from "../consume/raw-group.js";
import { orderOf, TYPE } from "../order.js";
import { openBus } from "../our-bus.js";
import { connectRaw } from "../redis.js";
import { Latencies } from "./latencies.js";
import { paced } from "./pacing.js";

export const open: OpenContender<null> = async (setting) => {
  const bus = await openBus(setting);
  const redis = await connectRaw(setting.url);
  let latencies = new Latencies();
  let consumer: Pick<Consumer, "idle" | "stop"> | undefined;
  const orders = catalog.handler({
    name: "orders",
    eventTypes: [TYPE],
    handle: async (event) => latencies.handled(event.data.orderId),
  });
  return {
    async prepare() {
      latencies = new Latencies();
      const started = bus.consumer({ group: GROUP, handlers: [orders] });
      consumer = started;
      await started.start();
    },
    async run(events) {
      await paced(events, (index) => {
        const order = orderOf(index);
        latencies.published(order.orderId);
        return bus.publish(TYPE, order);
      });
      await consumer?.idle();
      return latencies.outcome();
    },
    verify: (events) => expectAcknowledged(redis, setting.name, GROUP, events),
    async rest() {
      await consumer?.stop();
    },
    async close() {
      redis.disconnect();
      await bus.close();
    },
  };
};
