#!/usr/bin/env node
/**
 * `npm run demo`: the command line. Exit status 0 if the books balance, 1 if they do not or something went
 * wrong, 128 and the signal's number when it was interrupted.
 */
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { projectFolder } from "@sluice/test-server";
import { Command, InvalidArgumentError } from "commander";
import { runDemo } from "./demo.js";
import { TENANTS } from "./history.js";
import { Show } from "./show.js";

interface Options {
  readonly repo?: string;
  readonly limit?: number;
  readonly redis?: string;
  readonly tenants: number;
}

const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

const command = new Command("npm run demo --")
  .description(
    "Publishes a git history as events of two or more tenants, handles it in two groups, checks the books.",
  )
  .option("--repo <path>", "a folder in a git repository (default: this project)")
  .option("--limit <n>", "the newest so many commits only", integerFrom(1))
  .option("--redis <url>", "the server to use (default: REDIS_URL, or one that is found or started)")
  .option("--tenants <n>", "how many tenants", integerFrom(TENANTS.min, TENANTS.max), TENANTS.min)
  .action(async (options: Options) => {
    process.exitCode = await run(options);
  });

async function run(options: Options): Promise<number> {
  const show = new Show(process.stdout, process.env);
  const interrupted = new AbortController();
  let status: number = 1;
  for (const [signal, signalStatus] of Object.entries(SIGNALS)) {
    process.once(signal, () => {
      status = signalStatus;
      interrupted.abort(new Error("interrupted"));
      // A second one does not wait for anything.
      process.once(signal, () => process.exit(signalStatus));
    });
  }
  // Whoever read along is gone, as in `npm run demo | head`.
  process.stdout.once("error", () => interrupted.abort(new Error("interrupted")));
  try {
    const verdict = await runDemo(
      {
        repo: options.repo === undefined ? thisProject() : resolve(process.env.INIT_CWD ?? ".", options.repo),
        limit: options.limit,
        tenants: options.tenants,
        redisUrl: options.redis,
      },
      show,
      interrupted.signal,
    );
    return verdict.differenceCount === 0 ? 0 : 1;
  } catch (error) {
    const reason: unknown = interrupted.signal.aborted ? interrupted.signal.reason : error;
    process.stderr.write(`demo: ${reason instanceof Error ? reason.message : String(reason)}\n`);
    return status;
  }
}

function thisProject(): string {
  return projectFolder(fileURLToPath(new URL(".", import.meta.url)));
}

function integerFrom(min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    const range = max === Number.MAX_SAFE_INTEGER ? `from ${min}` : `from ${min} to ${max}`;
    throw new InvalidArgumentError(`Wanted an integer ${range}.`);
  };
}

await command.parseAsync();
