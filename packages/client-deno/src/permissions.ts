/**
 * Deno's permissions, asked for before they are needed: what is missing is told at once and with the flag to
 * run with. Left to itself, ioredis would fail as it loads, and try to connect for as long as it is let.
 *
 * Where somebody can answer, Deno asks them, as it does for any program.
 */

import { RuntimePermissionError } from "@sluice/core";
import type { Target } from "@sluice/core/ioredis";
import type { DenoRuntime, PermissionDescriptor } from "./runtime.ts";

/**
 * For ioredis: its debug output looks through the names of all variables as it loads.
 *
 * @throws {RuntimePermissionError} naming `--allow-env`.
 */
export function permitEnvironment(deno: DenoRuntime): void {
  try {
    // Reading tells more than asking: with `--ignore-env` the permission is denied, and the environment empty.
    deno.env.toObject();
  } catch (cause) {
    const attempted = "load ioredis, which reads the environment";
    throw new RuntimePermissionError({ attempted, flags: ["--allow-env"], cause });
  }
}

/**
 * For the connections themselves.
 *
 * @throws {RuntimePermissionError} naming all that is missing: `--allow-net` with each address; for a socket
 *   also `--allow-read` and `--allow-write` with its path.
 */
export async function permitTargets(deno: DenoRuntime, targets: readonly Target[]): Promise<void> {
  const missing: PermissionDescriptor[] = [];
  for (const descriptor of targets.flatMap(needsOf)) {
    if (!(await isPermitted(deno, descriptor))) missing.push(descriptor);
  }
  if (missing.length === 0) return;
  const attempted = `connect to Redis at ${targets.map(textOf).join(", ")}`;
  throw new RuntimePermissionError({ attempted, flags: flagsOf(missing) });
}

function needsOf(target: Target): PermissionDescriptor[] {
  if (!("path" in target)) return [{ name: "net", host: textOf(target) }];
  const { path } = target;
  return [
    { name: "net", host: `unix:${path}` },
    { name: "read", path },
    { name: "write", path },
  ];
}

async function isPermitted(deno: DenoRuntime, descriptor: PermissionDescriptor): Promise<boolean> {
  try {
    return (await deno.permissions.request(descriptor)).state === "granted";
  } catch (error) {
    // A host that Deno has no permission for, such as one with letters beyond ASCII: connecting will tell.
    if (error instanceof URIError) return true;
    throw error;
  }
}

/** One flag for each kind of permission. */
function flagsOf(missing: readonly PermissionDescriptor[]): string[] {
  const values = new Map<string, Set<string>>();
  for (const descriptor of missing) {
    const value = descriptor.name === "net" ? descriptor.host : descriptor.path;
    values.set(descriptor.name, (values.get(descriptor.name) ?? new Set()).add(value));
  }
  return [...values].map(([name, of]) => `--allow-${name}=${[...of].join(",")}`);
}

/** As Deno's flags have it, and people read it. */
function textOf(target: Target): string {
  if ("path" in target) return target.path;
  const host = target.host.includes(":") ? `[${target.host}]` : target.host;
  return target.port === undefined ? host : `${host}:${target.port}`;
}
