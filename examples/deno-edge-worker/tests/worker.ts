/** The worker as a process of its own, with the permissions it needs and no others, and a client of it. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { denoExecutable } from "../../../tools/deno.js";

const FOLDER = fileURLToPath(new URL("..", import.meta.url));
export const DENO = denoExecutable();

/** Those that it takes events for. */
export const TENANTS = ["acme", "globex"] as const;

/** One line of its log. */
export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly tenant?: string;
  readonly id?: string;
  readonly orderId?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // What is in it is for the test to say.
  readonly body: Record<string, unknown>;
}

export interface Worker extends AsyncDisposable {
  readonly child: ChildProcess;
  /** Where it listens, e.g. `http://127.0.0.1:40123`. */
  readonly base: string;
  /** What it has logged so far. */
  readonly log: readonly LogLine[];
  /** Any request of it. */
  request(path: string, init?: RequestInit): Promise<Answer>;
  /** Publishes an event; `body` is sent as JSON. */
  post(tenant: string, body: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** Its exit status, or the signal that ended it. */
  readonly ended: Promise<number | string>;
}

/** Resolves when it listens. */
export async function startWorker(redisUrl: string, stream: string): Promise<Worker> {
  const { hostname, port } = new URL(redisUrl);
  const permissions = ["--allow-env", `--allow-net=127.0.0.1:0,${hostname}:${port || 6379}`];
  const child = spawn(DENO, ["run", "--no-prompt", ...permissions, "src/main.ts"], {
    cwd: FOLDER,
    env: {
      ...process.env,
      REDIS_URL: redisUrl,
      STREAM: stream,
      TENANTS: TENANTS.join(","),
      PORT: "0",
      NO_COLOR: "1",
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "close").then(([code, signal]) => code ?? signal);
  const log: LogLine[] = [];
  const base = await listening(child, log, ended);
  const request = async (path: string, init?: RequestInit): Promise<Answer> => {
    const response = await fetch(new URL(path, base), init);
    const text = await response.text();
    // The worker answers in JSON, or with nothing.
    const body = (text === "" ? {} : JSON.parse(text)) as Record<string, unknown>;
    return { status: response.status, headers: response.headers, body };
  };
  return {
    child,
    base,
    log,
    ended,
    request,
    post: (tenant, body, headers) =>
      request(`/tenants/${tenant}/events`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify(body),
      }),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** Collects the log, and resolves with the address once the worker says it. */
async function listening(
  { stdout }: ChildProcess,
  log: LogLine[],
  ended: Promise<number | string>,
): Promise<string> {
  let rest = "";
  const address = new Promise<string>((resolve) => {
    stdout?.on("data", (data) => {
      const lines = (rest + data).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const parsed: LogLine & { readonly port?: number } = JSON.parse(line);
        log.push(parsed);
        if (parsed.message === "listening") resolve(`http://127.0.0.1:${parsed.port}`);
      }
    });
  });
  const failed = ended.then((status) => {
    throw new Error(`start the worker: it ended with ${status}; it said ${JSON.stringify(log)}`);
  });
  return await Promise.race([address, failed]);
}
