/**
 * A driver: does with its runtime's client what the runner says, and tells what happens. Names in requests
 * (`bus`, `consumer`) are the runner's; each stands for one thing until it is closed.
 */

import type { Bus, ConnectOptions, EventCatalog, EventSchemas, Logger } from "@sluice/node";
import { REFUSED_SCHEMAS, schemas } from "./catalog.js";
import type { Runtime } from "./client.js";
import { type ConsumingParts, type OpenConsumer, openConsumer, openWorker } from "./consuming.js";
import { plainError } from "./failures.js";
import type { Outcome } from "./handlers.js";
import { DRIVER_PROTOCOL, type Input, receive, send } from "./wire.js";

/** The most that `publishMany` takes. */
const MAX_BATCH = 1_000;

interface OpenBus {
  readonly bus: Bus<"multi"> | Bus<"single">;
  readonly lines: Record<string, unknown>[];
}

type Operation = (input: Input) => unknown;

/** Serves requests until the input ends, and then closes what is open. */
export async function serve(runtime: Runtime): Promise<void> {
  const agent = new Agent(runtime);
  send({ hello: { protocol: DRIVER_PROTOCOL, runtime: runtime.name, version: runtime.version } });
  await receive((line) => void agent.answer(line));
  await agent.close();
}

class Agent {
  private readonly buses = new Map<string, OpenBus>();
  private readonly consumers = new Map<string, OpenConsumer>();
  private readonly events: EventCatalog;
  private readonly operations: Readonly<Record<string, Operation>>;

  constructor(private readonly runtime: Runtime) {
    this.events = runtime.client.defineEvents(schemas);
    this.operations = { ...this.publishing(), ...this.consuming(), ...this.looking() };
  }

  async answer({ id, op, input }: Input): Promise<void> {
    try {
      const operation = this.operations[String(op)];
      if (operation === undefined) throw new TypeError(`do "${op}": a driver has no such operation`);
      send({ id, result: (await operation(Object(input))) ?? null });
    } catch (error) {
      send({ id, error: plainError(error, this.runtime.client) });
    }
  }

  async close(): Promise<void> {
    await this.abandon("");
  }

  /** Lets held attempts go, and closes every bus whose name begins like that. */
  private async abandon(prefix: string): Promise<void> {
    for (const [name, { held }] of this.consumers) {
      if (!name.startsWith(prefix)) continue;
      held.finishAll();
      this.consumers.delete(name);
    }
    const buses = [...this.buses].filter(([name]) => name.startsWith(prefix));
    for (const [name] of buses) this.buses.delete(name);
    await Promise.allSettled(buses.map(([, { bus }]) => bus.close()));
  }

  private publishing(): Record<string, Operation> {
    const { client } = this.runtime;
    return {
      connect: (input) => this.connect(input),
      publish: (input) => {
        const { type, data, options } = entry(input);
        return this.within(input, (bus) => bus.publish(type, data, options));
      },
      publishMany: ({ events, ...input }) =>
        this.within(input, (bus) =>
          bus.publishMany(
            list(events).map((one) => {
              const { options, ...event } = entry(one);
              return { ...event, ...options };
            }),
          ),
        ),
      publishAll: ({ events, ...input }) =>
        this.within(input, (bus) =>
          Promise.all(
            list(events).map((one) => {
              const { type, data, options } = entry(one);
              return bus.publish(type, data, options).then(
                (receipt) => ({ receipt }),
                (error) => ({ error: plainError(error, client) }),
              );
            }),
          ),
        ),
      publishCount: (input) => this.publishCount(input),
      closeBus: ({ bus }) => this.bus(bus).close(),
    };
  }

