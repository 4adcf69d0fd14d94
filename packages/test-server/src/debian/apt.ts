/**
 * apt without root: packages and everything they depend on are downloaded into a folder of ours. The
 * machine's apt configuration (mirrors, proxies, keys) is used; its lists are read when they serve; nothing
 * of it is written.
 */

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { messageOf, TestServerError } from "../errors.js";
import { type Environment, findOnPath } from "../program.js";
import type { DebianSystem } from "./system.js";

const run = promisify(execFile);
const commandDeadlineMs = 300_000;
const debianKeyring = "/usr/share/keyrings/debian-archive-keyring.gpg";

export interface Download {
  readonly names: readonly string[];
  /** A suite of Debian other than the machine's own; `bookworm-backports` includes `bookworm`. */
  readonly suite?: string | undefined;
  readonly system: DebianSystem;
  /** An empty folder for lists, caches and packages. The caller removes it. */
  readonly workFolder: string;
  readonly env: Environment;
}

/**
 * Downloads the packages with all they depend on, as if nothing was installed, and returns the paths of the
 * .deb files. apt checks signatures and hashes as ever. Rejects with UNAVAILABLE, apt's last words in the
 * text.
 */
export async function downloadPackages(download: Download): Promise<readonly string[]> {
  const apt = new Apt(download);
  await apt.prepare();
  if (download.suite !== undefined) {
    await apt.useSuite(download.suite);
    return await apt.download();
  }
  try {
    return await apt.download();
  } catch {
    // A fresh machine has no lists, a neglected one has lists whose packages are gone from the mirror.
    await apt.useOwnLists();
    return await apt.download();
  }
}

class Apt {
  readonly #download: Download;
  readonly #configuration: string;
  readonly #archives: string;

  constructor(download: Download) {
    this.#download = download;
    this.#configuration = join(download.workFolder, "apt.conf");
    this.#archives = join(download.workFolder, "archives");
  }

  /** The machine's configuration, with an empty record of what is installed and caches of our own. */
  async prepare(): Promise<void> {
    const { workFolder } = this.#download;
    for (const folder of ["cache/archives/partial", "lists/partial", "archives"]) {
      await mkdir(join(workFolder, folder), { recursive: true });
    }
    await writeFile(join(workFolder, "status"), "");
    await this.#configure([]);
  }

  /** The machine's sources, with lists of our own that are brought up to date. */
  async useOwnLists(): Promise<void> {
    await this.#configure([`Dir::State::lists "${join(this.#download.workFolder, "lists")}";`]);
    await this.#update();
  }

