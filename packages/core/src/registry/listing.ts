/**
 * Lists the tenants of a stream: those in its registry, or, where there is none that can be read, those that have a
 * stream, which costs a look at every key of the deployment.
 *
 * What is read in pages changes meanwhile. Who is there from the first page to the last is told, and once.
 */
import { registryKeys, streamKeys } from "@sluice/lua-scripts";
import { again, type Connection, command, type RedisNode, type SendOptions } from "../connection.js";
import { InvalidOptionError, PermissionError, SluiceError } from "../errors.js";
import type { Logger } from "../logger.js";
import { isTenant } from "../names.js";
import { knownOptions } from "../options.js";
import { sleep } from "../timing.js";

/**
 * Members of one page of the registry. Redis gives a few more at times, or all of a registry that is small
 * (`zset-max-listpack-entries`).
 */
const PAGE = 500;

/** Keys that the server looks at in one step of a scan: about 0.5 ms. */
const SCAN_COUNT = 1_000;

/** Pause between two steps of a scan, in milliseconds: so that it takes a hundredth of the server. */
const SCAN_PAUSE_MS = 50;

/** A tenant of a multi-tenant stream. */
export interface KnownTenant {
  readonly tenantId: string;
  /**
   * About when something was last published for the tenant: up to two hours after this, since publishers enroll a
   * tenant once an hour. Absent where the registry was not read.
   */
  readonly lastSeenAt?: Date;
}

export interface TenantsOptions {
  /** Only tenants that were enrolled at this time or later; where the registry is not read, all of them. All unless given. */
  readonly seenSince?: Date | undefined;
}

export interface ListingParts {
  readonly connection: Connection;
  readonly stream: string;
  readonly deadlineMs: number;
  readonly logger: Logger;
  /** Says that the registry was not read, and why. */
  readonly onScan: (why: "empty" | PermissionError) => void;
}

/** @throws {InvalidOptionError} naming the option, before anything is read. */
export function listTenants(parts: ListingParts, options: TenantsOptions = {}): AsyncIterable<KnownTenant> {
  knownOptions("the options of tenants", options, ["seenSince"]);
  const { seenSince } = options;
  const isTime = seenSince instanceof Date && !Number.isNaN(seenSince.getTime());
  if (seenSince !== undefined && !isTime) {
    throw new InvalidOptionError({ option: "seenSince", value: seenSince, wanted: "a Date" });
  }
  return new Listing(parts).tenants(seenSince?.getTime());
}

/** A member of the registry; of one that was found by its stream the score is not known. */
interface Row {
  readonly name: string;
  readonly score?: number;
}

class Listing {
  readonly #parts: ListingParts;
  readonly #options: SendOptions;
  readonly #key: string;
  #lost = 0;

  constructor(parts: ListingParts) {
    this.#parts = parts;
    this.#options = { deadlineMs: parts.deadlineMs };
    this.#key = registryKeys(parts.stream).tenants;
  }

