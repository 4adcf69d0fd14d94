/** The calls that a member of a group makes by themselves, apart from its round trips: opening the group and releasing. */
import {
  MAX_ENTRIES,
  openCall,
  openReply,
  type ReleaseItem,
  type ReleaseVerdict,
  releaseReply,
  type ScriptCall,
} from "@sluice/lua-scripts";
import { chunks } from "../chunks.js";
import { again, type Connection, evaluate } from "../connection.js";
import { SluiceError } from "../errors.js";
import type { GroupScope } from "./group-scope.js";
import type { Requests } from "./requests.js";
import type { ConsumerSettings } from "./settings.js";

export interface GroupCallsParts {
  readonly connection: Connection;
  readonly requests: Requests;
  readonly settings: Pick<
    ConsumerSettings,
    "startFrom" | "changeSettings" | "leaseMs" | "maxAttempts" | "idempotencyTtlMs"
  >;
  /** The event types that the handlers declare. */
  readonly types: readonly string[];
  /** Where the group begins if nothing is recorded of it; as the settings say unless given. */
  readonly startFrom?: string | undefined;
  readonly deadlineMs: number;
}

/** How a group was opened. */
export type Opened = "CREATED" | "JOINED" | "HEALED";

/** Says that a group was missing. */
export function tellRecreated({ logger }: Pick<GroupScope, "logger">, how: Opened): void {
  logger.warn("consumer group was missing; recreated it", { how });
}

export class GroupCalls {
  /** Where the group begins if nothing is recorded of it: `$` only once, since later that would skip entries. */
  private beganAt: string;

  constructor(private readonly parts: GroupCallsParts) {
    this.beganAt = parts.startFrom ?? parts.settings.startFrom;
  }

  /** Opens the group and takes the consumer's name; throws what keeps it from that. */
  async open(mode: "TAKE" | "REJOIN"): Promise<Opened> {
    const { connection, deadlineMs } = this.parts;
    const call = this.openCall(mode);
    return this.opened(await again({ deadlineMs }, (options) => evaluate(connection, call, options)));
  }

  openCall(mode: "TAKE" | "REJOIN"): ScriptCall {
    const { requests, settings, types } = this.parts;
    const { changeSettings: change, leaseMs, maxAttempts, idempotencyTtlMs } = settings;
    const asked = {
      mode,
      startFrom: this.beganAt,
      change: change && mode === "TAKE",
      leaseMs,
      maxAttempts,
      idempotencyTtlMs,
      types,
    };
    return openCall(requests.keys, { ...requests.member, ...asked });
  }

  /** Reads the reply to {@link openCall}; throws what it refuses. */
  opened(replied: unknown): Opened {
    if (replied instanceof SluiceError) throw replied;
    const reply = openReply(replied);
    if (reply.status !== "OK") throw this.parts.requests.refused("open", reply);
    this.beganAt = reply.lowWaterId;
    return reply.how;
  }

  /** Releases entries, due at once for any consumer. Returns what became of each. */
  async release(entries: readonly ReleaseItem[]): Promise<readonly ReleaseVerdict[]> {
    if (entries.length === 0) return [];
    const { connection, requests, deadlineMs } = this.parts;
    const calls = Array.from(chunks(entries, MAX_ENTRIES), (some) => requests.release(some));
    // In one write: what is out of flight must be released before a recovery that is asked for later.
    const replies = await connection.send(calls, { deadlineMs });
    return replies.flatMap((reply) => {
      if (reply instanceof SluiceError) throw reply;
      const read = releaseReply(reply);
      if (read.status !== "OK") throw requests.refused("release", read);
      return read.verdicts;
    });
  }

  /** Has the group's low-water ID recorded as it is now, for whoever may have to recreate the group. */
  async recordLowWater(nonce: string): Promise<void> {
    const { connection, requests, deadlineMs } = this.parts;
    const [reply] = await connection.send([requests.recover(nonce, { scope: "ALL", max: 0, maxBytes: 1 })], {
      deadlineMs,
    });
    if (reply instanceof SluiceError) throw reply;
  }
}
