/** The worker: takes events over HTTP, and handles them, until it is told to end. */

import { connect } from "@sluice/deno";
import { createApi } from "./api.ts";
import { startBilling } from "./billing.ts";
import { events } from "./catalog.ts";
import { log } from "./log.ts";
import { Reception } from "./reception.ts";
import { settingsOf } from "./settings.ts";

/** How long Redis may take before a request is answered with 503, in milliseconds. */
const DEADLINE_MS = 2_000;

const settings = settingsOf(Deno.env.toObject());
const { TENANTS: tenants } = settings;

const bus = await connect({
  redis: settings.REDIS_URL,
  stream: settings.STREAM,
  events,
  tenancy: "multi",
  deadlineMs: DEADLINE_MS,
  logger: log,
});
const billing = await startBilling(bus, tenants, log);
const reception = new Reception(createApi({ bus, tenants, billing, log }));

const server = Deno.serve(
  {
    hostname: settings.HOST,
    port: settings.PORT,
    onListen: ({ hostname, port }) => log.info("listening", { hostname, port, tenants }),
  },
  (request) => reception.receive(request),
);

let ending = false;

/**
 * In place of the option `signals`, which would close the bus at once: here requests come first. Without either, SIGTERM
 * would be a crash, and what is in hand would run again.
 *
 * First no new requests, then no new events: a request that is being answered still needs the bus. Both take a
 * bounded time, so a second signal changes nothing; through a task runner, one Ctrl-C arrives twice.
 */
async function end(): Promise<void> {
  if (ending) return;
  ending = true;
  log.info("ending");
  await reception.close();
  await server.shutdown();
  await bus.close();
  log.info("ended");
}

for (const signal of ["SIGTERM", "SIGINT"] as const) Deno.addSignalListener(signal, end);
