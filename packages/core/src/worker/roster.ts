/**
 * Which tenants a worker serves: those in the stream's registry, those of a list, or those that a function returns. New
 * ones are added as they come; one that is gone from there is forgotten.
 */
import { registryKeys } from "@sluice/lua-scripts";
import type { Connection } from "../connection.js";
import { kindOf } from "../errors/describe.js";
import { InvalidOptionError, PermissionError, SluiceError } from "../errors.js";
import type { Logger } from "../logger.js";
import { checkTenant, isTenant } from "../names.js";
import type { KnownTenant } from "../registry/listing.js";
import { clearTimeout, performance, setTimeout } from "../timing.js";
import type { WorkerTenants } from "./settings.js";

/** Time between two reads of what is new in the registry at least, in milliseconds. */
const NEWS_MS = 1_000;
/** Time between two reads of all there is, in milliseconds: from a list, or function, and from the registry. */
const ALL_MS = 60_000;
const ALL_REGISTERED_MS = 600_000;
/** What was enrolled shortly before the last read may have been enrolled by a server whose clock is behind. */
const OVERLAP_MS = 5_000;

export interface RosterParts {
  readonly connection: Connection;
  readonly stream: string;
  readonly deadlineMs: number;
  readonly tenants: WorkerTenants;
  /** All tenants of the registry, or those that a scan finds. */
  readonly list: () => AsyncIterable<KnownTenant>;
  readonly logger: Logger;
  /** Tells of a tenant; to tell again changes nothing. `isFirst`: it was there when the worker started. */
  readonly onTenant: (tenantId: string, isFirst: boolean, lastSeenAt: Date | undefined) => void;
  /** All that are not among these are gone. */
  readonly onAll: (tenants: ReadonlySet<string>) => void;
}

export class Roster {
  readonly key: string;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private newsTimer: ReturnType<typeof setTimeout> | undefined;
  private newsAt = Number.NEGATIVE_INFINITY;
  private since = 0;
  private isStopped = false;
  private isReading = false;
  private rang = false;
  private mayReadNews = true;

  constructor(private readonly parts: RosterParts) {
    this.key = registryKeys(parts.stream).tenants;
  }

  /** Reads all there is; rejects with what keeps it from that. */
  async start(): Promise<void> {
    await this.readAll(true);
    this.schedule();
  }

  stop(): void {
    this.isStopped = true;
    clearTimeout(this.timer);
    clearTimeout(this.newsTimer);
  }

  private get isRegistered(): boolean {
    return this.parts.tenants === "registered";
  }

  private schedule(): void {
    if (this.isStopped) return;
    this.timer = setTimeout(
      () => void this.again(),
      this.isRegistered && this.mayReadNews ? ALL_REGISTERED_MS : ALL_MS,
    );
  }

  private async again(): Promise<void> {
    try {
      await this.readAll(false);
    } catch (error) {
      this.parts.logger.warn("could not read the list of tenants; the last one holds", { err: error });
    }
    this.schedule();
  }

  private async readAll(isFirst: boolean): Promise<void> {
    const { tenants, list, onTenant, onAll } = this.parts;
    const all = new Set<string>();
    if (tenants === "registered") {
      await this.readNews(isFirst);
      for await (const { tenantId, lastSeenAt } of list()) {
        all.add(tenantId);
        onTenant(tenantId, isFirst, lastSeenAt);
      }
    } else {
      const listed = typeof tenants === "function" ? checkedList(await tenants()) : tenants;
      for (const tenantId of listed) {
        all.add(tenantId);
        onTenant(tenantId, isFirst, undefined);
      }
    }
    if (!this.isStopped) onAll(all);
  }

  /** Finds who has come since; at once. */
  async refresh(): Promise<void> {
    if (this.isRegistered && this.mayReadNews && !this.isReading) await this.readNews(false);
  }

  // --- news of the registry ----------------------------------------------------------------------------------------

  /** The registry has changed, or may have. It is read at most once a second. */
  ring(): void {
    if (!this.isRegistered || this.isStopped || !this.mayReadNews) return;
    if (this.isReading) {
      this.rang = true;
      return;
    }
    if (this.newsTimer !== undefined) return;
    const inMs = Math.max(0, this.newsAt + NEWS_MS - performance.now());
    this.newsTimer = setTimeout(() => {
      this.newsTimer = undefined;
      void this.readNews(false);
    }, inMs);
  }

  /** Arms the registry's bell, and reads who was enrolled since the last time. Never rejects. */
  private async readNews(isFirst: boolean): Promise<void> {
    const { connection, deadlineMs, logger, onTenant } = this.parts;
    this.isReading = true;
    this.rang = false;
    this.newsAt = performance.now();
    const args = [this.key, isFirst ? "+inf" : this.since, "+inf", "WITHSCORES"];
    const time = { kind: "command", name: "TIME", args: [] } as const;
    const news = { kind: "command", name: "ZRANGEBYSCORE", args, tracked: true } as const;
    const [reply, now] = await connection.send([news, time], { deadlineMs });
    this.isReading = false;
    if (this.isStopped) return;
    if (reply instanceof PermissionError) {
      this.mayReadNews = false;
      logger.debug("the registry may not be read for news: all tenants are listed each minute", {
        err: reply,
      });
      return;
    }
    if (reply instanceof SluiceError || !Array.isArray(reply)) {
      this.ring();
      return;
    }
    for (let at = 0; at + 1 < reply.length; at += 2) {
      const tenantId = String(reply[at]);
      if (!isTenant(tenantId)) continue;
      onTenant(tenantId, isFirst, new Date(Number(reply[at + 1])));
    }
    // [seconds, microseconds]: the documented shape of TIME. Where it may not be asked, all is read again.
    if (Array.isArray(now)) this.since = Math.max(0, Number(now[0]) * 1_000 - OVERLAP_MS);
    if (this.rang) this.ring();
  }
}

/** @throws {InvalidOptionError | InvalidNameError} for what is no list of tenants. */
function checkedList(value: unknown): readonly string[] {
  if (!Array.isArray(value)) {
    const wanted = "a promise of a list of tenants";
    throw new InvalidOptionError({ option: "tenants()", value, shown: kindOf(value), wanted });
  }
  return value.map((tenantId) => checkTenant(tenantId));
}
