/** What one member of a group asks of Redis, as requests: nothing here is sent, awaited or remembered. */
import {
  extendCall,
  type GroupKeys,
  leaseAfterCall,
  leaseCall,
  type Member,
  type Refusal,
  type ReleaseItem,
  recoverCall,
  releaseCall,
  type ScriptCall,
  type SettleItem,
  settleCall,
} from "@sluice/lua-scripts";
import type { Request } from "../connection.js";
import { SluiceError } from "../errors.js";
import { refusalError } from "../refusals.js";
import type { Entry } from "./entry.js";

/** What one recovery is about. */
export interface RecoverRequest {
  /** DUE: waiting entries that are due. ALL: also own and stale ones. SUSPECT: one suspect alone. */
  readonly scope: "DUE" | "ALL" | "SUSPECT";
  /** Entries to lease at most. */
  readonly max: number;
  /** Bytes of fields to return at most; one entry is leased in any case. */
  readonly maxBytes: number;
  /** Of scope ALL: where own pending entries go on; undefined once all were looked at. */
  readonly ownAfter?: string | undefined;
  /** Of scope ALL: the IDs of what this process has in flight, which needs no recovery. */
  readonly inFlight?: readonly string[];
  /** Of scope ALL: the nonces of calls whose reply has yet to come. */
  readonly underWay?: readonly string[];
}

export class Requests {
  constructor(
    readonly stream: string,
    readonly keys: GroupKeys,
    /** Who asks. */
    readonly member: Member,
    private readonly publishWindowMs: number,
  ) {}

  settle(attempts: readonly SettleItem[]): Request {
    return script(settleCall(this.keys, this.member, this.publishWindowMs, attempts));
  }

  lease(nonce: string, entries: readonly Entry[]): Request {
    return script(leaseCall(this.keys, this.member, nonce, entries));
  }

  /** Leases the first `max` of what a read brings that is sent before it on the same connection. */
  leaseAfter(nonce: string, after: string, max: number): Request {
    return script(leaseAfterCall(this.keys, this.member, nonce, after, max));
  }

  recover(nonce: string, { scope, max, maxBytes, ownAfter, inFlight, underWay }: RecoverRequest): Request {
    const input = { nonce, max, maxBytes, scope, ownAfter, inHand: inFlight ?? [] };
    const onItsWay = underWay ?? [];
    return script(recoverCall(this.keys, this.member, { ...input, onItsWay }));
  }

  read(count: number, blockMs?: number): Request {
    const { group, consumer } = this.member;
    const block = blockMs === undefined ? [] : ["BLOCK", blockMs];
    const args = ["GROUP", group, consumer, "COUNT", count, ...block, "STREAMS", this.keys.stream, ">"];
    return { kind: "command", name: "XREADGROUP", args };
  }

  extend(attempts: readonly { readonly key: string; readonly token: string }[]): Request {
    return script(extendCall(this.keys, this.member, attempts));
  }

  release(entries: readonly ReleaseItem[]): Request {
    return script(releaseCall(this.keys, this.member, entries));
  }

  /** Own pending entries as XPENDING lists them. */
  pending(max: number): Request {
    const { group, consumer } = this.member;
    return { kind: "command", name: "XPENDING", args: [this.keys.stream, group, "-", "+", max, consumer] };
  }

  /** What a call that failed, or was refused, means to a user. */
  refused(attempted: string, read: SluiceError | Refusal): SluiceError {
    if (read instanceof SluiceError) return read;
    return refusalError(attempted, read, { stream: this.stream, ...this.member });
  }
}

function script(call: ScriptCall): Request {
  return { kind: "script", ...call };
}
