/**
 * A run of the suite against one server: every case on every runtime, a few side by side, and the script vectors
 * once. What is not applicable is found out before a case begins.
 */

import { createHash } from "node:crypto";
import { uniqueName } from "@sluice/test-server";
import type { Case, RuntimeName } from "../case.js";
import { runScenarios, type Scenario } from "../cluster/scenarios.js";
import { messageOf } from "../messages.js";
import { probeServer } from "../probe.js";
import type { CaseResult, Place, ServerFacts, SuiteReport } from "../results.js";
import type { FoundRuntimes, Runtime } from "../runtimes.js";
import type { Vector } from "../vectors/format.js";
import { runVector } from "../vectors/run.js";
import { runSteps } from "./case-run.js";
import { DriverProcess } from "./driver-process.js";
import { TcpProxy } from "./proxy.js";
import { rewriteShas } from "./rewrite.js";
import { addressOf, linkTo, type ServerLink, type ServerUnderTest, withAddress } from "./server.js";
import { Stage } from "./stage.js";
import { userOn } from "./users.js";

/** Cases spend most of their time waiting for processes and for Redis. */
const CONCURRENCY = 6;
/** After the time that a case may take: its processes end, its keys go. */
const CLEAN_UP_MS = 15_000;

export interface SuiteOptions {
  readonly server: ServerUnderTest;
  readonly runtimes: FoundRuntimes;
  readonly cases: readonly Case[];
  readonly vectors: readonly Vector[];
  /** Cases that data cannot tell; none unless given. */
  readonly scenarios?: readonly Scenario[] | undefined;
  /** Whether users may be made on the server, and deleted at the end. False unless given. */
  readonly allowUsers?: boolean | undefined;
  /** Cases at a time, 6 unless given. */
  readonly concurrency?: number | undefined;
  /** Begin no further case after the first that fails. */
  readonly bail?: boolean | undefined;
  /** Other scripts to run in the place of ours: the SHA-1 of ours to the source of the other. */
  readonly scripts?: ReadonlyMap<string, string> | undefined;
  readonly onResult?: ((result: CaseResult) => void) | undefined;
  /** What is known of the server already; else it is probed. */
  readonly facts?: ServerFacts | undefined;
  /** Aborted, cases under way are given up and cleaned up, and no further one begins. */
  readonly signal?: AbortSignal | undefined;
}

/** A server and the runtimes, ready for cases. */
export interface Suite extends AsyncDisposable {
  /** One case on one runtime, and on the others as partners where it wants them. Never rejects. */
  run(one: Case, runtime: RuntimeName): Promise<CaseResult>;
  runVector(vector: Vector): Promise<CaseResult>;
  readonly notes: readonly string[];
}

/** Runs everything, and closes what it opened. */
export async function runSuite(options: SuiteOptions): Promise<SuiteReport> {
  const startedAt = new Date();
  const results: CaseResult[] = [];
  await using suite = await openSuite(options);
  const server = options.facts ?? (await probe(options.server));
  const jobs: (() => Promise<CaseResult>)[] = [
    ...options.vectors.map((vector) => () => suite.runVector(vector)),
    ...options.runtimes.found.flatMap(({ name }) => options.cases.map((one) => () => suite.run(one, name))),
  ];
  const work = async () => {
    for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
      if (options.signal?.aborted) return;
      const result = await job();
      results.push(result);
      options.onResult?.(result);
      if (options.bail && result.status === "failed") jobs.length = 0;
    }
  };
  await Promise.all(Array.from({ length: options.concurrency ?? CONCURRENCY }, work));
  const ended =
    options.signal?.aborted || (options.bail && results.some(({ status }) => status === "failed"));
  const further = await runScenarios({
    scenarios: ended ? [] : (options.scenarios ?? []),
    runtimes: options.runtimes.found,
    startCluster: options.server.startCluster,
    onResult: options.onResult,
  });
  return {
    server,
    runtimes: options.runtimes.found.map(({ name, version }) => ({ name, version })),
    missing: options.runtimes.missing,
    results: [...results, ...further.results],
    startedAt: startedAt.toISOString(),
    durationMs: Date.now() - startedAt.getTime(),
    notes: [...suite.notes, ...further.notes],
  };
}

