/** Where a run took place and with what, for whoever reads its figures. */

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism, cpus, machine, release, totalmem, type } from "node:os";
import { join } from "node:path";
import type { Machine } from "./results.js";

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    os: `${type()} ${release()}, ${machine()}`,
  };
}

const PACKAGES = ["@sluice/node", "ioredis", "bullmq", "groupmq", "zod"];

/** @param server `redis 7.0.15, Debian package unpacked in …`: how it was had is no part of the version. */
export function versionsOf(server: string): Readonly<Record<string, string>> {
  const ofPackages = PACKAGES.map((name): [string, string] => [name, versionOf(name)]);
  return {
    node: process.versions.node,
    server: server.replace(/,.*/, ""),
    ...Object.fromEntries(ofPackages),
  };
}

/** Of the package as it resolves from here. Not all of them export their package.json. */
function versionOf(name: string): string {
  const folders = createRequire(import.meta.url).resolve.paths(name) ?? [];
  const file = folders.map((folder) => join(folder, name, "package.json")).find((path) => existsSync(path));
  if (file === undefined) return "unknown";
  const about: { readonly version: string } = JSON.parse(readFileSync(file, "utf8"));
  return about.version;
}
