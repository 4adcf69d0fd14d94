/**
 * A server as a child of this process: start-up on a free port in a temporary folder, restart, pause, end.
 * Where the program comes from is decided elsewhere.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TestServerError } from "./errors.js";
import { guard } from "./guardian.js";
import type { ServerProgram } from "./program.js";
import { parseInfo, productOf, withConnection } from "./resp.js";
import { type TestServer, urlOf } from "./server.js";
import { waitUntil } from "./wait.js";

const host = "127.0.0.1";
/** Loading ld.so, a cold cache and a busy machine included; half a second is usual. */
const startDeadlineMs = 30_000;
/** An orderly shutdown writes out what `persistence` wants kept; over this it is killed. */
const stopDeadlineMs = 10_000;
const portAttempts = 10;

export interface ProcessOptions {
  readonly program: ServerProgram;
  readonly choosePort: () => Promise<number>;
  /** Options of redis.conf as the command line takes them; they come last and win over ours. */
  readonly args?: readonly string[];
  /** Append-only file with a sync per write, so that a restart, even a crash, keeps what was acknowledged. */
  readonly persistence?: boolean;
  /**
   * Writes files that the server reads, and returns the arguments that name them (Sentinel has to have one).
   */
  readonly prepare?: (folder: string, port: number) => Promise<readonly string[]>;
}

/**
 * Starts the program and resolves when it answers. Rejects with START_FAILED and the end of its log
 * otherwise.
 */
export async function startServerProcess(
  options: ProcessOptions,
): Promise<TestServer & { readonly pid: number }> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-server-"));
  try {
    for (let attempt = 1; ; attempt++) {
      const server = new ServerProcess(options, folder, await options.choosePort());
      try {
        await server.start();
        return server;
      } catch (error) {
        // Somebody else was faster between our look at the port and the server's.
        if (!(error instanceof PortTakenError) || attempt === portAttempts) throw error;
      }
    }
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

class PortTakenError extends TestServerError {}

class ServerProcess implements TestServer {
  readonly ours = true;
  readonly host = host;
  readonly port: number;
  readonly url: string;
  description = "";
  readonly #options: ProcessOptions;
  readonly #folder: string;
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: ProcessOptions, folder: string, port: number) {
    this.#options = options;
    this.#folder = folder;
    this.port = port;
    this.url = urlOf(host, port, options.args ?? []);
  }

  get pid(): number {
    return this.#child?.pid ?? -1;
  }

  async start(): Promise<void> {
    const { command, origin } = this.#options.program;
    const first = (await this.#options.prepare?.(this.#folder, this.port)) ?? this.#defaults();
    const log = await open(join(this.#folder, "server.log"), "w");
    try {
      this.#child = spawn(command.file, [...command.args, ...first, ...(this.#options.args ?? [])], {
        stdio: ["ignore", log.fd, log.fd],
        cwd: this.#folder,
        env: { ...process.env, ...command.env },
        // A group of its own: Ctrl-C is for the program that uses the server, which may want to finish its
        // work.
        detached: true,
      });
    } finally {
      await log.close();
    }
    this.#exited = watch(this.#child, this.#folder);
    try {
      this.description = `${await this.#answer()}, ${origin}`;
    } catch (error) {
      await this.#end("SIGKILL");
      throw error;
    }
  }

  async restart({ signal = "SIGTERM" }: { readonly signal?: "SIGTERM" | "SIGKILL" } = {}): Promise<void> {
    if (this.#stopped) throw new TestServerError("START_FAILED", `restart "${this.url}": it was stopped`);
    await this.#end(signal);
    await this.start();
  }

  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  async pause(): Promise<void> {
    this.#child?.kill("SIGSTOP");
  }

  async resume(): Promise<void> {
    this.#child?.kill("SIGCONT");
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#end("SIGKILL");
    await rm(this.#folder, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #defaults(): readonly string[] {
    const persistence = this.#options.persistence
      ? ["--appendonly", "yes", "--appendfsync", "always"]
      : ["--appendonly", "no"];
    const place = ["--bind", host, "--port", String(this.port), "--dir", this.#folder];
    return [...place, "--daemonize", "no", "--save", "", ...persistence];
  }

  /**
   * Waits for an answer of this very process: another server may have taken the port. Returns product and
   * version.
   */
  async #answer(): Promise<string> {
    const child = this.#child;
    const look = async () => {
      if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) {
        throw await this.#startError("it ended");
      }
      return await withConnection(this.url, async (connection) => {
        const info = parseInfo(await connection.command("INFO"));
        const isReady = info.get("process_id") === String(child.pid) && info.get("loading") !== "1";
        return isReady && productOf(info);
      });
    };
    try {
      return await waitUntil(look, { what: "an answer", deadlineMs: startDeadlineMs });
    } catch (error) {
      throw error instanceof TestServerError && error.code === "TIMEOUT"
        ? await this.#startError(error.message)
        : error;
    }
  }

  async #startError(what: string): Promise<TestServerError> {
    const log = await readFile(join(this.#folder, "server.log"), "utf8").catch(() => "");
    const end = log.trim().split("\n").slice(-8).join("\n  ");
    const text = `start "${this.#options.program.command.file}" on ${host}:${this.port}: ${what}\n  ${end}`;
    return /address already in use/i.test(log)
      ? new PortTakenError("START_FAILED", text)
      : new TestServerError("START_FAILED", text);
  }

  async #end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    // What is awaited must keep the event loop alive, or the process would end in the middle of it.
    child.ref();
    child.kill(signal);
    child.kill("SIGCONT");
    const timer = setTimeout(() => child.kill("SIGKILL"), stopDeadlineMs);
    await this.#exited;
    clearTimeout(timer);
  }
}

/** Resolves when the child is gone. Until then it is guarded, and does not keep the event loop alive. */
function watch(child: ChildProcess, folder: string): Promise<void> {
  child.unref();
  const release = child.pid === undefined ? () => {} : guard(child.pid, folder);
  return new Promise((resolve) => {
    const ended = () => {
      release();
      resolve();
    };
    child.once("exit", ended);
    // Emitted instead of "exit" when the program could not be run at all.
    child.once("error", ended);
  });
}
