/**
 * One contender on its way through a workload: its processes, what it has measured, and, if it drops out, why.
 *
 * A contender that fails takes no further part. Its figures are given up, since those of other rounds would be
 * compared with nothing.
 */

import { join } from "node:path";
import type { ContenderPlan, Workload } from "../plan/contender-plan.js";
import { ContenderError, ContenderProcess } from "../process/parent.js";
import { fileNameOf } from "../process/profile.js";
import type { Programs } from "../process/programs.js";
import type { Measurement, Metric } from "../results.js";
import type { BenchmarkServer } from "../server/benchmark-server.js";
import type { SentParts } from "../server/sighting.js";
import { type Figures, type Participant, rehearse, takeSample } from "./sample.js";

export interface EntrantRun {
  readonly server: BenchmarkServer;
  readonly programs: Programs;
  /** Folder of this workload for CPU profiles of the last round. */
  readonly profileFolder?: string | undefined;
  /** Ends all processes. */
  readonly signal: AbortSignal;
}

/** Enough to see each command that a contender sends, and few enough for MONITOR. */
const REHEARSED_EVENTS = 200;
const STEP_DEADLINE_MS = 60_000;

export class Entrant {
  private readonly processes: ContenderProcess[] = [];
  private readonly name: string;
  private readonly samples: Figures[] = [];
  private parts: SentParts | undefined;
  /** Why it takes no further part. */
  private error: ContenderError | undefined;
  private hasRun = false;

  constructor(
    readonly plan: ContenderPlan,
    private readonly run: EntrantRun,
  ) {
    this.name = run.server.newName();
  }

  /** What makes the run a failure. An optional contender has to be right once it runs. */
  get failure(): string | undefined {
    return this.plan.optional && !this.hasRun ? undefined : this.error?.message;
  }

  open(): Promise<void> {
    return this.attempt(async () => {
      const { plan, processes, name } = this;
      const { server, programs, signal } = this.run;
      const { module, options } = plan.program;
      for (let member = 0; member < (plan.processes ?? 1); member++) {
        const process = new ContenderProcess(
          programs.child,
          plan.name,
          plan.deadlineMs ?? STEP_DEADLINE_MS,
          signal,
        );
        processes.push(process);
        const setting = { url: server.url, name, member };
        await process.ask({ kind: "open", module: programs.of(module), setting, options });
      }
      await processes[0]?.ask({ kind: "setUp" });
    });
  }

  /** A small sample that does not count, to see that it works and which commands it sends. */
  rehearse(): Promise<void> {
    return this.attempt(async (it) => {
      const { events, rehearsedEvents = REHEARSED_EVENTS } = this.plan;
      this.parts = await rehearse(it, this.run.server, Math.min(rehearsedEvents, events));
      this.hasRun = true;
    });
  }

  turn({ counts, last }: { readonly counts: boolean; readonly last: boolean }): Promise<void> {
    return this.attempt(async (it) => {
      const { profileFolder, server } = this.run;
      const profile = last && profileFolder ? join(profileFolder, fileNameOf(this.plan.name)) : undefined;
      const sample = await takeSample(it, server, { parts: this.parts, profile });
      if (counts) this.samples.push(sample);
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.processes.map((process) => process[Symbol.asyncDispose]()));
    if (!this.run.signal.aborted) await this.run.server.removeKeys(this.name);
  }

  measurements({ name: workload, metrics: ofAll }: Workload): readonly Measurement[] {
    const contender = this.plan.name;
    const metrics = this.plan.metrics ?? ofAll;
    const note = this.error === undefined ? this.plan.note : `not measured: ${firstLine(this.error.reason)}`;
    const measured = metrics.flatMap((metric) => {
      const samples = this.error === undefined ? valuesOf(this.samples, metric) : undefined;
      return samples === undefined ? [] : [{ workload, contender, metric, samples }];
    });
    const [first = { workload, contender, metric: metrics[0] ?? "eventsPerSecond", samples: [] }, ...others] =
      measured;
    return [note === undefined ? first : { ...first, note }, ...others];
  }

  private async attempt(work: (it: Participant) => Promise<void>): Promise<void> {
    if (this.error !== undefined) return;
    try {
      const { plan, name, processes } = this;
      await work({ plan, name, processes });
    } catch (error) {
      if (!(error instanceof ContenderError) || this.run.signal.aborted) throw error;
      this.error = error;
      await this.close();
    }
  }
}

/** Undefined unless every sample has it. */
function valuesOf(samples: readonly Figures[], metric: Metric): readonly number[] | undefined {
  const values = samples.flatMap((sample) => sample[metric] ?? []);
  return values.length > 0 && values.length === samples.length ? values : undefined;
}

/** The others are its stack. */
function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}
