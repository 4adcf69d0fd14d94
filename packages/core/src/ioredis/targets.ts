/**
 * Where an instance of ioredis connects to first, for runtimes that ask before anybody may connect. What
 * Sentinel or a Cluster will name beyond that is not known before.
 */

import { isCluster } from "./options.js";
import type { IoredisClient, IoredisClientOptions, IoredisCluster } from "./types.js";

/** An address, or the path of a socket. */
export type Target =
  | {
      /** A name or an address, IPv6 without brackets. */
      readonly host: string;
      /** Absent for a name that is looked up by itself, apart from connecting to it. */
      readonly port?: number;
    }
  | { readonly path: string };

/** As ioredis reads its own options, its defaults included. */
export function targetsOf(source: IoredisClient | IoredisCluster): Target[] {
  if (!isCluster(source)) return targetsOfClient(source.options);
  // Then the nodes are found by asking DNS. Not among the options that the adapter itself looks at.
  if (Reflect.get(source.options, "useSRVRecords") === true) return [];
  // Not in ioredis's types, which declare it private, but there since its first version.
  const nodes: unknown = Reflect.get(source, "startupNodes");
  return Array.isArray(nodes) ? nodes.flatMap(targetsOfNode) : [];
}

function targetsOfClient(options: IoredisClientOptions): Target[] {
  const { host = "localhost", port = 6379, path, sentinels } = options;
  if (sentinels) return sentinels.map((node) => address(node.host ?? "localhost", node.port ?? 26_379));
  return [path ? { path } : address(host, port)];
}

/** A node of a Cluster in any form that ioredis takes: a port, a URL, or options. */
function targetsOfNode(node: unknown): Target[] {
  if (typeof node === "number") return [address("127.0.0.1", node)];
  if (typeof node === "string") {
    const url = URL.canParse(node) ? new URL(node) : undefined;
    // Without a scheme it is read in ways of ioredis's own.
    return url && url.hostname !== "" ? [nodeAddress(url.hostname, url.port || 6379)] : [];
  }
  // A node in the form of options; what is missing in it has a default.
  const { host = "127.0.0.1", port = 6379 } = node as IoredisClientOptions;
  return [nodeAddress(host, port)];
}

/** ioredis looks up the names of a Cluster's nodes itself, and connects to what it finds. */
function nodeAddress(host: string, port: number | string): Target {
  const isAddress = host.includes(":") || /^[\d.]+$/.test(host);
  return isAddress ? address(host, port) : { host };
}

/** ioredis takes ports as text too, and IPv6 addresses in brackets. */
function address(host: string, port: number | string): Target {
  return { host: host.replace(/^\[(.*)\]$/, "$1"), port: Number(port) };
}
