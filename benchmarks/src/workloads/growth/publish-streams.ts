/** Our `publish`, 64 in flight, on behalf of as many tenants in turn: each has a stream of its own. */

import { connect } from "@sluice/node";
import type { OpenContender } from "../../contender.js";
import { events as catalog } from "../catalog.js";
import { inFlight } from "../in-flight.js";
import { orderOf, TYPE } from "../order.js";
import { connectRaw } from "../redis.js";
import { expectInAll, type Options } from "./many-streams.js";

export const open: OpenContender<Options> = async ({ url, name }, { streams }) => {
  const bus = await connect({ redis: url, stream: name, events: catalog, tenancy: "multi" });
  const redis = await connectRaw(url);
  const tenants = Array.from({ length: streams }, (_, at) => bus.tenant(`t${at}`));
  const names = tenants.map(({ tenantId }) => `tenant:{${tenantId}}:${name}`);
  const publish = async (index: number) => tenants[index % streams]?.publish(TYPE, orderOf(index));
  return {
    fill: () => inFlight(streams, 64, publish),
    async run(events) {
      await inFlight(events, 64, publish);
      return { events };
    },
    verify: (events) => expectInAll(redis, names, streams + events),
    async close() {
      redis.disconnect();
      await bus.close();
    },
  };
};
