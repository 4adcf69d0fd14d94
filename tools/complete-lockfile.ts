/**
 * Completes package-lock.json with the platform packages that a registry did not serve when it was made.
 *
 * Tools such as biome, esbuild and turbo ship one optional package per platform. A registry mirror that lacks one of
 * another platform makes npm leave it out of the lock file, and `npm ci` then refuses that file everywhere. What is
 * added here names version and platform only; on that platform npm fetches it as it would any package.
 */
import { readFileSync, writeFileSync } from "node:fs";

interface LockedPackage {
  readonly version?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly libc?: readonly string[];
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const FILE = "package-lock.json";
const SYSTEMS = [
  "android",
  "darwin",
  "freebsd",
  "linux",
  "netbsd",
  "openbsd",
  "openharmony",
  "sunos",
  "aix",
  "win32",
];
const PROCESSORS = [
  "arm64",
  "x64",
  "arm",
  "ia32",
  "ppc64",
  "riscv64",
  "s390x",
  "loong64",
  "mips64el",
  "wasm32",
];
const EXACT = /^\d+\.\d+\.\d+(-[\w.]+)?$/;

// The file's documented form, as npm has just written it.
const lock = JSON.parse(readFileSync(FILE, "utf8")) as { packages: Record<string, LockedPackage> };
const added: string[] = [];
for (const [path, { dev, optionalDependencies }] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies ?? {})) {
    if (isLocked(path, name)) continue;
    if (!EXACT.test(version))
      throw new Error(`complete ${FILE}: ${name}@${version} of ${path}: wanted one version`);
    const place = `node_modules/${name}`;
    lock.packages[place] = { version, ...(dev ? { dev } : {}), optional: true, ...platformOf(name) };
    added.push(`${name}@${version}`);
  }
}
// In npm's own order, or the next `npm install` would change the file.
const sorted = Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, "en"));
writeFileSync(FILE, `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, null, 2)}\n`);
console.log(added.length === 0 ? "complete" : `added ${added.join(", ")}`);

/** Whether a package that `path` depends on is in the file: beside it, or in a folder above. */
function isLocked(path: string, name: string): boolean {
  for (let folder = path; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf("/node_modules/")))) {
    if (lock.packages[`${folder === "" ? "" : `${folder}/`}node_modules/${name}`] !== undefined) return true;
    if (folder === "" || !folder.includes("/node_modules/")) {
      return lock.packages[`node_modules/${name}`] !== undefined;
    }
  }
}

/** The platform that the name says, so that no other one asks for it. */
function platformOf(name: string): Pick<LockedPackage, "os" | "cpu" | "libc"> {
  const words = name
    .split(/[-/]/)
    .map((word) => (word === "windows" ? "win32" : word === "64" ? "x64" : word));
  const os = SYSTEMS.filter((system) => words.includes(system));
  const cpu = PROCESSORS.filter((kind) => words.includes(kind));
  const libc = words.some((word) => word.startsWith("musl")) ? ["musl"] : [];
  const found = { os, cpu, libc };
  return Object.fromEntries(Object.entries(found).filter(([, values]) => values.length > 0));
}