/** @throws {Error} when the server does not answer. */
export async function openSuite(options: SuiteOptions): Promise<Suite> {
  const link = await linkTo(options.server);
  const shas = await loadScripts(link, options.scripts);
  const proxy =
    shas === undefined
      ? undefined
      : await TcpProxy.start(addressOf(options.server.url), () => rewriteShas(shas));
  return new OpenSuite(options, link, proxy);
}

/** Loads other scripts, and tells by which SHA-1 each takes the place of which. */
async function loadScripts(
  link: ServerLink,
  scripts: SuiteOptions["scripts"],
): Promise<ReadonlyMap<string, string> | undefined> {
  if (scripts === undefined) return undefined;
  for (const source of scripts.values()) {
    for (const node of link.masters()) await node.call("SCRIPT", "LOAD", source);
  }
  const sha1 = (source: string) => createHash("sha1").update(source).digest("hex");
  return new Map([...scripts].map(([sha, source]) => [sha, sha1(source)]));
}

class OpenSuite implements Suite {
  readonly notes: string[] = [];
  private readonly drivers = new Map<RuntimeName, Promise<DriverProcess>>();

  constructor(
    private readonly options: SuiteOptions,
    private readonly link: ServerLink,
    private readonly proxy: TcpProxy | undefined,
  ) {}

  async run(one: Case, name: RuntimeName): Promise<CaseResult> {
    const begun = performance.now();
    const about = { id: one.id, title: one.title, level: one.level, place: name };
    const casts = this.castsOf(one, name);
    const missing = casts.length === 0 ? this.fewRuntimes(one) : this.unmet(one);
    if (missing !== undefined) {
      return { ...about, status: "notApplicable", reason: missing, durationMs: 0 };
    }
    for (const cast of casts) {
      const reason = await this.failureOf(one, cast);
      if (reason !== undefined) {
        const withOthers = cast.length > 1 ? `with ${cast.map((it) => it.name).join(" + ")}: ` : "";
        const durationMs = performance.now() - begun;
        return { ...about, status: "failed", reason: `${withOthers}${reason}`, durationMs };
      }
    }
    return { ...about, status: "passed", durationMs: performance.now() - begun };
  }

