/**
 * What this machine is, as far as its packages go: Debian, Ubuntu, something built on them, or none of these.
 */

import { readFile } from "node:fs/promises";
import { TestServerError } from "../errors.js";

export interface DebianSystem {
  /** `debian`, `ubuntu`, … */
  readonly id: string;
  /** For people: `Debian`, `Ubuntu`. */
  readonly name: string;
  /** `bookworm`, `noble`, …: the suite that its own apt sources serve. */
  readonly codename: string;
}

/** Reads /etc/os-release. Rejects with UNAVAILABLE on a system that has no Debian packages. */
export async function debianSystem(file = "/etc/os-release"): Promise<DebianSystem> {
  const text = await readFile(file, "utf8").catch(() => "");
  const fields = new Map(
    [...text.matchAll(/^(\w+)="?([^"\n]*)"?$/gm)].map(([, name = "", value = ""]) => [name, value] as const),
  );
  const id = fields.get("ID") ?? process.platform;
  const family = [id, ...(fields.get("ID_LIKE") ?? "").split(" ")];
  if (!family.some((member) => member === "debian" || member === "ubuntu")) {
    throw new TestServerError("UNAVAILABLE", `this is neither Debian nor Ubuntu but "${id}"`);
  }
  return {
    id,
    name: (fields.get("NAME") ?? id).split(" ")[0] ?? id,
    codename: fields.get("VERSION_CODENAME") || "unknown",
  };
}
