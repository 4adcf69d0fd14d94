/**
 * A driver's process: requests and answers as JSON lines (`drivers/wire.ts` has the protocol), and everything
 * that it tells meanwhile, in order.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import type { RuntimeName } from "../case.js";
import { driverFile } from "../folders.js";
import { linesOf } from "../lines.js";
import { messageOf } from "../messages.js";
import type { Runtime } from "../runtimes.js";
import type { Address } from "./proxy.js";

/** A driver that is not up by then is not coming. */
const HELLO_DEADLINE_MS = 30_000;
/** In the place of a request's ID. */
const HELLO = 0;
/** How much of what a driver writes to standard error is kept for messages. */
const STDERR_CHARS = 2_000;

/** Something that a driver told: `event`, `consumer`, and the event's own fields. */
export interface DriverEvent {
  readonly event: string;
  readonly consumer: string;
  readonly [field: string]: unknown;
}

/** What a driver answers when a client refuses, or fails: an error with the fields of the client's. */
export class DriverError extends Error {
  override readonly name = "DriverError";

  constructor(readonly fields: Readonly<Record<string, unknown>>) {
    super(String(fields.message));
  }
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Those of this process that have not ended. */
const running = new Set<DriverProcess>();

/** Ends every driver of this process, whatever it does: for a run that is not waited for any longer. */
export async function killDrivers(): Promise<void> {
  await Promise.all([...running].map((driver) => driver.signal("SIGKILL")));
}

export class DriverProcess implements AsyncDisposable {
  readonly events: DriverEvent[] = [];
  private readonly waiting = new Map<number, Waiting>();
  private readonly listeners = new Set<() => void>();
  private lastId = 0;
  private stderr = "";
  private gone: Error | undefined;

  private constructor(
    readonly runtime: RuntimeName,
    private readonly child: ChildProcess,
  ) {
    child.stderr?.on("data", (bytes) => {
      this.stderr = `${this.stderr}${bytes}`.slice(-STDERR_CHARS);
    });
    child.stdin?.on("error", () => {});
    running.add(this);
    const ended = (why: string) => {
      running.delete(this);
      this.end(why);
    };
    child.once("error", (error) => ended(error.message));
    child.once("exit", (code, signal) => ended(`it ended with ${signal ?? code}`));
  }

  /**
   * Starts the runtime's driver, allowed to talk to these addresses alone, and resolves when it says hello.
   *
   * @throws {Error} with what it wrote to standard error, when it does not.
   */
  static async start(runtime: Runtime, addresses: readonly Address[]): Promise<DriverProcess> {
    const driver = driverFile(runtime.name);
    if (!existsSync(driver)) throw new Error(`start the driver of ${runtime.name}: "${driver}" is not built`);
    const allowed = addresses.map(({ host, port }) => `${host.includes(":") ? `[${host}]` : host}:${port}`);
    const { file, args } = runtime.command(driver, allowed);
    const child = spawn(file, args, { stdio: ["pipe", "pipe", "pipe"] });
    const driverProcess = new DriverProcess(runtime.name, child);
    await driverProcess.hello();
    return driverProcess;
  }

  get alive(): boolean {
    return this.gone === undefined;
  }

  /** Sends a request. @throws {DriverError} for an error that it answers; {Error} when it ends before that. */
  request(op: string, input: Readonly<Record<string, unknown>>): Promise<unknown> {
    if (this.gone) return Promise.reject(this.gone);
    this.lastId += 1;
    const id = this.lastId;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.child.stdin?.write(`${JSON.stringify({ id, op, input })}\n`);
    });
  }

  /** Calls back whenever something was told, or the process ended. Returns the way to stop. */
  onEvent(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** SIGKILL ends it, SIGSTOP holds it, SIGCONT lets it go on. */
  async signal(signal: "SIGKILL" | "SIGSTOP" | "SIGCONT" | "SIGTERM" | "SIGINT"): Promise<void> {
    const { child } = this;
    child.kill(signal);
    if (signal === "SIGKILL" && child.exitCode === null && child.signalCode === null)
      await once(child, "exit");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.alive) await this.signal("SIGKILL");
  }

  /** The first line is the driver's greeting, which answers a request 0 that nobody sent. */
  private async hello(): Promise<void> {
    const { stdout } = this.child;
    if (stdout === null) throw new TypeError("start a driver: its output is not a pipe");
    const said = new Promise<unknown>((resolve, reject) => this.waiting.set(HELLO, { resolve, reject }));
    const timer = setTimeout(
      () => this.end(`it said nothing within ${HELLO_DEADLINE_MS} ms`),
      HELLO_DEADLINE_MS,
    );
    void this.listen(stdout);
    try {
      await said;
    } catch (error) {
      this.child.kill("SIGKILL");
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  private async listen(output: AsyncIterable<Uint8Array>): Promise<void> {
    try {
      for await (const line of linesOf(output)) this.read(line);
    } catch (error) {
      this.end(`it said what is not JSON lines: ${messageOf(error)}`);
    }
  }

  private read(line: string): void {
    const message: Record<string, unknown> = JSON.parse(line);
    if ("event" in message) {
      this.events.push(message as unknown as DriverEvent); // as the protocol says
      for (const listener of this.listeners) listener();
      return;
    }
    const id = "hello" in message ? HELLO : Number(message.id);
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    if ("error" in message) waiting?.reject(new DriverError(Object(message.error)));
    else waiting?.resolve(message.result);
  }

  private end(reason: string): void {
    this.gone ??= this.failure(reason);
    for (const { reject } of this.waiting.values()) reject(this.gone);
    this.waiting.clear();
    for (const listener of this.listeners) listener();
  }

  private failure(reason: string): Error {
    const said = this.stderr.trim();
    return new Error(`the driver of ${this.runtime}: ${reason}${said === "" ? "" : `; it said: ${said}`}`);
  }
}
