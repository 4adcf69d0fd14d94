/**
 * A server to try mutants on, with clients that get the mutant's scripts: a proxy puts them in the place of what
 * clients ask for, on this server and on those that single cases have for themselves.
 */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Case,
  type CaseResult,
  type FoundRuntimes,
  openSuite,
  type Suite,
  type Vector,
} from "@sluice/conformance";
import { startServer, type TestServer, uniqueName } from "@sluice/test-server";
import { TcpProxy } from "../../packages/conformance-tests/src/runner/proxy.js";
import { type Rewrite, rewriteShas } from "../../packages/conformance-tests/src/runner/rewrite.js";
import {
  addressOf,
  linkTo,
  type ServerLink,
  withAddress,
} from "../../packages/conformance-tests/src/runner/server.js";
import { userOn } from "../../packages/conformance-tests/src/runner/users.js";
import { runVector, VectorFailure } from "../../packages/conformance-tests/src/vectors/run.js";
import { ReachLog } from "./reach.js";

/** Longest that a vector may take: they take milliseconds, and a thousand entries some hundred. */
const VECTOR_DEADLINE_MS = 10_000;
/** Longest that a server in good health takes for a PING while cases run beside. */
const PING_DEADLINE_MS = 3_000;

/** What is broken: other scripts by the SHA-1 of ours, and whatever else happens to what clients send. */
export interface Breakage {
  readonly scripts: ReadonlyMap<string, string>;
  readonly sends?: () => Rewrite;
}

const NOTHING: Breakage = { scripts: new Map() };

export class Bench implements AsyncDisposable {
  readonly log: ReachLog;
  readonly #server: TestServer;
  readonly #proxy: TcpProxy;
  readonly #folder: string;
  readonly #runtimes: FoundRuntimes;
  #link: ServerLink;
  #suite: Promise<Suite> | undefined;
  #breakage: Breakage = NOTHING;

  private constructor(parts: {
    readonly server: TestServer;
    readonly link: ServerLink;
    readonly proxy: TcpProxy;
    readonly folder: string;
    readonly runtimes: FoundRuntimes;
  }) {
    this.#server = parts.server;
    this.#link = parts.link;
    this.#proxy = parts.proxy;
    this.#folder = parts.folder;
    this.#runtimes = parts.runtimes;
    this.log = new ReachLog(join(parts.folder, "log"));
  }

  /** @param runtimes of which the first runs the cases */
  static async start(runtimes: FoundRuntimes): Promise<Bench> {
    const folder = mkdtempSync(join(tmpdir(), "sluice-mutants-"));
    let server: TestServer | undefined;
    try {
      server = await startServer({ args: logArgs(folder) });
      const link = await linkTo({ url: server.url });
      // Each connection gets the breakage that there is when it is made.
      let bench: Bench | undefined;
      const proxy = await TcpProxy.start(addressOf(server.url), () =>
        rewriteOf(bench === undefined ? NOTHING : bench.#breakage),
      );
      bench = new Bench({ server, link, proxy, folder, runtimes });
      return bench;
    } catch (error) {
      await server?.stop();
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** What the server is, for people: `redis 7.0.15`. */
  get product(): string {
    return this.#server.description.replace(/,.*/, "");
  }

  /** Breaks what runs from now on in this way, and no other. */
  async breakBy(breakage: Breakage): Promise<void> {
    this.#breakage = breakage;
    this.#proxy.cut();
    await load(this.#link, breakage);
  }

  /** What the vector finds, or undefined if it passes. */
  async vector(vector: Vector, deadlineMs = VECTOR_DEADLINE_MS): Promise<string | undefined> {
    const run = runVector(vector, {
      redis: this.#link.redis,
      names: uniqueName,
      users: (rules) => userOn(this.#link, rules),
      scripts: this.#breakage.scripts,
    });
    try {
      const passed = await inTime(
        run.then(() => true),
        deadlineMs,
      );
      if (passed) return undefined;
      await this.#renew();
      return "no answer: an endless loop";
    } catch (error) {
      if (error instanceof VectorFailure) return error.message;
      throw error;
    }
  }

  /** Runs the case on the first runtime; a server that does not answer then is started again. */
  async case(one: Case): Promise<CaseResult> {
    const [runtime] = this.#runtimes.found;
    if (runtime === undefined) throw new Error("run a case: there is no runtime for it");
    this.#suite ??= this.#openSuite();
    const result = await (await this.#suite).run(one, runtime.name);
    if (result.status === "failed" && !(await this.#answers())) await this.#renew();
    return result;
  }

  /** Lets clients start anew: what a broken script did to them is not the next one's fault. */
  async closeSuite(): Promise<void> {
    const suite = await this.#suite;
    this.#suite = undefined;
    await suite?.[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.closeSuite();
    await this.#link.close();
    await this.#proxy.close();
    await this.#server.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #openSuite(): Promise<Suite> {
    return openSuite({
      server: {
        url: withAddress(this.#server.url, this.#proxy.address),
        startAnother: (args) => this.#startAnother(args),
      },
      runtimes: this.#runtimes,
      cases: [],
      vectors: [],
      allowUsers: true,
    });
  }

  /** A server of a case's own, behind a proxy that breaks it in the same way. */
  async #startAnother(args: readonly string[]): Promise<TestServer> {
    const breakage = this.#breakage;
    const server = await startServer({ args: [...logArgs(this.#folder), ...args] });
    const proxy = await TcpProxy.start(addressOf(server.url), () => rewriteOf(breakage));
    const prepare = async () => {
      await using link = await linkTo({ url: server.url });
      await load(link, breakage);
    };
    await prepare();
    const stop = async () => {
      await proxy.close();
      await server.stop();
    };
    return {
      ...proxy.address,
      url: withAddress(server.url, proxy.address),
      description: server.description,
      ours: server.ours,
      restart: async (how) => {
        await server.restart(how);
        await prepare();
      },
      kill: () => server.kill(),
      pause: () => server.pause(),
      resume: () => server.resume(),
      stop,
      [Symbol.asyncDispose]: stop,
    };
  }

  async #answers(): Promise<boolean> {
    // A server that is busy with a script answers BUSY, or nothing.
    const pinged = this.#link.redis.call("PING").then(
      () => true,
      () => false,
    );
    return (await inTime(pinged, PING_DEADLINE_MS)) === true;
  }

  /** Ends the server, which is the one way to end a script that has written, and starts it again. */
  async #renew(): Promise<void> {
    await this.#link.close();
    await this.#server.restart({ signal: "SIGKILL" });
    this.#link = await linkTo({ url: this.#server.url });
    await this.closeSuite();
  }
}

function rewriteOf({ scripts, sends }: Breakage): Rewrite {
  const byShas = rewriteShas(new Map([...scripts].map(([sha1, source]) => [sha1, sha1Of(source)])));
  const own = sends?.();
  return own === undefined ? byShas : (bytes) => byShas(own(bytes));
}

async function load({ redis }: ServerLink, { scripts }: Breakage): Promise<void> {
  for (const source of scripts.values()) await redis.call("SCRIPT", "LOAD", source);
}

function sha1Of(source: string): string {
  return createHash("sha1").update(source).digest("hex");
}

/** What the promise resolves with, or undefined when it takes longer; then what comes of it is nobody's. */
async function inTime<T>(promise: Promise<T>, deadlineMs: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), deadlineMs);
  });
  promise.catch(() => {});
  return await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function logArgs(folder: string): readonly string[] {
  return ["--logfile", join(folder, "log")];
}
