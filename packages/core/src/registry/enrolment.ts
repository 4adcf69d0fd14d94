/**
 * Puts the tenants of one stream into its registry before something is published for them, so that workers find them.
 *
 * The registry helps workers and is no part of publishing: whatever goes wrong here, the events are published.
 */
import { ENROLLED_MS, enrollCall, enrollReply, MAX_ENTRIES, registryKeys } from "@sluice/lua-scripts";
import { retryDelayMs } from "../backoff.js";
import { again, type Connection, evaluate, isUnreachable } from "../connection.js";
import { PermissionError, prefixOf } from "../errors.js";
import type { Logger } from "../logger.js";
import { refusalError } from "../refusals.js";
import { clearTimeout, nextTick, performance, setTimeout } from "../timing.js";

/**
 * Most tenants of a stream that a process remembers as enrolled, or as still to be enrolled. Of more it forgets those
 * that it enrolled longest ago; they are enrolled again when they publish, which writes nothing.
 */
export const MAX_REMEMBERED = 100_000;

/** How long a tenant counts as enrolled: a little longer than the script takes it for that, or it would write nothing. */
const RENEW_MS = ENROLLED_MS + 60_000;

/** A publish waits for the registry for this part of the deadline at most: the rest is for the publish itself. */
const SHARE_OF_DEADLINE = 1 / 4;

/** Delays between attempts while the registry is out of reach. */
const RETRY = { minDelayMs: 1_000, maxDelayMs: 60_000, factor: 2 };

export interface EnrolmentParts {
  readonly connection: Connection;
  readonly deadlineMs: number;
  readonly logger: Logger;
}

/** Tenants that are enrolled in one script call. */
interface Batch {
  readonly tenants: string[];
  /** Never rejects. */
  readonly done: Promise<void>;
}

