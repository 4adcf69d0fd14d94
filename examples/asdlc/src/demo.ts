/**
 * The demo from beginning to end: a server, a history, four consumer processes, and the books.
 *
 * Consumers start first and work while events are being published, so that second publishes meet the first
 * ones in flight. The end is what Redis says it is: every entry of every tenant's stream acknowledged by both
 * groups.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type Bus, connect, silentLogger } from "@sluice/node";
import { findServer, type TestServer, uniqueName } from "@sluice/test-server";
import { Audit } from "./audit.js";
import { Fleet, type Worker } from "./fleet.js";
import { openRepository, type Repository, readCommits } from "./git-log.js";
import { Storyteller, tenantNames } from "./history.js";
import { Ledger, type Verdict } from "./ledger.js";
import { type Published, Publishing } from "./publishing.js";
import { events, type Schemas } from "./receipt.js";
import { count, counted, duration, type Show } from "./show.js";

export interface DemoOptions {
  /** Folder of the repository whose history is told. */
  readonly repo: string;
  /** The newest so many commits; all unless given. */
  readonly limit?: number | undefined;
  /** 2 to 8. */
  readonly tenants: number;
  /** The server to use; `REDIS_URL`, or one that is started, unless given. */
  readonly redisUrl?: string | undefined;
}

const GROUPS = ["planner", "reviewer"];
const WORKERS_PER_GROUP = 2;
/** In this group one process is killed on the way, with events in hand. */
const VICTIMS = "planner";
/** Pause between two looks at Redis, in milliseconds. */
const LOOK_EVERY_MS = 50;
/** After this long without any change it is given up, in milliseconds: many times a lease. */
const STALLED_MS = 60_000;

/**
 * Runs it. Resolves with what the books say; by then everything that was started has ended, and on a server
 * that was not started nothing is left.
 *
 * @param signal - ends it early: rejects, after the same tidying up.
 */
export async function runDemo(options: DemoOptions, show: Show, signal: AbortSignal): Promise<Verdict> {
  const startedAt = performance.now();
  const repository = await openRepository(options.repo);
  show.title("Sluice: a git history as an agentic software life cycle");
  const server = await unlessAborted(signal, find(options.redisUrl, show), (late) => late.stop());
  try {
    show.line("server", server.description);
    const demo = new Demo(options, repository, server, show, signal);
    try {
      return await demo.run(startedAt);
    } finally {
      show.endProgress();
      await demo.close();
    }
  } finally {
    await server.stop();
  }
}

/** One run on one server. */
class Demo {
  private readonly stream = uniqueName("asdlc");
  private readonly tenants: readonly string[];
  private readonly ledger: Ledger;
  private readonly audit: Audit;
  private readonly fleet: Fleet;
  private readonly buses: Bus<"multi", Schemas>[] = [];
  private readonly halt = new AbortController();
  private publishing: Promise<Published> | undefined;

  constructor(
    private readonly options: DemoOptions,
    private readonly repository: Repository,
    private readonly server: TestServer,
    private readonly show: Show,
    private readonly signal: AbortSignal,
  ) {
    const { stream } = this;
    const { url: redisUrl } = server;
    this.tenants = tenantNames(options.tenants);
    this.ledger = new Ledger(this.tenants, GROUPS);
    this.audit = new Audit(redisUrl, stream, this.tenants, GROUPS, this.ledger);
    this.fleet = new Fleet(GROUPS, WORKERS_PER_GROUP, VICTIMS, { redisUrl, stream, tenants: this.tenants });
  }

  async run(startedAt: number): Promise<Verdict> {
    const { show, fleet, ledger } = this;
    show.line("repository", `${this.repository.folder} (${this.repository.branch})`);
    show.line("tenants", `${this.tenants.join(", ")} · stream ${this.stream}`);
    await unlessAborted(this.signal, fleet.start());
    const pids = (group: string) => this.workersOf(group).map(({ pid }) => pid);
    show.line("consumers", GROUPS.map((group) => `${group} ${pids(group).join(" ")}`).join(" · "));

    const handlingSince = performance.now();
    this.publishing = this.publish();
    const drained = await this.follow(this.publishing);
    const { events } = await this.publishing;
    show.endProgress();
    const handledIn = duration(performance.now() - handlingSince);
    show.line("handled", `${counted(events, "event")} by ${GROUPS.length} groups, in ${handledIn}`);
    this.showLosses();

    await this.audit.close();
    if (!drained) ledger.note(this.stalled());
    const verdict = ledger.check();
    show.table(verdict.rows, (group) => this.workersOf(group).map(({ name }) => name));
    const took = duration(performance.now() - startedAt);
    const each = `Each of ${counted(events, "event")} was handled exactly once by each group`;
    show.verdict(verdict, `${each}, and none by a foreign tenant (${took})`);
    return verdict;
  }

