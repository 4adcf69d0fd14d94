/**
 * The names of one run of a case: unique ones for its tenants, streams and users, the keys that follow from them
 * (written down here once more, so that what clients do is checked against the layout and not against
 * themselves), and all keys there may be at its end.
 */

import { uniqueName } from "@sluice/test-server";

/** What a case may call a tenant, stream or user by; anything else in their place is a name as it is. */
const ALIAS = /^[a-z][a-z0-9]{0,19}$/;
const ON_STREAM = ["", "/meta", "/published.0", "/published.1"];
/** Of all tenants of a stream. */
const OF_TENANTS = "/tenants";
/** Of the workers that serve a group of all tenants. */
const OF_WORKERS = ["workers", "help", "born"];
const OF_GROUP = [
  ...["leases", "retries", "dead", "state"],
  ...[0, 1, 2, 3, 4].map((bucket) => `processed.${bucket}`),
];

export class Names {
  private readonly byAlias = new Map<string, string>();
  /** Keys that the case named by `${key:…}`. */
  private readonly named = new Set<string>();
  private readonly groups = new Set<string>();

  /** The real name behind an alias; a text that is no alias is itself. */
  tenant(alias: string): string {
    return this.unique("tenant", alias);
  }

  stream(alias: string): string {
    return this.unique("stream", alias);
  }

  user(alias: string): string {
    return this.unique("user", alias);
  }

  addGroup(group: string): void {
    this.groups.add(group);
  }

  /** The users that the case has named. */
  get users(): readonly string[] {
    return this.ofKind("user");
  }

  get streams(): readonly string[] {
    return this.ofKind("stream");
  }

  /**
   * A key by its short form: `acme`, `acme/meta`, `acme/billing/leases`; behind `@` another stream's alias than
   * "orders": `acme@other/meta`; without a tenant that of single-tenant mode: ``, `/meta`; of all tenants `/tenants`.
   */
  key(short: string): string {
    const slash = short.indexOf("/");
    const [owner = "", suffix = ""] = slash < 0 ? [short] : [short.slice(0, slash), short.slice(slash)];
    const [tenant = "", streamAlias = "orders"] = owner.split("@");
    const key = keyOf(this.stream(streamAlias), suffix, tenant === "" ? undefined : this.tenant(tenant));
    this.named.add(key);
    const group = /^\/([^/]+)\//.exec(suffix)?.[1];
    if (group !== undefined) this.addGroup(group);
    return key;
  }

  /** The keys of a stream and of the groups that the case has named. */
  keysOf(stream: string, tenant: string | undefined): readonly string[] {
    const suffixes = [
      ...ON_STREAM,
      ...[...this.groups].flatMap((group) => OF_GROUP.map((name) => `/${group}/${name}`)),
    ];
    return suffixes.map((suffix) => keyOf(stream, suffix, tenant));
  }

  /** Every key that the case can have made. */
  allKeys(): readonly string[] {
    const owners = [undefined, ...this.ofKind("tenant")];
    const derived = this.streams.flatMap((stream) => {
      const registry = keyOf(stream, OF_TENANTS, undefined);
      const workers = [...this.groups].flatMap((group) =>
        OF_WORKERS.map((name) => keyOf(stream, `/${group}/${name}`, undefined)),
      );
      return [registry, ...workers, ...owners.flatMap((owner) => this.keysOf(stream, owner))];
    });
    return [...new Set([...derived, ...this.named])];
  }

  private ofKind(kind: string): readonly string[] {
    return [...this.byAlias].filter(([id]) => id.startsWith(`${kind}:`)).map(([, name]) => name);
  }

  private unique(kind: string, alias: string): string {
    if (!ALIAS.test(alias)) return alias;
    const id = `${kind}:${alias}`;
    const name = this.byAlias.get(id) ?? uniqueName(alias);
    this.byAlias.set(id, name);
    return name;
  }
}

function keyOf(stream: string, suffix: string, tenant: string | undefined): string {
  if (tenant !== undefined) return `tenant:{${tenant}}:${stream}${suffix}`;
  return suffix === "" ? stream : `{${stream}}${suffix}`;
}