  private consuming(): Record<string, Operation> {
    return {
      consumer: ({ consumer, as, ...input }) => {
        const { bus, tenant, within, ...options } = input;
        const parts = this.partsOf(consumer, bus);
        return this.add(
          consumer,
          this.within(input, (on) => openConsumer(on, options, parts)),
        );
      },
      worker: ({ consumer, as, bus, ...options }) => {
        // A single-tenant bus, too, is asked for a worker: it refuses by name.
        const on = this.bus(bus) as Bus<"multi">;
        return this.add(consumer, openWorker(on, options, this.partsOf(consumer, bus)));
      },
      start: ({ consumer }) => this.consumer(consumer).start(),
      stop: ({ consumer }) => this.consumer(consumer).stop(),
      pause: ({ consumer }) => this.consumer(consumer).pause(),
      resume: ({ consumer }) => this.consumer(consumer).resume(),
      idle: ({ consumer }) => this.consumer(consumer).idle(),
      runOnce: ({ consumer, ...options }) => this.consumer(consumer).runOnce(options),
      recovery: ({ consumer }) => this.consumer(consumer).recovery,
      finish: ({ consumer, key, outcome }) => {
        const { held } = this.entryOf(consumer);
        if (held.finish(String(key), outcome as Outcome | undefined) === 0) {
          throw new TypeError(`finish "${key}": no attempt of this key is held`);
        }
      },
    };
  }

  private looking(): Record<string, Operation> {
    const { client } = this.runtime;
    return {
      streamInfo: (input) => this.within(input, (bus) => bus.getStreamInfo()),
      health: (input) => this.within(input, (bus) => bus.health()),
      metrics: ({ bus, consumer }) =>
        (consumer === undefined ? this.bus(bus) : this.consumer(consumer)).metrics(),
      deadLetters: ({ group, verb, options, id, ids, ...input }) =>
        this.within(input, async (bus) => {
          const letters = bus.deadLetters(String(group));
          // Wrong values are for the client to refuse.
          if (verb === "list") return await letters.list(options as object | undefined);
          if (verb === "get") return await letters.get(id as string);
          if (verb === "replay") return await letters.replay(ids as string[]);
          if (verb === "discard") return await letters.discard(ids as string[]);
          throw new TypeError(`do "${verb}" with dead letters: wanted list, get, replay or discard`);
        }),
      tenants: ({ bus, options }) => this.listTenants(bus, options),
      // A single-tenant bus refuses both by name.
      forgetTenant: ({ bus, tenant }) => (this.bus(bus) as Bus<"multi">).forgetTenant(tenant as string),
      log: ({ bus }) => this.entryOfBus(bus).lines,
      abandon: ({ prefix }) => this.abandon(String(prefix)),
      context: ({ tenant }) => this.contextAlongAwaits(String(tenant)),
      define: ({ schemas: kind }) => {
        const refused = REFUSED_SCHEMAS[String(kind)];
        if (refused === undefined) throw new TypeError(`define "${kind}": there are no such schemas`);
        client.defineEvents(refused as Parameters<typeof client.defineEvents>[0]); // for it to refuse
      },
    };
  }

  private async connect({ bus: name, redis, via, ...options }: Input): Promise<void> {
    const lines: Record<string, unknown>[] = [];
    const bus = await this.runtime.client.connect({
      ...options,
      redis: this.redisOf(redis, via),
      events: this.events,
      logger: recorder(lines),
    } as ConnectOptions<EventSchemas, "multi">); // as the case has them, for the client to judge
    this.buses.set(String(name), { bus, lines });
  }

  /** A URL or options as they are; the nodes of a Cluster, and `via: instance`, as users connect with their own. */
  private redisOf(redis: unknown, via: unknown): unknown {
    const { Redis, Cluster } = this.runtime;
    const { cluster, options } = Object(redis);
    if (cluster !== undefined) return new Cluster(cluster, { lazyConnect: true, ...options });
    if (via === "instance") return new Redis(String(redis), { lazyConnect: true });
    return redis;
  }

  private async listTenants(bus: unknown, options: unknown): Promise<unknown[]> {
    const { seenSince, ...others } = Object(options);
    const asked = { ...others, ...(seenSince !== undefined && { seenSince: new Date(seenSince) }) };
    const tenants: unknown[] = [];
    for await (const tenant of (this.bus(bus) as Bus<"multi">).tenants(
      options === undefined ? options : asked,
    )) {
      tenants.push(tenant);
    }
    return tenants;
  }

