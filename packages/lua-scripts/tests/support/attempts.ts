/** Attempts in hand, and the ways that they end. */
import { attemptOf, entryOf, partsOf, type RecoveredEntry, type SettleItem } from "@sluice/lua-scripts";
import type { Holding, Taken } from "./group.js";

/** The attempt in hand after a recovery. */
export function recovered({ token, fields }: RecoveredEntry): Taken {
  const key = fields[0] === "key" ? (fields[1] ?? "") : "";
  return { id: entryOf(token), key, token, verdict: "LEASED" };
}

/** The number of an attempt in hand. */
export function numberOf({ token }: { readonly token: string }): number {
  return attemptOf(token);
}

export function success({ key, token }: Holding, emits: readonly Emitted[] = []): SettleItem {
  return {
    outcome: "SUCCESS",
    key,
    ...partsOf(token),
    emits: emits.map((emit) => ({ fingerprint: "", ...emit })),
  };
}

export interface Emitted {
  readonly key: string;
  readonly event: string | Uint8Array;
  readonly fingerprint?: string;
}

export function skip({ key, token }: Holding): SettleItem {
  return { outcome: "SKIP", key, ...partsOf(token) };
}

export function unhandled({ key, token }: Holding, type = "order.placed", message = ""): SettleItem {
  return { outcome: "UNHANDLED", key, ...partsOf(token), type, message };
}

export function retry({ key, token }: Holding, delayMs = 0, message = "again"): SettleItem {
  return { outcome: "RETRY", key, ...partsOf(token), delayMs, message };
}

export function failure({ key, token }: Holding, reason = "FAILED", message = "no"): SettleItem {
  return { outcome: "FAILURE", key, ...partsOf(token), reason, message };
}