  async runVector(vector: Vector): Promise<CaseResult> {
    const begun = performance.now();
    const place: Place = "scripts";
    const about = { id: vector.id, title: vector.title, level: vector.level, place };
    const missing = this.unmet({ needs: vector.needs });
    if (missing !== undefined) {
      return { ...about, status: "notApplicable", reason: missing, durationMs: 0 };
    }
    try {
      const { scripts = new Map() } = this.options;
      const users = (rules: readonly string[]) => userOn(this.link, rules);
      await runVector(vector, { redis: this.link.redis, names: uniqueName, scripts, users });
      return { ...about, status: "passed", durationMs: performance.now() - begun };
    } catch (error) {
      return { ...about, status: "failed", reason: messageOf(error), durationMs: performance.now() - begun };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const drivers = await Promise.allSettled(this.drivers.values());
    await Promise.all(
      drivers.map(async (it) => it.status === "fulfilled" && (await it.value[Symbol.asyncDispose]())),
    );
    await this.proxy?.close();
    await this.link.close();
  }

  /** What keeps one run of a case from passing, or undefined. */
  private async failureOf(one: Case, cast: readonly Runtime[]): Promise<string | undefined> {
    const deadline = performance.now() + one.timeoutMs;
    let stage: Stage | undefined;
    try {
      stage = await Stage.set({
        case: one,
        cast,
        link: this.link,
        clientUrl: this.clientUrl,
        cluster: this.options.server.cluster ?? false,
        startAnother: this.options.server.startAnother,
        shared: (runtime) => this.driver(runtime),
        addNote: (line) => this.notes.push(line),
      });
      this.options.signal?.throwIfAborted();
      const running = stage;
      const done = inTime(
        runSteps(stage, one.steps, deadline),
        one.timeoutMs,
        () => `${running.at}: the case`,
      );
      await unlessAborted(done, this.options.signal);
      return undefined;
    } catch (error) {
      return messageOf(error);
    } finally {
      const staged = stage;
      await inTime(Promise.resolve(staged?.[Symbol.asyncDispose]()), CLEAN_UP_MS, () => "cleaning up").catch(
        (error: unknown) => this.notes.push(`${one.id}: ${messageOf(error)}`),
      );
    }
  }

  /** Who plays: the runtime alone, or with every other one as its partner. Empty where there are too few. */
  private castsOf(one: Case, name: RuntimeName): readonly (readonly Runtime[])[] {
    const { found } = this.options.runtimes;
    const first = found.filter((runtime) => runtime.name === name);
    const others = found.filter((runtime) => runtime.name !== name);
    const places = new Set([...one.actors.values()].map(({ runtime }) => runtime));
    if (places.has("third")) {
      return others.length < 2 ? [] : [[...first, ...others]];
    }
    return places.has("second") ? others.map((other) => [...first, other]) : [first];
  }

  private fewRuntimes(one: Case): string {
    const wanted = [...one.actors.values()].some(({ runtime }) => runtime === "third") ? 3 : 2;
    return `it is about ${wanted} runtimes together`;
  }

  /** Why the server cannot run this, or undefined. */
  private unmet({ needs }: Pick<Case, "needs">): string | undefined {
    const { server, allowUsers = false } = this.options;
    const tls = server.url.startsWith("rediss:");
    const reasons: Record<Case["needs"][number], string | false> = {
      standalone: server.cluster === true && "it is about a single server",
      cluster: server.cluster !== true && "it is about a Cluster",
      proxy:
        (server.cluster === true && "it cuts connections, which a Cluster's clients make by themselves") ||
        (tls && "it cuts connections through a proxy, which TLS does not let in"),
      users: !allowUsers && "it makes a user on the server, which --allow-users allows",
      "own-server":
        server.startAnother === undefined &&
        "it pauses, restarts or configures a server, or counts on its settings, and this one is not its own",
    };
    return needs.map((need) => reasons[need]).find((reason) => reason !== false) || undefined;
  }

  private get clientUrl(): string {
    const { url } = this.options.server;
    return this.proxy === undefined ? url : withAddress(url, this.proxy.address);
  }

  /** The process that cases share. One that has died is made again: the case that killed it has failed already. */
  private async driver(runtime: Runtime): Promise<DriverProcess> {
    const known = this.drivers.get(runtime.name);
    const process = await known?.catch(() => undefined);
    if (process?.alive) return process;
    // Of several cases that come here at once, the first starts it.
    if (this.drivers.get(runtime.name) !== known) return await this.driver(runtime);
    const { cluster } = this.options.server;
    const started = DriverProcess.start(runtime, cluster ? this.link.addresses : [addressOf(this.clientUrl)]);
    this.drivers.set(runtime.name, started);
    return await started;
  }
}

async function probe(server: ServerUnderTest) {
  await using link = await linkTo(server);
  return await probeServer(link.redis);
}

async function inTime<T>(promise: Promise<T>, ms: number, what: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what()} took longer than ${ms} ms`)), ms);
  });
  return await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function unlessAborted(promise: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return await promise;
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(new Error("interrupted"));
    signal.addEventListener("abort", onAbort, { once: true });
  });
  await Promise.race([promise, aborted]).finally(() => signal.removeEventListener("abort", onAbort));
}