  /**
   * Ends what it started and removes what it made, in that order: a living consumer would open its group
   * again.
   */
  async close(): Promise<void> {
    this.halt.abort();
    await this.publishing?.catch(() => {});
    await Promise.all([this.fleet.stop(), ...this.buses.map((bus) => bus.close())]);
    try {
      // A server of our own goes away with everything on it.
      if (!this.server.ours) await this.audit.removeKeys();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.show.note(`keys of stream ${this.stream} may be left: ${reason}`);
    } finally {
      this.audit.disconnect();
    }
  }

  private async publish(): Promise<Published> {
    const since = performance.now();
    const publishing = new Publishing({
      storyteller: new Storyteller(this.tenants),
      bus: await this.connect(),
      windowless: await this.connect({ publishWindowMs: 0 }),
      ledger: this.ledger,
    });
    const { limit } = this.options;
    await publishing.run(readCommits(this.repository, { limit, signal: this.halt.signal }));
    const { commits, events, again } = publishing.published;
    const what = `${counted(commits, "commit")} → ${counted(events, "event")}, ${count(again)} of them twice`;
    this.show.endProgress();
    this.show.line("published", `${what}, in ${duration(performance.now() - since)}`);
    return publishing.published;
  }

  private async connect(window: { readonly publishWindowMs?: number } = {}): Promise<Bus<"multi", Schemas>> {
    const { stream, server } = this;
    const where = { redis: server.url, stream, events, tenancy: "multi" } as const;
    const bus = await connect({ ...where, ...window, source: "git", logger: silentLogger });
    this.buses.push(bus);
    return bus;
  }

  /** Follows what is handled until nothing is left. Returns false if nothing has moved for too long. */
  private async follow(publishing: Promise<unknown>): Promise<boolean> {
    let published = false;
    publishing.then(
      () => {
        published = true;
      },
      () => {},
    );
    let movedAt = performance.now();
    for (;;) {
      this.signal.throwIfAborted();
      this.fleet.check();
      // Asked before looking: what was published by then is seen.
      const complete = published;
      const { moved, more, drained } = await this.audit.look();
      this.show.progress(this.ledger.handled, this.ledger.toHandle);
      if (complete && drained) return true;
      if (moved || !complete) movedAt = performance.now();
      if (performance.now() - movedAt > STALLED_MS) return false;
      if (!more) await pauseUnlessFailed(publishing);
    }
  }

  private showLosses(): void {
    const { show, fleet, ledger } = this;
    const killed = fleet.lost.filter(({ lost }) => lost?.killed);
    for (const { name, lost } of fleet.lost) {
      // That others take over from a crash is what is shown; a consumer that gives up is a fault.
      if (!lost?.killed) ledger.note(`consumer ${name} stopped: ${lost?.how}`);
    }
    if (killed.length === 0) return;
    const names = killed.map(({ name, pid }) => `${name} (${pid})`).join(", ");
    show.line("killed", `${names}, with events in hand`);
    show.line("recovered", `${counted(fleet.recovered, "event")}, taken over once the lease had run out`);
  }

  private stalled(): string {
    const troubles = this.fleet.workers.flatMap(({ name, trouble }) =>
      trouble ? [`${name}: ${trouble}`] : [],
    );
    const why = troubles.length === 0 ? "" : ` (${troubles.join("; ")})`;
    return `nothing has moved for ${duration(STALLED_MS)}${why}`;
  }

  private workersOf(group: string): readonly Worker[] {
    return this.fleet.workers.filter((worker) => worker.group === group);
  }
}

async function find(redisUrl: string | undefined, show: Show): Promise<TestServer> {
  const env = redisUrl === undefined ? process.env : { ...process.env, REDIS_URL: redisUrl };
  return await findServer({ env, onProgress: (line) => show.note(line) });
}

/** What `work` gives, unless the signal comes first; what it gives after that is handed to `late`. */
async function unlessAborted<T>(
  signal: AbortSignal,
  work: Promise<T>,
  late?: (result: T) => Promise<void>,
): Promise<T> {
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } catch (error) {
    if (signal.aborted) work.then(late, () => {});
    throw error;
  }
}

/** Waits until the next look is due; rejects at once when `work` does. */
async function pauseUnlessFailed(work: Promise<unknown>): Promise<void> {
  const pause = sleep(LOOK_EVERY_MS);
  await Promise.race([pause, work.then(() => pause)]);
}