  async *tenants(since: number | undefined): AsyncGenerator<KnownTenant, void, undefined> {
    // A cursor is of use on the server that made it, and after a loss another one may answer.
    const stop = this.#parts.connection.onReconnect(() => {
      this.#lost += 1;
    });
    const told = new Set<string>();
    let strangers = 0;
    try {
      for await (const page of this.#pages(since)) {
        for (const { name, score } of page) {
          if (told.has(name)) continue;
          told.add(name);
          if (isTenant(name)) yield tenantOf(name, score);
          else strangers += 1;
        }
      }
    } finally {
      stop();
    }
    if (strangers > 0) {
      const { logger, stream } = this.#parts;
      logger.warn("the registry of tenants holds what no tenant can be called", { stream, strangers });
    }
  }

  async *#pages(since: number | undefined): AsyncGenerator<readonly Row[], void, undefined> {
    try {
      if ((await this.#command("EXISTS", this.#key)) === 1) {
        yield* since === undefined ? this.#registered() : this.#registeredSince(since);
        return;
      }
      this.#parts.onScan("empty");
    } catch (error) {
      if (!(error instanceof PermissionError)) throw error;
      this.#parts.onScan(error);
    }
    yield* this.#found();
  }

  /** The whole registry, in the order of the server's hash table, which stays as it is while scores change. */
  async *#registered(): AsyncGenerator<readonly Row[], void, undefined> {
    const ask = async (cursor: string) =>
      cursorReply(await this.#command("ZSCAN", this.#key, cursor, "COUNT", PAGE));
    for await (const flat of this.#cursor(ask, 0)) yield rowsOf(flat);
  }

  /** By score, which only grows: who is enrolled again meanwhile comes again at the end. */
  async *#registeredSince(since: number): AsyncGenerator<readonly Row[], void, undefined> {
    for (let min = since; ; ) {
      const reply = await this.#command(
        ...["ZRANGEBYSCORE", this.#key, min, "+inf", "WITHSCORES", "LIMIT", 0, PAGE],
      );
      const rows = rowsOf(textsOf(reply));
      yield rows;
      if (rows.length < PAGE) return;
      const last = rows.at(-1)?.score ?? min;
      if (last === min) break; // more tenants of one millisecond than a page holds
      min = last;
    }
    for await (const rows of this.#registered()) yield rows.filter(({ score = 0 }) => score >= since);
  }

  /** Every stream of this name, on every node. A slot that moves meanwhile may be missed. */
  async *#found(): AsyncGenerator<readonly Row[], void, undefined> {
    const { connection, stream } = this.#parts;
    const [before = "", after = ""] = streamKeys(stream, "*").stream.split("*");
    for (const node of await again(this.#options, (options) => connection.nodes(options))) {
      const ask = async (cursor: string) => cursorReply(await this.#scan(node, cursor, `${before}*${after}`));
      for await (const keys of this.#cursor(ask, SCAN_PAUSE_MS)) {
        const names = keys.map((key) => key.slice(before.length, key.length - after.length));
        yield names.filter(isTenant).map((name) => ({ name }));
      }
    }
  }

  #scan(node: RedisNode, cursor: string, pattern: string): Promise<unknown> {
    const args = [cursor, "MATCH", pattern, "COUNT", SCAN_COUNT];
    return again(this.#options, async (options) => {
      const [reply] = await node.send([{ kind: "command", name: "SCAN", args }], options);
      if (reply instanceof SluiceError) throw reply;
      return reply;
    });
  }

  /** What a command with a cursor gives, page by page; from the beginning again where the connection was lost. */
  async *#cursor(
    ask: (cursor: string) => Promise<{ readonly next: string; readonly items: readonly string[] }>,
    pauseMs: number,
  ): AsyncGenerator<readonly string[], void, undefined> {
    for (let cursor = "0", lost = this.#lost; ; ) {
      const { next, items } = await ask(cursor);
      yield items;
      if (lost === this.#lost && next === "0") return;
      cursor = lost === this.#lost ? next : "0";
      lost = this.#lost;
      if (pauseMs > 0) await sleep(pauseMs);
    }
  }

  #command(name: string, ...args: (string | number)[]): Promise<unknown> {
    const { connection } = this.#parts;
    return again(this.#options, (options) => command(connection, name, args, options));
  }
}

function tenantOf(tenantId: string, score: number | undefined): KnownTenant {
  const lastSeenAt = score === undefined ? undefined : new Date(score);
  // No date is as late as what another program may have put there.
  return lastSeenAt === undefined || Number.isNaN(lastSeenAt.getTime())
    ? { tenantId }
    : { tenantId, lastSeenAt };
}

function cursorReply(reply: unknown): { readonly next: string; readonly items: readonly string[] } {
  const [next, items] = Array.isArray(reply) ? reply : [];
  return { next: String(next ?? "0"), items: textsOf(items) };
}

function textsOf(reply: unknown): readonly string[] {
  return Array.isArray(reply) ? reply.map(String) : [];
}

/** Of members and scores in turns. */
function rowsOf(flat: readonly string[]): readonly Row[] {
  const rows: Row[] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) {
    rows.push({ name: flat[at] ?? "", score: Number(flat[at + 1]) });
  }
  return rows;
}
