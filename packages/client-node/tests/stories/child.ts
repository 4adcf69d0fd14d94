/** Consumers in processes of their own, from the same sources. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { projectFolder } from "@sluice/test-server";
import { onTestFinished } from "vitest";
import { until } from "./support.js";

export interface ChildSettings {
  readonly redis: string;
  readonly stream: string;
  readonly group: string;
  readonly leaseMs: number;
  readonly maxAttempts?: number;
  readonly concurrency: number;
  /** Who it is, in what it emits. */
  readonly name: string;
  /**
   * What its handler does until the file is there: `hold` keeps the thread, `wait` leaves it to heartbeats; `work` takes
   * 2 ms and looks at no file; `compute` keeps the thread for half a second.
   */
  readonly handle: "hold" | "wait" | "work" | "compute";
  readonly until: string;
}

/** What it says. */
export type ChildLine =
  | { started: string; own: number; stale: number; retried: number }
  | { handling: string; attempt: number }
  | { aborted: string }
  | { returning: string; aborted: boolean }
  | { handled: string; attempt: number }
  | { leaseLost: string; attempt: number };

export class Child {
  /** What it has said so far. */
  readonly lines: ChildLine[] = [];

  private constructor(private readonly pid: number) {}

  /** Resolves when its consumer has started. */
  static async start(settings: ChildSettings): Promise<Child> {
    const program = fileURLToPath(new URL("./children/consumer.ts", import.meta.url));
    const child = spawn(process.execPath, ["--import", "tsx", program, JSON.stringify(settings)], {
      env: { ...process.env, TSX_TSCONFIG_PATH: join(projectFolder(), "tsconfig.json") },
      stdio: ["ignore", "pipe", "inherit"],
    });
    if (child.pid === undefined) throw new Error(`start ${program}: there is no process`);
    const started = new Child(child.pid);
    onTestFinished(() => {
      child.kill("SIGKILL");
    });
    createInterface(child.stdout).on("line", (line) => started.lines.push(JSON.parse(line)));
    await until(() => started.lines.some((line) => "started" in line) || child.exitCode !== null);
    if (child.exitCode !== null) throw new Error(`start ${program}: it ended with ${child.exitCode}`);
    return started;
  }

  /** Those of its lines that have the field. */
  said<K extends string>(field: K): Extract<ChildLine, Record<K, unknown>>[] {
    return this.lines.filter((line): line is Extract<ChildLine, Record<K, unknown>> => field in line);
  }

  /** Stops its clock, as a machine that is suspended does; `resume` goes on. */
  pause(): void {
    process.kill(this.pid, "SIGSTOP");
  }

  resume(): void {
    process.kill(this.pid, "SIGCONT");
  }
}
