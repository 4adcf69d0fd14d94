/**
 * The command `npm run bench:tenants`: one worker with many tenants, on a server of its own. Prints figures beside their
 * bounds; times and shares mean something on a quiet machine only, which is why no status tells of them.
 */

import { fileURLToPath } from "node:url";
import { startServer } from "@sluice/test-server";
import { Command, InvalidArgumentError } from "commander";
import { Programs } from "../process/programs.js";
import { Bench } from "./bench.js";
import { measureCost } from "./cost.js";
import { measureFairness } from "./fairness.js";
import { Figures } from "./figures.js";

interface Options {
  readonly tenants: number;
  readonly idle: number;
  readonly busy: number;
  readonly only?: "cost" | "fairness";
  readonly profile?: string;
}

function positive(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidArgumentError("Wanted a whole number from 1 on.");
}

function part(text: string): string {
  if (text === "cost" || text === "fairness") return text;
  throw new InvalidArgumentError('Wanted "cost" or "fairness".');
}

const command = new Command("bench:tenants")
  .description("Measures what many tenants cost one worker, and how it shares its slots among them.")
  .option("--tenants <n>", "how many", positive, 10_000)
  .option("--idle <seconds>", "how long to look at a worker without work", positive, 60)
  .option("--busy <seconds>", "how long to publish 1,000 events a second; alone, for fairness", positive, 20)
  .option("--only <part>", "cost or fairness", part)
  .option(
    "--profile <folder>",
    "write CPU profiles of the worker there, whose cost is in the figures then: start, idle, backlog, busy",
  )
  .allowExcessArguments(false);

async function measure({ tenants, idle, busy, only, profile }: Options): Promise<void> {
  const note = (line: string) => console.error(line);
  const module = new URL("./worker-process.ts", import.meta.url).href;
  await using programs = await Programs.compile([module]);
  const program = fileURLToPath(programs.of(module));
  const figures = new Figures(note);
  if (only !== "fairness") {
    await using server = await startServer({ onProgress: note });
    await using bench = await Bench.open(program, server.url);
    note(`server: ${server.description}`);
    await measureCost(bench, figures, {
      tenants,
      idleMs: idle * 1_000,
      busyMs: busy * 1_000,
      profile,
    });
  }
  if (only !== "cost") {
    await using server = await startServer({ onProgress: note });
    await using bench = await Bench.open(program, server.url);
    await measureFairness(bench, figures, { quietMs: busy * 1_000, quick: 20_000, slow: 1_000 });
  }
  console.log(figures.table());
}

await measure(command.parse().opts<Options>());
