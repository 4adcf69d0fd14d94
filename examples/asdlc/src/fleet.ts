/** The worker processes: starting them, hearing of their troubles, ending them. */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { FromWorker, Order, ToWorker } from "./messages.js";

/** How long a worker may take to stop before it is killed. */
const STOP_MS = 5_000;

/** Beside this file, and of its kind: built, or a source that runs through a loader. */
const WORKER = new URL(import.meta.url.endsWith(".ts") ? "worker.ts" : "worker.js", import.meta.url);

/** How a worker ended that had not been asked to. */
export interface Loss {
  readonly how: string;
  /** By a signal from outside, as a crash. Otherwise it gave up by itself. */
  readonly killed: boolean;
}

/** One process, with a consumer for each tenant. */
export class Worker {
  lost: Loss | undefined;
  /** What it said last that it had to go on from. */
  trouble: string | undefined;
  /** Entries that it took over from consumers that were gone. */
  recovered = 0;
  private readonly child: ChildProcess;
  private readonly exited: Promise<void>;
  private failure: string | undefined;
  private stopping = false;

  constructor(private readonly order: Order) {
    this.child = fork(fileURLToPath(WORKER), { stdio: ["ignore", "ignore", "inherit", "ipc"] });
    this.exited = new Promise((resolve) => {
      // "error" comes instead of "exit" when the process could not be started at all.
      this.child.once("exit", (code, signal) => resolve(this.ended(code, signal)));
      this.child.once("error", (error) => resolve(this.ended(null, null, error.message)));
    });
    this.child.on("message", (message: FromWorker) => this.hear(message));
  }

  get group(): string {
    return this.order.group;
  }

  get name(): string {
    return this.order.consumer;
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  /** Has its consumers started. */
  async start(): Promise<void> {
    const ready = new Promise<void>((resolve) => {
      this.child.on("message", ({ kind }: FromWorker) => kind === "ready" && resolve());
    });
    this.tell({ kind: "work", order: this.order });
    await Promise.race([ready, this.exited]);
    if (this.lost) throw new Error(`start consumer "${this.name}": ${this.lost.how}`);
  }

  /** Calls the listener once it holds events in hand. */
  onHolding(listener: () => void): void {
    this.child.on("message", ({ kind }: FromWorker) => kind === "holding" && listener());
  }

  /** Lets it handle what it holds. */
  go(): void {
    this.tell({ kind: "go" });
  }

  /** A crash: no code of the worker's runs any more. */
  kill(): void {
    this.child.kill("SIGKILL");
  }

  /** Lets it finish what it has in hand. Resolves when the process is gone. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.tell({ kind: "stop" });
    const timer = setTimeout(() => this.kill(), STOP_MS);
    await this.exited;
    clearTimeout(timer);
  }

  private tell(message: ToWorker): void {
    // A worker that is gone does not hear it.
    if (this.child.connected) this.child.send(message, () => {});
  }

  private hear(message: FromWorker): void {
    if (message.kind === "recovered") this.recovered += message.stale;
    if (message.kind === "trouble") this.trouble = message.message;
    if (message.kind === "failed") this.failure = message.message;
  }

  private ended(code: number | null, signal: string | null, error?: string): void {
    if (this.stopping) return;
    const how = this.failure ?? error ?? `it ended with ${signal ?? `status ${code}`}`;
    this.lost = { how, killed: signal !== null };
  }
}

export class Fleet {
  readonly workers: readonly Worker[];

  /**
   * Starts the processes: so many for each group. They wait for `start`. In the group `victims`, whichever process is
   * the first to have events in hand is killed with them; the others take over.
   */
  constructor(
    private readonly groups: readonly string[],
    workersPerGroup: number,
    private readonly victims: string,
    order: Omit<Order, "group" | "consumer" | "holds">,
  ) {
    this.workers = groups.flatMap((group) =>
      Array.from({ length: workersPerGroup }, (_, at) => {
        return new Worker({ ...order, group, consumer: `${group}-${at + 1}`, holds: group === victims });
      }),
    );
    this.killFirstHolder();
  }

  private killFirstHolder(): void {
    const candidates = this.workers.filter(({ group }) => group === this.victims);
    let killed = false;
    for (const candidate of candidates) {
      candidate.onHolding(() => {
        if (killed) return;
        killed = true;
        candidate.kill();
        for (const other of candidates) if (other !== candidate) other.go();
      });
    }
  }

  /** Resolves when every consumer of every process has started. */
  async start(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.start()));
  }

  async stop(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.stop()));
  }

  get lost(): readonly Worker[] {
    return this.workers.filter(({ lost }) => lost !== undefined);
  }

  /** Entries that were taken over, by all of them. */
  get recovered(): number {
    return this.workers.reduce((sum, { recovered }) => sum + recovered, 0);
  }

  /** @throws when a group has nobody left to do its work. One consumer less is what the group is made for. */
  check(): void {
    for (const group of this.groups) {
      const workers = this.workers.filter((worker) => worker.group === group);
      if (workers.some(({ lost }) => lost === undefined)) continue;
      const ends = workers.map(({ name, lost }) => `${name}: ${lost?.how}`).join("; ");
      throw new Error(`handle the events of group "${group}": all its consumers are gone (${ends})`);
    }
  }
}
