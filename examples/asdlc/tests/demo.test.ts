/** The demo as people run it: a program of its own, on a server that is not its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { listKeys, sharedServerUrl } from "@sluice/test-server";
import { describe, expect, it, onTestFinished } from "vitest";
import { manyCommits, repositoryOf, temporaryFolder } from "./support/repository.js";

/** Five processes come up through a loader, beside whatever else the machine does. */
const TIMEOUT_MS = 120_000;
const PROJECT = fileURLToPath(new URL("../../..", import.meta.url));
const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));

class Run {
  output = "";
  errors = "";
  readonly child: ChildProcess;
  readonly status: Promise<number | null>;

  constructor(args: readonly string[], env: NodeJS.ProcessEnv = { REDIS_URL: sharedServerUrl() }) {
    const { INIT_CWD: _, ...inherited } = process.env;
    this.child = spawn(process.execPath, ["--import", "tsx", MAIN, ...args], {
      cwd: PROJECT,
      env: { ...inherited, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.output += text;
    });
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.errors += text;
    });
    this.status = once(this.child, "close").then(([code]) => code);
    onTestFinished(() => void this.child.kill("SIGKILL"));
  }

  /** Resolves with what was found, as soon as it is printed. */
  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.output);
      if (match) return match;
      if (this.child.exitCode !== null) throw new Error(`it ended first: ${this.output}${this.errors}`);
      await Promise.race([once(this.child.stdout ?? this.child, "data"), this.status]);
    }
  }

  get stream(): string {
    return /stream (\S+)/.exec(this.output)?.[1] ?? "";
  }

  get pids(): number[] {
    return [...(/^ {2}consumers.*$/m.exec(this.output)?.[0].matchAll(/\d+/g) ?? [])].map(Number);
  }
}

/** The cells of the table, row by row. */
function tableOf(output: string): string[][] {
  const lines = output.slice(output.indexOf("──")).split("\n").slice(1);
  const body = lines.slice(0, lines.indexOf(""));
  return body.map((line) => line.trim().split(/ {2,}/));
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

async function keysOf(run: Run): Promise<string[]> {
  expect(run.stream).not.toBe("");
  return (await listKeys(sharedServerUrl())).filter((key) => key.includes(run.stream));
}

describe("the demo", () => {
  it(
    "ends with a table that balances and status 0, and leaves no key behind",
    async () => {
      const run = new Run(["--repo", await repositoryOf(manyCommits(60))]);
      expect(await run.status, run.output + run.errors).toBe(0);
      expect(run.errors).toBe("");

      const [, events = "", twice = ""] = await run.printed(/60 commits → (\d+) events, (\d+) of them twice/);
      expect(await run.printed(/REDIS_URL/)).toBeTruthy();
      const table = tableOf(run.output);
      expect(table).toHaveLength(4);
      const total = (column: number) => table.reduce((sum, row) => sum + Number(row.slice(-5)[column]), 0);
      // Two groups, each with all of it.
      expect([total(0), total(1), total(2), total(3)]).toEqual(
        [Number(events), Number(twice), Number(events), Number(twice)].map((each) => each * 2),
      );
      expect(run.output).toContain(`✓ Each of ${events} events was handled exactly once by each group`);
      expect(await keysOf(run)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    "tells a history of one commit to two of eight tenants",
    async () => {
      const run = new Run(["--repo", await repositoryOf([{}]), "--tenants", "8"]);
      expect(await run.status, run.output + run.errors).toBe(0);
      expect(tableOf(run.output)).toHaveLength(4);
      expect(await keysOf(run)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    "stays exact although a consumer of each group is killed with SIGKILL on the way",
    async () => {
      const run = new Run(["--repo", await repositoryOf(manyCommits(400))]);
      await run.printed(/consumers .*\n/);
      const reviewer = run.pids[2] ?? 0;
      process.kill(reviewer, "SIGKILL");
      expect(await run.status, run.output + run.errors).toBe(0);
      expect(run.output).toMatch(/killed +planner-\d \(\d+\), reviewer-1 \(\d+\), with events in hand/);
      expect(run.output).toMatch(/recovered +[1-9]/);
      expect(run.output).toContain("✓ Each of");
      expect(await keysOf(run)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    "says so when a group has no consumer left",
    async () => {
      const run = new Run(["--repo", await repositoryOf(manyCommits(400))]);
      await run.printed(/consumers .*\n/);
      for (const pid of run.pids.slice(0, 2)) process.kill(pid, "SIGKILL");
      expect(await run.status).toBe(1);
      expect(run.errors).toMatch(
        /^demo: handle the events of group "planner": all its consumers are gone \(.*\)\n$/,
      );
      expect(await keysOf(run)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    "interrupted, ends its processes and removes its keys",
    async () => {
      const run = new Run(["--repo", await repositoryOf(manyCommits(400))]);
      await run.printed(/consumers .*\n/);
      const { pids } = run;
      expect(pids).toHaveLength(4);
      run.child.kill("SIGINT");
      expect(await run.status).toBe(130);
      expect(run.errors).toBe("demo: interrupted\n");
      expect(pids.filter(isAlive)).toEqual([]);
      expect(await keysOf(run)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    "takes its processes along when it is killed itself",
    async () => {
      const run = new Run(["--repo", await repositoryOf(manyCommits(400))]);
      await run.printed(/consumers .*\n/);
      run.child.kill("SIGKILL");
      await run.status;
      await expect.poll(() => run.pids.filter(isAlive), { timeout: 20_000 }).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it.each([
    [
      "no repository",
      async () => ["--repo", await temporaryFolder()],
      /^demo: read .*: not a git repository\n$/,
    ],
    [
      "no commit",
      async () => ["--repo", await repositoryOf([])],
      /^demo: read .*: the repository has no commits yet\n$/,
    ],
    ["a limit of 0", async () => ["--limit", "0"], /^error: .*Wanted an integer from 1\.\n$/],
    ["nine tenants", async () => ["--tenants", "9"], /^error: .*Wanted an integer from 2 to 8\.\n$/],
  ])(
    "refuses %s in one line and with status 1",
    async (_, args, line) => {
      const run = new Run(await args());
      expect(await run.status).toBe(1);
      expect(run.errors).toMatch(line);
    },
    TIMEOUT_MS,
  );

  it(
    "refuses a server that does not answer in one line and with status 1",
    async () => {
      const args = ["--repo", await repositoryOf([{}]), "--redis", "redis://127.0.0.1:1"];
      const run = new Run(args);
      expect(await run.status).toBe(1);
      expect(run.errors).toMatch(/^demo: .*redis:\/\/127\.0\.0\.1:1.*ECONNREFUSED.*\n$/);
    },
    TIMEOUT_MS,
  );
});
