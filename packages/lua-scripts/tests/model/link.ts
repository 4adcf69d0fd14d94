/** The way to the server: many histories share one connection, and what they ask within a tick goes in one write. */
import { createHash } from "node:crypto";
import type { Arg, Script, ScriptCall } from "@sluice/lua-scripts";
import { Redis } from "ioredis";

/** A script's call, or a plain command. */
export type Request = ScriptCall | readonly Arg[];

type Command = readonly (string | number | Buffer)[];

interface Asked {
  readonly commands: readonly Command[];
  readonly resolve: (replies: unknown[]) => void;
  readonly reject: (reason: unknown) => void;
}

/** Histories whose requests go in one write. */
const PART = 12;

export class Link {
  readonly #client: Redis;
  readonly #hashes: ReadonlyMap<string, string>;
  #asked: Asked[] = [];

  private constructor(client: Redis, hashes: ReadonlyMap<string, string>) {
    this.#client = client;
    this.#hashes = hashes;
  }

  /** Connects, and loads the scripts; a call runs the one that has its script's name. */
  static async open(url: string, scripts: readonly Script[]): Promise<Link> {
    const client = new Redis(url, { protocol: 2, maxRetriesPerRequest: 0 });
    const hashes = new Map<string, string>();
    for (const { name, source } of scripts) {
      await client.script("LOAD", source);
      hashes.set(name, createHash("sha1").update(source).digest("hex"));
    }
    return new Link(client, hashes);
  }

  /** Sends the requests one after the other; their replies in that order, a failed one as an Error in its place. */
  send(requests: readonly Request[]): Promise<unknown[]> {
    if (this.#asked.length === 0) setImmediate(() => this.#flush());
    const commands = requests.map((request) => this.#commandOf(request));
    return new Promise((resolve, reject) => {
      this.#asked.push({ commands, resolve, reject });
    });
  }

  close(): void {
    this.#client.disconnect();
  }

  #commandOf(request: Request): Command {
    if (!("script" in request)) return request.map(sendable);
    const { script, keys, args } = request;
    const hash = this.#hashes.get(script.name);
    if (hash === undefined) throw new Error(`call the script '${script.name}': it was not loaded`);
    return ["EVALSHA", hash, keys.length, ...keys, ...args.map(sendable)];
  }

  /** In several parts, so that some replies are judged while the server is at work on the rest. */
  #flush(): void {
    const asked = this.#asked;
    this.#asked = [];
    for (let at = 0; at < asked.length; at += PART) void this.#sendPart(asked.slice(at, at + PART));
  }

  async #sendPart(part: readonly Asked[]): Promise<void> {
    const pipeline = this.#client.pipeline();
    for (const { commands } of part) {
      for (const [name, ...args] of commands) pipeline.call(String(name), ...args);
    }
    try {
      const replies = ((await pipeline.exec()) ?? []).map(([error, reply]) => error ?? reply);
      let at = 0;
      for (const { commands, resolve } of part) {
        resolve(replies.slice(at, at + commands.length));
        at += commands.length;
      }
    } catch (error) {
      for (const { reject } of part) reject(error);
    }
  }
}

function sendable(arg: Arg): string | number | Buffer {
  return arg instanceof Uint8Array ? Buffer.from(arg) : arg;
}