  private async publishCount({ count, prefix, type = "order.placed", ...input }: Input): Promise<string[]> {
    const events = Array.from({ length: Number(count) }, (_, n) => {
      const orderId = `${prefix}${n + 1}`;
      return { type: String(type), data: { orderId, amount: n + 1 }, idempotencyKey: orderId };
    });
    const ids: string[] = [];
    for (let from = 0; from < events.length; from += MAX_BATCH) {
      const batch = events.slice(from, from + MAX_BATCH);
      const receipts = await this.within(input, (bus) => bus.publishMany(batch));
      ids.push(...receipts.map(({ id }) => id));
    }
    return ids;
  }

  private partsOf(name: unknown, bus: unknown): ConsumingParts {
    const call = (what: "stop" | "idle" | "close") =>
      what === "close" ? this.bus(bus).close() : this.consumer(name)[what]();
    return { client: this.runtime.client, events: this.events, name: String(name), call };
  }

  private add(name: unknown, made: OpenConsumer): { name: string } {
    this.consumers.set(String(name), made);
    return { name: made.consumer.name };
  }

  private async contextAlongAwaits(tenant: string): Promise<Record<string, unknown>> {
    const { currentTenant, withTenant } = this.runtime.client;
    const seen = await withTenant(tenant, async () => {
      const promise = await Promise.resolve().then(() => currentTenant());
      const timer = await new Promise((resolve) => setTimeout(() => resolve(currentTenant()), 1));
      const microtask = await new Promise((resolve) => queueMicrotask(() => resolve(currentTenant())));
      const inner = await withTenant("inner", async () => currentTenant());
      return { promise, timer, microtask, inner, after: currentTenant() };
    });
    return { ...seen, outside: currentTenant() ?? null };
  }

  /** On the bus of the request, on behalf of the tenant that it names, and inside another's context. */
  private within<T>({ bus: name, tenant, within }: Input, act: (bus: Bus<"single">) => T): T {
    const bus = this.bus(name);
    const actFor = () => {
      // A single-tenant bus, too, is asked for a tenant: it refuses by name. Tenants have all that is used here.
      const on = typeof tenant === "string" ? (bus as Bus<"multi">).tenant(tenant) : bus;
      return act(on as unknown as Bus<"single">);
    };
    return typeof within === "string" ? this.runtime.client.withTenant(within, actFor) : actFor();
  }

  private bus(name: unknown): OpenBus["bus"] {
    return this.entryOfBus(name).bus;
  }

  private entryOfBus(name: unknown): OpenBus {
    const found = this.buses.get(String(name));
    if (found === undefined) throw new TypeError(`use the bus "${name}": there is none of this name`);
    return found;
  }

  private consumer(name: unknown): OpenConsumer["consumer"] {
    return this.entryOf(name).consumer;
  }

  private entryOf(name: unknown): OpenConsumer {
    const found = this.consumers.get(String(name));
    if (found === undefined) throw new TypeError(`use the consumer "${name}": there is none of this name`);
    return found;
  }
}

/** An event to publish: `key` is short for the option `idempotencyKey`. */
function entry({ type, data, key, bus: _, tenant: __, within: ___, ...options }: Input) {
  return {
    // Whatever a case has here is for the client to judge.
    type: type as "order.placed",
    data: data as { orderId: string; amount: number },
    options: { ...options, ...(key !== undefined && { idempotencyKey: key as string }) },
  };
}

function list(value: unknown): readonly Input[] {
  if (!Array.isArray(value)) throw new TypeError("read events: wanted a list");
  return value;
}

function recorder(lines: Record<string, unknown>[]): Logger {
  const level = (name: string) => (message: string, fields?: object) => {
    lines.push({ level: name, message, fields: readable(fields) });
  };
  return { debug: level("debug"), info: level("info"), warn: level("warn"), error: level("error") };
}

/** Errors among the fields as their messages: as JSON they would be empty. */
function readable(fields: object = {}): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, value instanceof Error ? value.message : value]),
  );
}