export class Enrolment {
  readonly #parts: EnrolmentParts;
  readonly #stream: string;
  /** Until when a tenant counts as enrolled, by performance.now(): those that are due first come first. */
  readonly #enrolled = new Map<string, number>();
  readonly #underWay = new Map<string, Promise<void>>();
  /** What was asked for in this microtask. */
  #batch: Batch | undefined;
  /** Published for while the registry was out of reach. */
  readonly #missed = new Set<string>();
  /** The registry is out of reach: nobody waits for it until it is back. */
  #isDown = false;
  /** This Redis user may not write it, for as long as this process lives. */
  #isForbidden = false;
  #toldOfBound = false;
  #isClosed = false;
  #failures = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(parts: EnrolmentParts, stream: string) {
    this.#parts = parts;
    this.#stream = stream;
  }

  /**
   * What to wait for before the tenant's event is sent: undefined where the tenant is enrolled, or cannot be. Never
   * rejects. Tenants that are asked for at the same time travel together.
   */
  enroll(tenantId: string): Promise<void> | undefined {
    // First, so that what follows a call under way stays behind what waits for it.
    if (this.#underWay.size > 0) {
      const underWay = this.#underWay.get(tenantId);
      if (underWay !== undefined) return underWay;
    }
    const until = this.#enrolled.get(tenantId);
    if (until !== undefined && until > performance.now()) return undefined;
    if (this.#isForbidden) return undefined;
    if (this.#isDown) {
      this.#miss(tenantId);
      return undefined;
    }
    this.#batch ??= this.#begin();
    const { tenants, done } = this.#batch;
    tenants.push(tenantId);
    this.#underWay.set(tenantId, done);
    if (tenants.length === MAX_ENTRIES) this.#batch = undefined;
    return done;
  }

  /** Takes no tenant for enrolled any more: a server that came back may have lost some. */
  expire(): void {
    this.#enrolled.clear();
  }

  /** Takes this one for enrolled no more. */
  forget(tenantId: string): void {
    this.#enrolled.delete(tenantId);
    this.#missed.delete(tenantId);
  }

  /** Enrolls what was missed, if it can be done now. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    if (this.#missed.size === 0 || (await this.#makeUp())) return;
    this.#parts.logger.warn(
      "tenants were not enrolled: workers that go by the registry find them when they publish again",
      { stream: this.#stream, tenants: this.#missed.size },
    );
  }

  #begin(): Batch {
    const tenants: string[] = [];
    const done = Promise.resolve().then(async () => {
      if (this.#batch?.tenants === tenants) this.#batch = undefined;
      const error = await this.#send(tenants);
      if (error !== undefined) this.#failed(tenants, error);
      nextTick(() => {
        for (const tenantId of tenants) this.#underWay.delete(tenantId);
      });
    });
    return { tenants, done };
  }

  /** @returns what went wrong, if anything did. */
  async #send(tenants: readonly string[]): Promise<unknown> {
    const { connection, deadlineMs } = this.#parts;
    const options = { deadlineMs: Math.max(1, Math.floor(deadlineMs * SHARE_OF_DEADLINE)) };
    try {
      const call = enrollCall(registryKeys(this.#stream), tenants);
      const reply = enrollReply(await again(options, (left) => evaluate(connection, call, left)));
      if (reply.status !== "OK") return refusalError("enroll", reply, { stream: this.#stream });
    } catch (error) {
      return error;
    }
    this.#succeeded(tenants);
    return undefined;
  }

  #succeeded(tenants: readonly string[]): void {
    const now = performance.now();
    for (const tenantId of tenants) {
      this.#enrolled.delete(tenantId);
      this.#enrolled.set(tenantId, now + RENEW_MS);
      this.#missed.delete(tenantId);
    }
    for (const [tenantId, until] of this.#enrolled) {
      if (until > now && this.#enrolled.size <= MAX_REMEMBERED) break;
      this.#enrolled.delete(tenantId);
    }
  }

  #failed(tenants: readonly string[], error: unknown): void {
    const { logger } = this.#parts;
    const about = { stream: this.#stream, err: error };
    if (mayNot(error)) {
      if (!this.#isForbidden) {
        logger.debug("this Redis user may not write the registry of tenants; publishing goes on", about);
      }
      this.#isForbidden = true;
      this.#missed.clear();
      return;
    }
    for (const tenantId of tenants) this.#miss(tenantId);
    if (!this.#isDown) {
      this.#isDown = true;
      // What is wrong with a connection is told by whoever keeps it up.
      const level = isUnreachable(error) ? "debug" : "warn";
      logger[level]("could not enroll tenants; publishing goes on, and they are enrolled later", about);
    }
    if (this.#isClosed) return;
    this.#failures += 1;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#makeUp(), retryDelayMs(RETRY, this.#failures));
  }

  #miss(tenantId: string): void {
    if (this.#missed.size < MAX_REMEMBERED) {
      this.#missed.add(tenantId);
    } else if (!this.#toldOfBound) {
      this.#toldOfBound = true;
      const { logger } = this.#parts;
      logger.warn("too many tenants wait to be enrolled: further ones are when they publish again", {
        stream: this.#stream,
        tenants: MAX_REMEMBERED,
      });
    }
  }

  /** @returns whether all that was missed is enrolled now, or never will be. */
  async #makeUp(): Promise<boolean> {
    let made = 0;
    while (this.#missed.size > 0) {
      const tenants = [...this.#missed].slice(0, MAX_ENTRIES);
      const error = await this.#send(tenants);
      if (error !== undefined) {
        this.#failed(tenants, error);
        return this.#isForbidden;
      }
      made += tenants.length;
    }
    this.#isDown = false;
    this.#toldOfBound = false;
    this.#failures = 0;
    this.#parts.logger.info("enrolled the tenants that had been missed", {
      stream: this.#stream,
      tenants: made,
    });
    return true;
  }
}

/** Whether the server refused this user, rather than its login. */
function mayNot(error: unknown): boolean {
  return error instanceof PermissionError && !["NOAUTH", "WRONGPASS"].includes(prefixOf(error.reply));
}
