/** The command's half of the process with the worker: one request after the other. */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { Handled, Reply, Request, Usage } from "./protocol.js";

export class WorkerClient implements AsyncDisposable {
  private readonly child: ChildProcess;

  /** @param program the path of `worker-process.ts`, compiled. */
  private constructor(program: string) {
    this.child = fork(program, [], {
      execArgv: ["--expose-gc"],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
  }

  /** Its process, with a connection and a worker that has not started. */
  static async open(program: string, url: string, stream: string): Promise<WorkerClient> {
    const client = new WorkerClient(program);
    await client.ask({ kind: "connect", url, stream });
    return client;
  }

  async usageAfter(request: Request): Promise<Usage> {
    const reply = await this.ask(request);
    if ("usage" in reply) return reply.usage;
    throw new Error(`${request.kind}: answered ${JSON.stringify(reply)}`);
  }

  usage(): Promise<Usage> {
    return this.usageAfter({ kind: "usage" });
  }

  /** What was handled since the last time. */
  async handled(): Promise<readonly Handled[]> {
    const reply = await this.ask({ kind: "handled" });
    if ("handled" in reply) return reply.handled;
    throw new Error(`handled: answered ${JSON.stringify(reply)}`);
  }

  private async ask(request: Request): Promise<Reply> {
    const ended = new AbortController();
    const { signal } = ended;
    try {
      const reply = once(this.child, "message", { signal });
      const exit = once(this.child, "exit", { signal });
      this.child.send(request);
      const [told] = await Promise.race([
        reply as Promise<[Reply]>,
        exit.then(() => [{ failed: "its process ended" }] as [Reply]),
      ]);
      if ("failed" in told) throw new Error(`${request.kind}: ${told.failed}`);
      return told;
    } finally {
      ended.abort();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exit = once(this.child, "exit");
    this.child.kill("SIGKILL");
    await exit;
  }
}
