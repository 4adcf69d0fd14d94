/** Consumers of one tenant and workers of many, out of data, and what they tell. */

import type {
  Bus,
  Consumer,
  ConsumerEvents,
  EventCatalog,
  EventHandler,
  Worker,
  WorkerTenants,
} from "@sluice/node";
import type { Client } from "./client.js";
import { plainError } from "./failures.js";
import { type HandlerDescription, type HandlerParts, HeldAttempts, makeHandler } from "./handlers.js";
import { type Input, send } from "./wire.js";

const CONSUMER_EVENTS = [
  "handled",
  "skipped",
  "retry",
  "deadLetter",
  "leaseLost",
  "trimmed",
  "recovered",
  "error",
] as const satisfies readonly (keyof ConsumerEvents)[];

export interface OpenConsumer {
  readonly consumer: Consumer | Worker;
  readonly held: HeldAttempts;
}

export interface ConsumingParts {
  readonly client: Client;
  readonly events: EventCatalog;
  /** The runner's name of it. */
  readonly name: string;
  readonly call: HandlerParts["call"];
}

/** A consumer on the bus of a tenant, or on a single-tenant one. */
export function openConsumer(bus: Bus<"single">, input: Input, parts: ConsumingParts): OpenConsumer {
  return open(input, parts, (options) => bus.consumer(options));
}

/** A worker for the tenants of the bus: those of a list, those that a function answers, or those of the registry. */
export function openWorker(bus: Bus<"multi">, input: Input, parts: ConsumingParts): OpenConsumer {
  const { tenants, answered, ...others } = input;
  return open(others, parts, (options) =>
    bus.worker({
      ...options,
      // Wrong values are for the client to refuse.
      ...(tenants !== undefined && { tenants: tenants as WorkerTenants }),
      ...(answered !== undefined && { tenants: async () => answered as readonly string[] }),
    }),
  );
}

interface Options {
  readonly group: string;
  readonly handlers: EventHandler[];
}

function open(
  { handlers, name: consumerName, ...options }: Input,
  { client, events, name, call }: ConsumingParts,
  make: (options: Options) => Consumer | Worker,
): OpenConsumer {
  const held = new HeldAttempts();
  const report = (event: string, fields: object) => send({ event, consumer: name, ...fields });
  const parts = { client, events, report, held, call };
  const consumer = make({
    ...(options as { group: string }), // the case's, for the client to check
    handlers: Array.isArray(handlers)
      ? handlers.map((one: HandlerDescription, index) => makeHandler(one, index, parts))
      : (handlers as EventHandler[]), // what is no list is for the client to refuse
    ...(consumerName !== undefined && { consumer: String(consumerName) }),
  });
  for (const event of CONSUMER_EVENTS) {
    consumer.on(event, (fields: object) => report(event, plainFields(fields, client)));
  }
  return { consumer, held };
}

function plainFields(fields: object, client: Client): object {
  const { error, ...others } = Object(fields);
  return error === undefined ? fields : { ...others, error: plainError(error, client) };
}