  /** Only this suite, from the mirror that the machine uses for its own. */
  async useSuite(suite: string): Promise<void> {
    const { workFolder } = this.#download;
    const mirror = await this.#mirror();
    const signedBy = existsSync(debianKeyring) ? `[signed-by=${debianKeyring}] ` : "";
    const base = suite.replace(/-backports$/, "");
    const sources = [...new Set([base, suite])].map((name) => `deb ${signedBy}${mirror} ${name} main\n`);
    await writeFile(join(workFolder, "sources.list"), sources.join(""));
    await this.#configure([
      `Dir::State::lists "${join(workFolder, "lists")}";`,
      `Dir::Etc::sourcelist "${join(workFolder, "sources.list")}";`,
      'Dir::Etc::sourceparts "/dev/null";',
      'Dir::Etc::preferences "/dev/null";',
      'Dir::Etc::preferencesparts "/dev/null";',
    ]);
    await this.#update();
  }

  async download(): Promise<readonly string[]> {
    const { names } = this.#download;
    const plan = await this.#apt(["-s", "install", ...names]);
    const packages = [...plan.matchAll(/^Inst (\S+) \((\S+) /gm)].map(
      ([, name, version]) => `${name}=${version}`,
    );
    if (packages.length === 0) throw unavailable(names, "apt-get plans to install nothing");
    await this.#apt(["download", ...packages]);
    const files = (await readdir(this.#archives)).filter((file) => file.endsWith(".deb"));
    return files.map((file) => join(this.#archives, file));
  }

  async #configure(lines: readonly string[]): Promise<void> {
    const { workFolder } = this.#download;
    const text = [
      // What the machine does after an update is the machine's business, not that of a private folder.
      "#clear APT::Update::Pre-Invoke;",
      "#clear APT::Update::Post-Invoke;",
      "#clear APT::Update::Post-Invoke-Success;",
      // May name a release that the sources below do not have, which apt takes for an error.
      "#clear APT::Default-Release;",
      `Dir::State::status "${join(workFolder, "status")}";`,
      `Dir::State::extended_states "${join(workFolder, "extended_states")}";`,
      `Dir::Cache "${join(workFolder, "cache")}";`,
      'Dir::Cache::pkgcache "pkgcache.bin";',
      'Dir::Cache::srcpkgcache "srcpkgcache.bin";',
      'APT::Install-Recommends "0";',
      'APT::Install-Suggests "0";',
      // As root apt would download as its own user, who cannot reach into our folder.
      'APT::Sandbox::User "root";',
      'Acquire::Languages "none";',
      'Acquire::Retries "2";',
      'Acquire::http::Timeout "30";',
      'Acquire::https::Timeout "30";',
      ...lines,
    ];
    await writeFile(this.#configuration, `${text.join("\n")}\n`);
  }

  /**
   * One source of the machine that is out of reach is no reason to give up: what counts is whether the plan
   * works.
   */
  async #update(): Promise<void> {
    await this.#apt(["update"]).catch((error: unknown) => {
      if (this.#download.suite !== undefined) throw error;
    });
  }

  /** The address that the machine's own sources give for its own release. */
  async #mirror(): Promise<string> {
    const { system, suite } = this.#download;
    if (system.id !== "debian") {
      throw new TestServerError(
        "UNAVAILABLE",
        `get Debian's suite "${suite}": the mirror of ${system.name} has none`,
      );
    }
    const format = "$(CREATED_BY) $(RELEASE) $(REPO_URI)";
    const targets = await this.#apt(["indextargets", "--no-release-info", "--format", format]);
    const releases = [system.codename, "stable", "oldstable", "oldoldstable", "testing", "unstable"];
    for (const line of targets.split("\n")) {
      const [createdBy, release = "", uri] = line.split(" ");
      if (createdBy === "Packages" && releases.includes(release) && uri !== undefined) return uri;
    }
    throw new TestServerError(
      "UNAVAILABLE",
      `get Debian's suite "${suite}": no apt source serves "${system.codename}"`,
    );
  }

  async #apt(args: readonly string[]): Promise<string> {
    const { names, env } = this.#download;
    const program = await findOnPath("apt-get", env);
    if (program === undefined) throw unavailable(names, "apt-get is not on PATH");
    try {
      const { stdout } = await run(program, ["-q", "-c", this.#configuration, ...args], {
        cwd: this.#archives,
        env: { ...env, LC_ALL: "C", DEBIAN_FRONTEND: "noninteractive" },
        timeout: commandDeadlineMs,
        maxBuffer: 64 * 1024 * 1024,
      });
      return stdout;
    } catch (error) {
      throw unavailable(names, lastWords(error), error);
    }
  }
}

function unavailable(names: readonly string[], reason: string, cause?: unknown): TestServerError {
  return new TestServerError("UNAVAILABLE", `get the packages "${names.join(" ")}": ${reason}`, { cause });
}

/** apt's own errors if it had any, otherwise what kept it from running. */
function lastWords(error: unknown): string {
  const stderr = error instanceof Error && "stderr" in error ? String(error.stderr) : "";
  const errors = stderr.split("\n").filter((line) => line.startsWith("E: "));
  return errors.length > 0 ? errors.map((line) => line.slice(3)).join("; ") : messageOf(error);
}
