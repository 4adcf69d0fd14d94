/**
 * Where everything is in Redis (DESIGN: "Data in Redis"): the names of a stream's keys and of a group's.
 *
 * Names are taken as they are; whoever takes them from a caller checks them first. All keys of one stream share a
 * hash slot, and so do all streams of one tenant.
 */
import type { GroupKeyName, KeyName, PeerKeyName, RegistryKeyName, Script } from "./script.js";

/** The keys of a stream that do not belong to a group. */
export type StreamKeyName = "stream" | "meta" | "published.0" | "published.1";

export type StreamKeys = Readonly<Record<StreamKeyName, string>>;

/** The keys of a stream and of one of its groups. */
export type GroupKeys = Readonly<Record<GroupKeyName, string>>;

/** The key of all tenants of a multi-tenant stream. */
export type RegistryKeys = Readonly<Record<RegistryKeyName, string>>;

/** The keys of the workers that serve one group of all tenants of a stream. */
export type PeerKeys = Readonly<Record<PeerKeyName, string>>;

/** What every derived key of the stream starts with. `/` is in no name, so it never collides with a stream. */
function prefix(stream: string, tenantId: string | undefined): string {
  return tenantId === undefined ? `{${stream}}/` : `tenant:{${tenantId}}:${stream}/`;
}

/** The keys of a stream; without a tenant those of single-tenant mode. */
export function streamKeys(stream: string, tenantId?: string): StreamKeys {
  const derived = prefix(stream, tenantId);
  return {
    stream: tenantId === undefined ? stream : `tenant:{${tenantId}}:${stream}`,
    meta: `${derived}meta`,
    "published.0": `${derived}published.0`,
    "published.1": `${derived}published.1`,
  };
}

/** The keys of a stream and one of its groups. */
export function groupKeys(stream: string, group: string, tenantId?: string): GroupKeys {
  const derived = `${prefix(stream, tenantId)}${group}/`;
  return {
    ...streamKeys(stream, tenantId),
    leases: `${derived}leases`,
    "processed.0": `${derived}processed.0`,
    "processed.1": `${derived}processed.1`,
    "processed.2": `${derived}processed.2`,
    "processed.3": `${derived}processed.3`,
    "processed.4": `${derived}processed.4`,
    retries: `${derived}retries`,
    dead: `${derived}dead`,
    state: `${derived}state`,
  };
}

/** The registry belongs to the stream's name, and to no tenant: on a Cluster it lies in the slot of that name. */
export function registryKeys(stream: string): RegistryKeys {
  return { tenants: `${prefix(stream, undefined)}tenants` };
}

/** The keys of a group's workers lie beside the registry. */
export function peerKeys(stream: string, group: string): PeerKeys {
  const derived = `${prefix(stream, undefined)}${group}/`;
  return { workers: `${derived}workers`, help: `${derived}help`, born: `${derived}born` };
}

/** The KEYS of a call of a script whose keys are all in `keys`. */
export function keysOf(script: Script, keys: Partial<Readonly<Record<KeyName, string>>>): string[] {
  return script.keys.map((name) => {
    const key = keys[name];
    if (key === undefined) {
      throw new TypeError(
        `keys of the script '${script.name}': '${name}' is not among the keys that were given`,
      );
    }
    return key;
  });
}
