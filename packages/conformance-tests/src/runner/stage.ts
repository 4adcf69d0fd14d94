/**
 * What one run of a case works with: its names, its actors' processes, the server and the way to it. Everything
 * is taken down at the end, whatever came of the steps.
 */

import type { TestServer } from "@sluice/test-server";
import type { Case } from "../case.js";
import type { Runtime } from "../runtimes.js";
import { at, type Lookup } from "../variables.js";
import { type DriverEvent, DriverProcess } from "./driver-process.js";
import { Names } from "./names.js";
import { type Address, TcpProxy } from "./proxy.js";
import { addressOf, linkTo, type RedisCaller, type ServerLink, withAddress } from "./server.js";

export interface StageParts {
  readonly case: Case;
  /** The runtimes of first, second and third. */
  readonly cast: readonly Runtime[];
  readonly link: ServerLink;
  /** Where clients find the server: the suite's proxy, where it has one. */
  readonly clientUrl: string;
  readonly cluster: boolean;
  readonly startAnother: ((args: readonly string[]) => Promise<TestServer>) | undefined;
  /** The processes that cases share, one per runtime. */
  readonly shared: (runtime: Runtime) => Promise<DriverProcess>;
  readonly addNote: (line: string) => void;
}

/** What a bus was connected with, as far as later steps follow from it. */
interface KnownBus {
  readonly actor: string;
  readonly multi: boolean;
}

let runs = 0;

export class Stage implements AsyncDisposable {
  readonly names = new Names();
  readonly kept = new Map<string, unknown>();
  readonly buses = new Map<string, KnownBus>();
  /** Of buses and consumers in drivers that cases share: `7:consumer`. */
  readonly prefix: string;
  /** The step that is under way, for people. */
  at = "step 1";
  server: TestServer | undefined;
  proxy: TcpProxy | undefined;
  private readonly processes = new Map<string, DriverProcess>();
  /** Where in its events a shared process was when this case began with it. */
  private readonly since = new Map<string, number>();
  private ownLink: ServerLink | undefined;
  private repetition = 0;
  private disposed = false;

  private constructor(readonly parts: StageParts) {
    runs += 1;
    this.prefix = `${runs}:`;
  }

  /** Starts what the case needs besides processes, which start when they are first asked for. */
  static async set(parts: StageParts): Promise<Stage> {
    const stage = new Stage(parts);
    const { needs, server } = parts.case;
    if (needs.includes("own-server")) {
      if (parts.startAnother === undefined) throw new TypeError("start a server: the run has no way to");
      stage.server = await parts.startAnother(server);
      stage.ownLink = await linkTo({ url: stage.server.url });
    }
    if (needs.includes("proxy")) stage.proxy = await TcpProxy.start(addressOf(stage.directUrl));
    return stage;
  }

  get redis(): RedisCaller {
    return this.link.redis;
  }

  get link(): ServerLink {
    return this.ownLink ?? this.parts.link;
  }

  /** Where this case's clients find the server. */
  get clientUrl(): string {
    return this.proxy === undefined ? this.directUrl : withAddress(this.directUrl, this.proxy.address);
  }

  private get directUrl(): string {
    return this.server?.url ?? this.parts.clientUrl;
  }

  /** Tells steps that are repeated apart: `${i}`. */
  set turn(turn: number) {
    this.repetition = turn;
  }

  async process(actor: string): Promise<DriverProcess> {
    const found = this.processes.get(actor);
    if (found) return found;
    const { own } = this.actor(actor);
    const runtime = this.runtimeOf(actor);
    const process = own ? await this.start(runtime) : await this.parts.shared(runtime);
    this.processes.set(actor, process);
    this.since.set(actor, own ? 0 : process.events.length);
    return process;
  }

  /** Starts an actor's process again, after it was killed; what it told before stays told. */
  async respawn(actor: string): Promise<void> {
    const before = this.processes.get(actor);
    if (before?.alive) throw new TypeError(`spawn "${actor}": it is there`);
    const process = await this.start(this.runtimeOf(actor));
    process.events.unshift(...(before?.events ?? []));
    this.processes.set(actor, process);
    for (const [name, bus] of this.buses) if (bus.actor === actor) this.buses.delete(name);
  }

  /** The process of an actor that has one of its own. */
  async ownProcess(actor: string): Promise<DriverProcess> {
    if (!this.actor(actor).own) {
      throw new TypeError(`signal "${actor}": other cases share its process; give it \`own: true\``);
    }
    return await this.process(actor);
  }

  /** What an actor has told of this case, with the case's own names of consumers. */
  events(actor: string): DriverEvent[] {
    const process = this.processes.get(actor);
    return (process?.events.slice(this.since.get(actor)) ?? [])
      .filter(({ consumer }) => consumer.startsWith(this.prefix))
      .map((event) => ({ ...event, consumer: event.consumer.slice(this.prefix.length) }));
  }

  /** What `${…}` stands for. */
  lookup(now: number): Lookup {
    return (reference) => {
      const [kind = "", ...rest] = reference.split(":");
      const name = rest.join(":");
      if (reference === "stream") return this.names.stream("orders");
      if (reference === "now") return now;
      if (reference === "i") return this.repetition;
      if (kind === "key" && reference.includes(":")) return this.names.key(name);
      if (kind === "tenant" && name !== "") return this.names.tenant(name);
      if (kind === "stream" && name !== "") return this.names.stream(name);
      if (kind === "user" && name !== "") return this.names.user(name);
      const [first = "", ...path] = reference.split(".");
      return at(this.kept.get(first), path);
    };
  }

  /** @throws {Error} once the stage is disposed of: a case that was given up goes no further, and leaves nothing. */
  assertOpen(): void {
    if (this.disposed) throw new Error("the case was given up");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.disposed = true;
    await Promise.allSettled([...this.processes].map(([actor, process]) => this.endActor(actor, process)));
    await this.proxy?.close();
    if (this.server === undefined) await this.removeNames();
    await this.ownLink?.close();
    await this.server?.stop();
  }

  private async start(runtime: Runtime): Promise<DriverProcess> {
    const process = await DriverProcess.start(runtime, this.addresses());
    if (this.disposed) await process[Symbol.asyncDispose]();
    this.assertOpen();
    return process;
  }

  /** With consumers in it: they would read on while keys are removed. */
  private async endActor(actor: string, process: DriverProcess): Promise<void> {
    if (this.actor(actor).own) await process[Symbol.asyncDispose]();
    else await process.request("abandon", { prefix: this.prefix });
  }

  private async removeNames(): Promise<void> {
    await Promise.all(this.names.allKeys().map((key) => this.redis.call("UNLINK", key)));
    const users = this.names.users;
    if (users.length === 0) return;
    await Promise.all(this.link.masters().map((node) => node.call("ACL", "DELUSER", ...users)));
  }

  private actor(name: string) {
    const actor = this.parts.case.actors.get(name);
    if (actor === undefined) throw new TypeError(`use the actor "${name}": the case has none of this name`);
    return actor;
  }

  private runtimeOf(actor: string): Runtime {
    const place = ["first", "second", "third"].indexOf(this.actor(actor).runtime);
    const runtime = this.parts.cast[place];
    if (runtime === undefined) throw new TypeError(`use the actor "${actor}": there is no runtime for it`);
    return runtime;
  }

  private addresses(): readonly Address[] {
    if (this.proxy) return [this.proxy.address];
    if (this.server) return [addressOf(this.server.url)];
    return this.parts.cluster ? this.link.addresses : [addressOf(this.parts.clientUrl)];
  }
}
