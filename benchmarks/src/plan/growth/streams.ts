/** Publishing to ever more streams, and consuming one of ever more. */

import { consumerOfOneOf, publishOver, rawPublishOver, WORKLOADS } from "../../names.js";
import { type ContenderPlan, program, type Workload } from "../contender-plan.js";
import { THROUGHPUT_METRICS } from "../metrics.js";

type RawPublish = typeof import("../../workloads/growth/raw-publish-streams.js");
type Publish = typeof import("../../workloads/growth/publish-streams.js");
type Consume = typeof import("../../workloads/growth/one-of-streams.js");

const EVENTS = 30_000;
const STREAMS = [1, 100, 10_000];
const MOST_QUICK = 500;

/** The same with fewer streams, and a name that says so, for `--quick`. */
function contender(sized: (count: number) => Pick<ContenderPlan, "name" | "program">, streams: number) {
  return { ...sized(streams), ...(streams > MOST_QUICK && { quick: sized(MOST_QUICK) }), events: EVENTS };
}

const rawPublish = (streams: number) => ({
  name: rawPublishOver(streams),
  program: program<RawPublish>("growth/raw-publish-streams.ts", { streams }),
});
const publish = (streams: number) => ({
  name: publishOver(streams),
  program: program<Publish>("growth/publish-streams.ts", { streams }),
});
const consume = (streams: number) => ({
  name: consumerOfOneOf(streams),
  program: program<Consume>("growth/one-of-streams.ts", { concurrency: 512, streams }),
});

export const streamsPublish: Workload = {
  name: WORKLOADS.growthStreamsPublish,
  metrics: THROUGHPUT_METRICS,
  contenders: STREAMS.flatMap((streams) => [contender(rawPublish, streams), contender(publish, streams)]),
};

export const streamsConsume: Workload = {
  name: WORKLOADS.growthStreamsConsume,
  metrics: THROUGHPUT_METRICS,
  contenders: STREAMS.map((streams) => contender(consume, streams)),
};
