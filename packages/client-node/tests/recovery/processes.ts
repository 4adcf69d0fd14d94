/** Consumers as processes: spares that wait, loaded, to be put to work, and ways to end them. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { projectFolder } from "@sluice/test-server";
import { build } from "tsup";
import type { Order, Report } from "./children/orders.js";

type Start = Omit<Extract<Order, { do: "start" }>, "do">;

export class Worker {
  readonly said: Report[] = [];
  readonly exited: Promise<unknown>;
  private readonly listeners = new Set<(report: Report) => void>();

  constructor(readonly child: ChildProcess) {
    this.exited = once(child, "exit");
    child.on("message", (message) => {
      const report = message as Report; // nothing else is sent by a worker
      this.said.push(report);
      for (const listener of this.listeners) listener(report);
    });
  }

  get dead(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** Calls the listener at each report from now on. */
  on(listener: (report: Report) => void): void {
    this.listeners.add(listener);
  }

  /** Puts the process to work. Resolves when its consumer has started. */
  async start(order: Start): Promise<Extract<Report, { say: "started" }>> {
    this.tell({ do: "start", ...order });
    return this.next("started");
  }

  tell(order: Order): void {
    // One that is dead by now takes no orders; its test sees that it is.
    if (!this.dead) this.child.send(order, () => {});
  }

  /** The first report of this kind, past or to come, that is `such`. */
  next<S extends Report["say"]>(
    say: S,
    such: (report: Extract<Report, { say: S }>) => boolean = () => true,
  ): Promise<Extract<Report, { say: S }>> {
    const wanted = (report: Report): report is Extract<Report, { say: S }> =>
      report.say === say && such(report as Extract<Report, { say: S }>); // the word tells which report it is
    return new Promise((resolve, reject) => {
      const found = this.said.find(wanted);
      if (found !== undefined) return resolve(found);
      this.on((report) => {
        if (wanted(report)) resolve(report);
      });
      this.child.once("exit", () => reject(new Error(`a worker ended and never said "${say}"`)));
    });
  }

  signal(signal: "SIGKILL" | "SIGSTOP" | "SIGCONT"): void {
    this.child.kill(signal);
  }

  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.exited;
  }
}

/** Makes workers. Loading one takes most of a second of a busy machine, so some are kept ready. */
export class Workforce {
  private readonly spares: Worker[] = [];
  private readonly all: Worker[] = [];

  private constructor(
    private readonly folder: string,
    private readonly spare: number,
  ) {}

  /** Bundled once, a worker is up in a fifth of the time that it takes from its sources. */
  static async hire(spare: number): Promise<Workforce> {
    const root = projectFolder();
    const folder = join(root, ".cache", "tests", `workers-${process.pid}-${Date.now()}`);
    await build({
      config: false,
      entry: { worker: fileURLToPath(new URL("./children/worker.ts", import.meta.url)) },
      format: ["esm"],
      outDir: folder,
      tsconfig: join(root, "tsconfig.json"),
      noExternal: [/./],
      // What comes in CommonJS asks for Node's modules by `require`.
      banner: {
        js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
      },
      minify: true,
      target: "node20",
      clean: false,
      silent: true,
    });
    const workforce = new Workforce(folder, spare);
    workforce.fill();
    return workforce;
  }

  /** A worker that is ready for its first order. */
  async take(): Promise<Worker> {
    const worker = this.spares.shift() ?? this.spawn();
    this.fill();
    await worker.next("ready");
    return worker;
  }

  async dismiss(): Promise<void> {
    await Promise.all(this.all.map((worker) => (worker.dead ? undefined : worker.kill())));
    await rm(this.folder, { recursive: true, force: true });
  }

  private fill(): void {
    while (this.spares.length < this.spare) this.spares.push(this.spawn());
  }

  private spawn(): Worker {
    const worker = new Worker(
      spawn(process.execPath, [join(this.folder, "worker.js")], {
        stdio: ["ignore", "inherit", "inherit", "ipc"],
      }),
    );
    this.all.push(worker);
    return worker;
  }
}
