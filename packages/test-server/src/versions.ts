/**
 * The versions that can be asked for by name, and where each comes from.
 */

import { TestServerError } from "./errors.js";

/**
 * Suites of Debian by the version they carry. `sid` moves on: what it has is compared with what was asked
 * for.
 */
export const suites = {
  "redis-7.0": "bookworm",
  "redis-8.0": "trixie",
  "valkey-8.0": "bookworm-backports",
  "valkey-8.1": "trixie",
  "valkey-9.1": "sid",
} as const;

/** A product and its major and minor version. */
export type ServerVersion = keyof typeof suites;

export const serverVersions: readonly ServerVersion[] = Object.keys(suites).filter(isServerVersion);

function isServerVersion(value: string): value is ServerVersion {
  return value in suites;
}

/** Callers in plain JavaScript, and command lines, may pass anything. */
export function checkVersion(version: string | undefined): ServerVersion | undefined {
  if (version === undefined || isServerVersion(version)) return version;
  const known = serverVersions.join(", ");
  throw new TestServerError("INVALID_OPTION", `start a server of version "${version}": known are ${known}`);
}

export function productNameOf(version: ServerVersion): "redis" | "valkey" {
  return version.startsWith("valkey") ? "valkey" : "redis";
}

/** Whether a product and version such as `redis 7.0.15` is one of `version`. */
export function isOfVersion(product: string, version: ServerVersion): boolean {
  return `${product}.`.startsWith(`${version.replace("-", " ")}.`);
}

/** The image that Docker runs for a version, or for none in particular. */
export function imageOf(version: ServerVersion | undefined): string {
  if (version === undefined) return "redis:8";
  return version.startsWith("valkey-")
    ? version.replace("valkey-", "valkey/valkey:")
    : version.replace("-", ":");
}
