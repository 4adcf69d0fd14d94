/** The harness's half: starts the process of a contender, asks it for things one by one, and ends it. */

import { type ChildProcess, fork } from "node:child_process";
import type { Ran, Reply, Request } from "./protocol.js";

/** What a contender did wrong, or what kept it from its work. */
export class ContenderError extends Error {
  override readonly name = "ContenderError";

  constructor(
    readonly contender: string,
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(`${contender}: ${reason}`, options);
  }
}

/** One process of one contender. */
export class ContenderProcess implements AsyncDisposable {
  private readonly child: ChildProcess;
  private readonly exited: Promise<void>;
  private ended: string | undefined;
  private pending:
    | { readonly resolve: (reply: Reply) => void; readonly reject: (error: Error) => void }
    | undefined;

  /**
   * @param program the path of the child's half, compiled.
   * @param title for errors: the contender's name.
   * @param deadlineMs for each request.
   * @param signal ends the process, whatever it is at.
   */
  constructor(
    program: string,
    private readonly title: string,
    private readonly deadlineMs: number,
    signal: AbortSignal,
  ) {
    this.child = fork(program, [], {
      execArgv: ["--expose-gc"],
      signal,
      killSignal: "SIGKILL",
      // What a peer prints is no part of the report.
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    this.child.on("message", (reply: Reply) => this.pending?.resolve(reply));
    this.child.on("error", (error) => this.lost(`its process failed: ${error.message}`));
    this.exited = new Promise((resolve) => {
      this.child.on("exit", (code, signal) => {
        this.lost(`its process ended, ${signal ?? `exit status ${code}`}`);
        resolve();
      });
      // One that could not be started has nothing to exit from.
      if (this.child.pid === undefined) resolve();
    });
  }

  /** @throws {ContenderError} when the contender does, when its process is gone, and when it takes too long. */
  async ask(request: Exclude<Request, { kind: "run" }>): Promise<void> {
    await this.exchange(request);
  }

  async run(events: number, profile?: string): Promise<Ran> {
    const reply = await this.exchange({ kind: "run", events, profile });
    if (reply.kind !== "ran") throw new ContenderError(this.title, `run: answered "${reply.kind}"`);
    return reply.ran;
  }

  private async exchange(request: Request): Promise<Reply> {
    if (this.ended !== undefined) throw new ContenderError(this.title, `${request.kind}: ${this.ended}`);
    let timer: NodeJS.Timeout | undefined;
    try {
      const reply = await new Promise<Reply>((resolve, reject) => {
        this.pending = { resolve, reject };
        timer = setTimeout(() => {
          this.lost(`not done within ${this.deadlineMs} ms`);
          this.child.kill("SIGKILL");
        }, this.deadlineMs);
        this.child.send(request, (error) => error && reject(error));
      });
      if (reply.kind === "failed") throw new Error(reply.error);
      return reply;
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new ContenderError(this.title, `${request.kind}: ${reason}`, { cause });
    } finally {
      clearTimeout(timer);
      this.pending = undefined;
    }
  }

  private lost(reason: string): void {
    this.ended ??= reason;
    this.pending?.reject(new Error(this.ended));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // One that is at something does not hear.
    if (this.pending !== undefined) this.child.kill("SIGKILL");
    else if (this.ended === undefined) await this.ask({ kind: "close" }).catch(() => {});
    if (this.child.connected) this.child.disconnect();
    const timer = setTimeout(() => this.child.kill("SIGKILL"), CLOSING_MS);
    await this.exited;
    clearTimeout(timer);
  }
}

/** A process that has closed its connections ends by itself within this time, in milliseconds. */
const CLOSING_MS = 2_000;
