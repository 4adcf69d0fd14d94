import { connect, defineEvents, type Metrics } from "@sluice/node";
import { z } from "zod";

const events = defineEvents({ "order.placed": z.object({ orderId: z.string() }) });
const bus = await connect({
  redis: process.env.REDIS_URL ?? "redis://127.0.0.1:6379",
  stream: "orders",
  events,
  tenancy: "multi",
});
const acme = bus.tenant("acme");

const { length, groups } = await acme.getStreamInfo();
for (const { name, lag, pending, retrying, deadLetters, oldestPendingMs } of groups) {
  console.log(
    `${name}: ${lag} of ${length} to be delivered, ${pending} pending, ${retrying} of them waiting`,
  );
  console.log(`${name}: ${deadLetters} dead letters, the oldest pending entry is ${oldestPendingMs} ms old`);
}

const { status, checks } = await acme.health();
console.log(`health: ${status}`);
for (const check of checks) {
  if (check.status !== "ok") console.log(`${check.name} is ${check.status}: ${check.detail}`);
}

// Numbers of this process, in the text format of Prometheus.
function exposition({ counters, gauges, histograms }: Metrics): string {
  const lines: string[] = [];
  for (const [name, value] of Object.entries(counters))
    lines.push(`# TYPE ${name} counter`, `${name} ${value}`);
  for (const [name, value] of Object.entries(gauges)) lines.push(`# TYPE ${name} gauge`, `${name} ${value}`);
  const typed = new Set<string>();
  for (const [key, { buckets, sum, count }] of Object.entries(histograms)) {
    // Some have labels: name{class="quiet"}.
    const [name = "", labels = ""] = key.split(/[{}]/);
    if (!typed.has(name)) lines.push(`# TYPE ${name} histogram`);
    typed.add(name);
    const with_ = (more: string) => [labels, more].filter((text) => text !== "").join(",");
    for (const { le, count } of buckets) {
      const bound = le === Number.POSITIVE_INFINITY ? "+Inf" : le;
      lines.push(`${name}_bucket{${with_(`le="${bound}"`)}} ${count}`);
    }
    const braced = labels === "" ? "" : `{${labels}}`;
    lines.push(`${name}_sum${braced} ${sum}`, `${name}_count${braced} ${count}`);
  }
  return `${lines.join("\n")}\n`;
}
console.log(exposition(bus.metrics()));
await bus.close();
