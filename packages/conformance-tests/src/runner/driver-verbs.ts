/**
 * What a driver is asked to do: the fields of a case's step, with the case's names in the place of aliases and
 * with what goes without saying filled in.
 */

import { addressOf, loginOf } from "./server.js";
import type { Stage } from "./stage.js";

type Fields = Readonly<Record<string, unknown>>;

/** Operations for one tenant: `acme`, unless the step names another, or none. */
const FOR_A_TENANT = new Set([
  "publish",
  "publishMany",
  "publishAll",
  "publishCount",
  "consumer",
  "streamInfo",
  "health",
  "deadLetters",
]);
/** About one tenant, on a bus of all of them: none goes without saying. */
const ABOUT_A_TENANT = new Set(["forgetTenant"]);
const WITH_A_BUS = new Set([
  ...FOR_A_TENANT,
  ...ABOUT_A_TENANT,
  ...["connect", "closeBus", "log", "metrics", "tenants", "worker"],
]);
const WITH_A_CONSUMER = new Set([
  ...["start", "stop", "pause", "resume", "idle", "runOnce", "recovery", "finish"],
  ...["consumer", "worker"],
]);
const OTHERS = new Set(["context", "define"]);

export function isDriverVerb(verb: string): boolean {
  return WITH_A_BUS.has(verb) || WITH_A_CONSUMER.has(verb) || OTHERS.has(verb);
}

/** Does a driver's verb, and resolves with what the driver answers. */
export async function askDriver(stage: Stage, verb: string, input: unknown, actor: string): Promise<unknown> {
  const process = await stage.process(actor);
  const request = requestOf(stage, verb, Object(input), actor);
  if (verb === "consumer" && stage.parts.case.through === "worker") {
    return await process.request("worker", ofOneTenant(request));
  }
  return await process.request(verb, request);
}

/** What opens a worker in the place of a tenant's consumer. */
function ofOneTenant({ tenant, within, ...request }: Fields): Fields {
  return { ...request, tenants: [tenant ?? within] };
}

function requestOf(stage: Stage, verb: string, input: Fields, actor: string): Fields {
  if (verb === "define") return input;
  if (verb === "context") return { ...input, tenant: stage.names.tenant(String(input.tenant)) };
  const { bus = "bus", consumer, group, ...fields } = input;
  if (typeof group === "string") stage.names.addGroup(group);
  const request: Fields = {
    ...fields,
    ...(group !== undefined && { group }),
    ...(WITH_A_BUS.has(verb) && { bus: `${stage.prefix}${bus}` }),
    ...(WITH_A_CONSUMER.has(verb) && { consumer: `${stage.prefix}${consumer ?? "consumer"}` }),
    ...(verb === "metrics" && consumer !== undefined && { consumer: `${stage.prefix}${consumer}` }),
  };
  if (verb === "connect") return connectRequest(stage, request, String(bus), actor);
  if (verb === "worker") return withTenants(stage, request);
  if (ABOUT_A_TENANT.has(verb)) return { ...request, tenant: tenantOf(stage, request.tenant) };
  return FOR_A_TENANT.has(verb) ? withTenant(stage, request, String(bus)) : request;
}

function connectRequest(stage: Stage, request: Fields, bus: string, actor: string): Fields {
  const { tenancy = "multi", stream = "orders", user, redis, ...options } = request;
  stage.buses.set(bus, { actor, multi: tenancy === "multi" });
  return {
    ...options,
    ...(tenancy !== null && { tenancy }),
    stream: typeof stream === "string" ? stage.names.stream(stream) : stream,
    redis: redis ?? redisFor(stage, typeof user === "string" ? user : undefined),
  };
}

/** The user's login is the password's too: it is one that nobody else knows. */
function redisFor(stage: Stage, user: string | undefined): unknown {
  const url = new URL(stage.clientUrl);
  if (user !== undefined) {
    url.username = stage.names.user(user);
    url.password = stage.names.user(user);
  }
  if (!stage.parts.cluster || stage.server) return url.href;
  return { cluster: [addressOf(url.href)], options: { redisOptions: loginOf(url.href) } };
}

function withTenant(stage: Stage, request: Fields, bus: string): Fields {
  const { tenant, within, ...fields } = request;
  const named = {
    ...fields,
    ...(within !== undefined && { within: tenantOf(stage, within) }),
    ...(tenant !== undefined && tenant !== null && { tenant: tenantOf(stage, tenant) }),
  };
  const goesWithoutSaying =
    tenant === undefined && within === undefined && stage.buses.get(bus)?.multi !== false;
  return goesWithoutSaying ? { ...named, tenant: tenantOf(stage, "acme") } : named;
}

/** `tenants` is a list, or "registered"; `answered` is the list that a function answers with. */
function withTenants(stage: Stage, { tenants, answered, ...request }: Fields): Fields {
  const named = (list: unknown) => (Array.isArray(list) ? list.map((one) => tenantOf(stage, one)) : list);
  return {
    ...request,
    ...(tenants !== undefined && { tenants: named(tenants) }),
    ...(answered !== undefined && { answered: named(answered) }),
  };
}

/** What is no text is for the client to refuse. */
function tenantOf(stage: Stage, alias: unknown): unknown {
  return typeof alias === "string" ? stage.names.tenant(alias) : alias;
}
