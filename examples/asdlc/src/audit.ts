/**
 * Reads from Redis what became of the events, and enters it in the ledger. It asks neither the workers nor
 * the client, whose word is what is being checked: it reads the streams themselves (their layout is
 * documented, and is all that it knows). It also removes what the demo made, key by key.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { groupKeys, registryKeys } from "@sluice/lua-scripts";
import { Redis } from "ioredis";
import type { Ledger } from "./ledger.js";
import { receiptFrom } from "./receipt.js";

/** Entries read at once, and how many times so in one look. */
const PAGE = 1_000;
const PAGES_OF_A_LOOK = 5;
/** Dead letters of a group that are read. One is enough for a difference. */
const DEAD_LETTERS = 1_000;
/** How often keys are removed that come back. */
const MAX_REMOVALS = 50;

export interface Look {
  /** Something is different from the look before. */
  readonly moved: boolean;
  /** There is more to read at once. */
  readonly more: boolean;
  /** Every group has acknowledged every entry there is. */
  readonly drained: boolean;
}

/** One group of a tenant's stream, by XINFO GROUPS. */
interface GroupState {
  readonly pending: number;
  readonly lastDeliveredId: string;
}

export class Audit {
  private readonly redis: Redis;
  private readonly lastIds = new Map<string, string>();
  private lastState = "";
  private lastError: string | undefined;

  constructor(
    redisUrl: string,
    private readonly stream: string,
    private readonly tenants: readonly string[],
    private readonly groups: readonly string[],
    private readonly ledger: Ledger,
  ) {
    this.redis = new Redis(redisUrl, { lazyConnect: true, maxRetriesPerRequest: 1, protocol: 2 });
    // Commands that it breaks reject by themselves, but do not say why.
    this.redis.on("error", (error) => {
      this.lastError = error.message;
    });
  }

  /**
   * Reads on where the last look ended, up to 5,000 entries of each tenant.
   *
   * @throws when the server is gone.
   */
  async look(): Promise<Look> {
    try {
      return await this.readAll();
    } catch (error) {
      throw new Error(`read stream "${this.stream}": ${this.reasonOf(error)}`, { cause: error });
    }
  }

  /** Enters what only the end shows: which groups have nothing left, and what they gave up on. */
  async close(): Promise<void> {
    for (const tenant of this.tenants) {
      const groups = await this.groupStates(tenant);
      for (const group of this.groups) {
        const state = groups.get(group);
        const lastId = this.lastIds.get(tenant) ?? "0-0";
        if (state?.pending === 0 && state.lastDeliveredId === lastId) this.ledger.sawDrained(tenant, group);
        const { dead } = groupKeys(this.stream, group, tenant);
        for (const [, fields] of await this.redis.xrange(dead, "-", "+", "COUNT", DEAD_LETTERS)) {
          const about = (name: string) => fields[fields.indexOf(name) + 1] ?? "";
          this.ledger.sawDeadLetter(tenant, group, `${about("reason")} ${about("message")}`.trim());
        }
      }
    }
  }

  /**
   * Removes every key of this run's stream, and makes sure that they stay away: a command that a killed
   * process had sent may still be on its way through the server.
   *
   * @throws when the server is gone, or somebody still works on the stream.
   */
  async removeKeys(): Promise<void> {
    for (const tenant of this.tenants) {
      const keys = this.groups.flatMap((group) => Object.values(groupKeys(this.stream, group, tenant)));
      await this.removeAll([...new Set(keys)], `of tenant "${tenant}"`);
    }
    await this.removeAll(Object.values(registryKeys(this.stream)), "of all tenants");
  }

  private async removeAll(keys: string[], whose: string): Promise<void> {
    for (let left = 1, tries = 0; left > 0; tries += 1) {
      if (tries === MAX_REMOVALS) throw new Error(`${left} keys ${whose} come back`);
      await this.redis.unlink(keys);
      await sleep(20);
      left = await this.redis.exists(keys);
    }
  }

  disconnect(): void {
    this.redis.disconnect();
  }

  private async readAll(): Promise<Look> {
    let drained = true;
    let more = false;
    const state: unknown[] = [];
    for (const tenant of this.tenants) {
      // Asked before reading on: what comes in between only makes a group look behind, never done.
      const groups = await this.groupStates(tenant);
      const complete = await this.readOn(tenant);
      if (!complete) more = true;
      const lastId = this.lastIds.get(tenant);
      for (const group of this.groups) {
        const { pending, lastDeliveredId } = groups.get(group) ?? { pending: 0, lastDeliveredId: "" };
        if (pending > 0 || lastDeliveredId !== (lastId ?? "0-0")) drained = false;
        state.push(pending, lastDeliveredId);
      }
      state.push(lastId);
    }
    const moved = state.join() !== this.lastState;
    this.lastState = state.join();
    return { moved, more, drained: drained && !more };
  }

  /** Returns whether that was all. */
  private async readOn(tenant: string): Promise<boolean> {
    const key = this.keyOf(tenant);
    for (let page = 0; page < PAGES_OF_A_LOOK; page += 1) {
      const lastId = this.lastIds.get(tenant);
      const entries = await this.redis.xrange(key, lastId ? `(${lastId}` : "-", "+", "COUNT", PAGE);
      for (const [id, fields] of entries) {
        this.enter(tenant, fields);
        this.lastIds.set(tenant, id);
      }
      if (entries.length < PAGE) return true;
    }
    return false;
  }

  /**
   * An entry is `key` and `event`. Keys that begin with `~` are those of emitted events; in front of one that was named
   * stand the event's type and a colon.
   */
  private enter(tenant: string, fields: readonly string[]): void {
    const [, key = "", , event = ""] = fields;
    if (!key.startsWith("~")) {
      this.ledger.sawEntry(tenant, key.slice(key.indexOf(":") + 1));
      return;
    }
    const { data } = JSON.parse(event) as { data?: unknown }; // receiptFrom checks whatever it is
    this.ledger.sawReceipt(tenant, receiptFrom(data));
  }

  private reasonOf(error: unknown): string {
    if (!(error instanceof Error)) return String(error);
    return error.name === "ReplyError" ? error.message : (this.lastError ?? error.message);
  }

  private async groupStates(tenant: string): Promise<ReadonlyMap<string, GroupState>> {
    // Lists of names and values, one for each group: the command's documented shape in RESP2.
    const groups = (await this.redis.xinfo("GROUPS", this.keyOf(tenant))) as (string | number)[][];
    return new Map(
      groups.map((about) => {
        const value = (name: string) => about[about.indexOf(name) + 1];
        const lastDeliveredId = String(value("last-delivered-id"));
        return [String(value("name")), { pending: Number(value("pending")), lastDeliveredId }];
      }),
    );
  }

  private keyOf(tenant: string): string {
    return groupKeys(this.stream, this.groups[0] ?? "", tenant).stream;
  }
}
