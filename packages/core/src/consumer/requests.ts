/** What one consumer asks of Redis: its calls as requests, and those that it makes by themselves. */
import {
  type GroupKeys,
  leaseAfterCall,
  leaseCall,
  type Member,
  openCall,
  openReply,
  type Refusal,
  type ReleaseItem,
  type ReleaseVerdict,
  recoverCall,
  releaseCall,
  releaseReply,
  type ScriptCall,
  type SettleItem,
  settleCall,
} from "@sluice/lua-scripts";
import { again, type Connection, evaluate, type Request } from "../connection.js";
import { SluiceError } from "../errors.js";
import { refusalError } from "../refusals.js";
import type { Entry } from "./entry.js";
import type { ConsumerSettings } from "./settings.js";

/** Most attempts, or entries, that one script call takes. */
export const MAX_CALL = 1_000;

export interface RequestParts {
  readonly connection: Connection;
  readonly stream: string;
  readonly keys: GroupKeys;
  readonly settings: ConsumerSettings;
  /** The event types that the handlers declare. */
  readonly types: readonly string[];
  readonly publishWindowMs: number;
  readonly deadlineMs: number;
}

export class Requests {
  /** Where the group begins if nothing is recorded of it: `$` only once, since later that would skip entries. */
  private beganAt: string;

  constructor(
    private readonly parts: RequestParts,
    /** Who asks. */
    readonly member: Member,
  ) {
    this.beganAt = parts.settings.startFrom;
  }

  settle(attempts: readonly SettleItem[]): Request {
    return script(settleCall(this.parts.keys, this.member, this.parts.publishWindowMs, attempts));
  }

  lease(nonce: string, entries: readonly Entry[]): Request {
    return script(leaseCall(this.parts.keys, this.member, nonce, entries));
  }

  /** Of what a read brings that is sent before it on the same connection. */
  leaseAfter(nonce: string, after: string, max: number): Request {
    return script(leaseAfterCall(this.parts.keys, this.member, nonce, after, max));
  }

  recoverDue(nonce: string, max: number, maxBytes: number): Request {
    const input = { nonce, max, maxBytes, scope: "DUE", ownAfter: undefined, inHand: [] } as const;
    return script(recoverCall(this.parts.keys, this.member, input));
  }

  recoverSuspect(nonce: string): Request {
    const input = { nonce, max: 1, maxBytes: 1, scope: "SUSPECT", ownAfter: undefined, inHand: [] } as const;
    return script(recoverCall(this.parts.keys, this.member, input));
  }

  /**
   * @param mine.ownAfter - where own pending entries go on, if not all were looked at.
   * @param mine.inHand - the IDs of what needs no recovery.
   * @param mine.onItsWay - the nonces of calls whose reply has yet to come.
   */
  recoverAll(
    nonce: string,
    max: number,
    maxBytes: number,
    mine: {
      readonly ownAfter: string | undefined;
      readonly inHand: readonly string[];
      readonly onItsWay: readonly string[];
    },
  ): Request {
    return script(recoverCall(this.parts.keys, this.member, { nonce, max, maxBytes, scope: "ALL", ...mine }));
  }

  read(count: number, blockMs?: number): Request {
    const { group, consumer } = this.member;
    const block = blockMs === undefined ? [] : ["BLOCK", blockMs];
    const args = ["GROUP", group, consumer, "COUNT", count, ...block, "STREAMS", this.parts.keys.stream, ">"];
    return { kind: "command", name: "XREADGROUP", args };
  }

  /** Opens the group and takes the consumer's name; throws what keeps it from that. */
  async open(mode: "TAKE" | "REJOIN"): Promise<"CREATED" | "JOINED" | "HEALED"> {
    const { connection, keys, settings, types, deadlineMs } = this.parts;
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
    const call = openCall(keys, { ...this.member, ...asked });
    const reply = openReply(await again({ deadlineMs }, (options) => evaluate(connection, call, options)));
    if (reply.status !== "OK") throw this.refused("open", reply);
    this.beganAt = reply.lowWaterId;
    return reply.how;
  }

  /** Gives entries back, due at once for others. Returns what became of each. */
  async release(entries: readonly ReleaseItem[]): Promise<readonly ReleaseVerdict[]> {
    const { connection, keys, deadlineMs } = this.parts;
    const verdicts: ReleaseVerdict[] = [];
    for (let first = 0; first < entries.length; first += MAX_CALL) {
      const call = releaseCall(keys, this.member, entries.slice(first, first + MAX_CALL));
      const reply = releaseReply(await evaluate(connection, call, { deadlineMs }));
      if (reply.status !== "OK") throw this.refused("release", reply);
      verdicts.push(...reply.verdicts);
    }
    return verdicts;
  }

  /** Has the group's low-water ID recorded as it is now, for whoever may have to make the group again. */
  async noteLowWater(nonce: string): Promise<void> {
    const { connection, keys, deadlineMs } = this.parts;
    const input = { nonce, max: 0, maxBytes: 1, scope: "ALL", ownAfter: undefined, inHand: [] } as const;
    await evaluate(connection, recoverCall(keys, this.member, input), { deadlineMs });
  }

  /** What a call that went wrong, or was refused, means to a user. */
  refused(attempted: string, read: SluiceError | Refusal): SluiceError {
    if (read instanceof SluiceError) return read;
    return refusalError(attempted, read, { stream: this.parts.stream, ...this.member });
  }
}

function script(call: ScriptCall): Request {
  return { kind: "script", ...call };
}
