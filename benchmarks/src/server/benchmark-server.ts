/** The one server of a run: the user's, or one that is started for it, and the harness's own connection to it. */

import { findServer, uniqueName } from "@sluice/test-server";
import { Redis } from "ioredis";
import { type Counters, difference, readCounters } from "./counters.js";
import { removeKeys } from "./keys.js";
import { type SentParts, sightCommands } from "./sighting.js";

export class BenchmarkServer implements AsyncDisposable {
  /** Part of every name of this run, and of no other's. */
  private readonly run = uniqueName("bench");
  private names = 0;

  private constructor(
    readonly url: string,
    /** `redis 7.0.15, Debian package unpacked in .cache/servers` */
    readonly description: string,
    private readonly redis: Redis,
    /** What reading the counters costs itself. */
    private readonly ofReading: Counters,
    private readonly stop: () => Promise<void>,
  ) {}

  /** @param url a server of the user's; otherwise one is found or started. */
  static async open(url: string | undefined, note: (line: string) => void): Promise<BenchmarkServer> {
    const env = url === undefined ? process.env : { ...process.env, REDIS_URL: url };
    const server = await findServer({ env, onProgress: note });
    const redis = new Redis(server.url);
    const [first, second] = [await readCounters(redis), await readCounters(redis)];
    return new BenchmarkServer(server.url, server.description, redis, difference(first, second), () =>
      server.stop(),
    );
  }

  /** A name for the keys of one contender, unlike any other on the server. */
  newName(): string {
    this.names += 1;
    // Of one length, so that none is the beginning of another.
    return `${this.run}-${String(this.names).padStart(4, "0")}`;
  }

  /** Does `work`, and tells what the server did meanwhile. */
  async counting<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly counters: Counters }> {
    const before = await readCounters(this.redis);
    const result = await work();
    const after = await readCounters(this.redis);
    return { result, counters: difference(before, after, this.ofReading) };
  }

  sight(work: () => Promise<unknown>): Promise<SentParts | undefined> {
    return sightCommands(this.url, this.redis, work);
  }

  /** Removes every key whose name holds this one's. */
  async removeKeys(name: string): Promise<void> {
    await removeKeys(this.redis, name);
  }

  /** Removes what is left of this run, and ends the server if the run has started it. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      // The server may still have to read what processes had sent before they were ended: until nothing comes back.
      while ((await removeKeys(this.redis, this.run)) > 0);
    } finally {
      this.redis.disconnect();
      await this.stop();
    }
  }
}
