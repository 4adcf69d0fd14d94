/** `POST /tenants/:tenant/events`: one event into the tenant's stream. */

import { type Bus, type EventInput, type EventType, InvalidNameError } from "@sluice/deno";
import { z } from "zod";
import { readJson } from "./body.ts";
import type { events } from "./catalog.ts";
import { Problem } from "./problems.ts";

type Schemas = typeof events.schemas;

/** Longest body, in bytes, and how long it may take to come in, in milliseconds. */
const BODY_LIMITS = { maxBytes: 65_536, timeoutMs: 10_000 };

const envelope = z.strictObject({
  type: z.string(),
  data: z.unknown().refine((data) => data !== undefined, "expected data"),
  idempotencyKey: z.string().optional(),
});

type Envelope = z.output<typeof envelope>;

/** What a request asks to publish, not looked at by the catalog yet. */
export interface Asked {
  readonly type: string;
  readonly data: unknown;
  /** The client's, or one that was made for it. */
  readonly idempotencyKey: string;
}

/**
 * Reads a request.
 *
 * @throws {Problem} as {@link readJson}, and 400 for another envelope or two different keys.
 */
export async function readEvent(request: Request): Promise<Asked> {
  const body = envelope.safeParse(await readJson(request, BODY_LIMITS));
  if (!body.success) {
    const issues = body.error.issues.map(({ path, message }) => ({ path, message }));
    const detail = 'read the body: wanted {"type": "…", "data": …}, with "idempotencyKey" if need be';
    throw new Problem(400, "BAD_BODY", detail, { members: { issues } });
  }
  const { type, data } = body.data;
  return { type, data, idempotencyKey: keyOf(request.headers, body.data) };
}

/**
 * Publishes it. The answer tells the key, so that a client which sent none can send the same event again.
 *
 * @throws {SluiceError} as `publish` does.
 */
export async function publish(bus: Bus<"multi", Schemas>, tenant: string, asked: Asked): Promise<Response> {
  const { data, idempotencyKey } = asked;
  // What type it is, and whether the data is of it, is for the catalog to find out: that is what `publish` does.
  const type = asked.type as EventType<Schemas>;
  const input = data as EventInput<Schemas, typeof type>;
  const { id, duplicate } = await bus.tenant(tenant).publish(type, input, { idempotencyKey });
  return Response.json({ id, duplicate, idempotencyKey }, { status: 202 });
}

/**
 * A tenant of the worker's.
 *
 * @throws {Problem} 404 for any other.
 * @throws {InvalidNameError} for what cannot be a tenant's name.
 */
export function checkTenant(bus: Bus<"multi", Schemas>, tenants: readonly string[], encoded: string): string {
  const { tenantId } = bus.tenant(decoded(encoded));
  if (tenants.includes(tenantId)) return tenantId;
  throw new Problem(404, "UNKNOWN_TENANT", `find tenant "${tenantId}": it is not one of this worker's`);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new InvalidNameError({ field: "tenant", value: text, wanted: "a name in UTF-8" });
  }
}

/** The header is a string in quotes as structured fields are, or the key as it stands. */
function keyOf(headers: Headers, { idempotencyKey: inBody }: Envelope): string {
  const inHeader = headers.get("idempotency-key")?.replace(/^"(.*)"$/, "$1");
  if (inHeader !== undefined && inBody !== undefined && inHeader !== inBody) {
    const issues = [{ path: ["idempotencyKey"], message: "expected the key of the header, or none" }];
    throw new Problem(400, "TWO_KEYS", "read the idempotency key: header and body have different ones", {
      members: { issues },
    });
  }
  return inHeader ?? inBody ?? crypto.randomUUID();
}
