// Generated from src/includes/status.lua by `npx tsx packages/lua-scripts/build/generate.ts`. Do not edit.

/** The words that scripts answer with. */
export const Status = {
  /** The call was carried out; what follows is per item. */
  OK: "OK",
  /** The stream was written by a newer protocol: upgrade the client. Followed by the protocol found. */
  PROTOCOL: "PROTOCOL",
  /** A key holds another type than the script expects. Followed by the key, the type found and the type wanted. */
  WRONGTYPE: "WRONGTYPE",
  /** The consumer group, or what the stream records of it, is gone: call `open`. */
  NOGROUP: "NOGROUP",
  /** A newer process has taken over this consumer's name. */
  SUPERSEDED: "SUPERSEDED",
  /** The group has other settings. Followed by (setting, recorded, asked) for each that differs. */
  SETTINGS: "SETTINGS",
  /** The server's ACL does not let this user run a command that the scripts need. Followed by the command. */
  NOPERM: "NOPERM",
  /** The stream's last ID leaves no room for another entry. */
  EXHAUSTED: "EXHAUSTED",
  /** All or nothing was asked, and nothing was published: an entry below says why. */
  REFUSED: "REFUSED",
  /** publish: a new entry, with the ID that Redis assigned. Most are: the reply names only the others. */
  NEW: "NEW",
  /** publish: published within the window, with the ID of that entry. lease: processed, and acknowledged here. */
  DUPLICATE: "DUPLICATE",
  /** publish: the key was published within the window with another payload, with the ID of that entry. */
  MISMATCH: "MISMATCH",
  /** publish: the stream has reached its length limit. */
  FULL: "FULL",
  /** lease: the entry is this consumer's to handle. Most are: of entries listed, the reply names only the others. */
  LEASED: "LEASED",
  /** lease: another pending entry holds the key; this one waits. */
  DEFERRED: "DEFERRED",
  /** lease, extend, release: the entry is no longer this consumer's. */
  LOST: "LOST",
  /** settle (asked): several handlers succeeded and emitted nothing. */
  SUCCESSES: "SUCCESSES",
  /** settle (asked): the handler succeeded. */
  SUCCESS: "SUCCESS",
  /** settle (asked): acknowledge without recording the key as processed. */
  SKIP: "SKIP",
  /** settle (asked): try again after a delay. */
  RETRY: "RETRY",
  /** settle (asked): a dead letter, with the reason that follows. */
  FAILURE: "FAILURE",
  /** settle: acknowledged, and what came with it committed. Most are: the reply names only the others. */
  SETTLED: "SETTLED",
  /** settle: waiting for its next attempt. */
  WAITING: "WAITING",
  /** settle: no handler of this consumer declares the event's type, and another consumer of the group does: the entry waits for that one, as the same attempt. */
  HANDED_BACK: "HANDED_BACK",
  /** settle: in the dead-letter stream. */
  DEAD: "DEAD",
  /** settle: refused, since the token is not the current one; nothing was done for this attempt. */
  FENCED: "FENCED",
  /** extend: kept for another lease. */
  EXTENDED: "EXTENDED",
  /** release: given back, due at once. */
  RELEASED: "RELEASED",
  /** release: a newer attempt has the entry. The run was taken over, and does not count as one that died. */
  TAKEN: "TAKEN",
  /** replay: back in the group, with the ID of its entry. */
  REPLAYED: "REPLAYED",
  /** discard: dropped. */
  DISCARDED: "DISCARDED",
  /** replay, discard: no such dead letter. replay: or its entry is gone and cannot be added again. */
  NOTFOUND: "NOTFOUND",
  /** open: the group was created. */
  CREATED: "CREATED",
  /** open: the group was there. */
  JOINED: "JOINED",
  /** open: the group had been deleted and was recreated at its low-water ID. */
  HEALED: "HEALED",
  /** Dead letter: the handler answered failure. */
  FAILED: "FAILED",
  /** Dead letter: every attempt was used up. */
  MAX_ATTEMPTS: "MAX_ATTEMPTS",
  /** Dead letter: the event does not match the catalog. */
  INVALID: "INVALID",
  /** Dead letter: the entry is not in our layout. */
  MALFORMED: "MALFORMED",
  /** settle (asked): no handler of the consumer declares the event's type. Dead letter: no consumer of the group does, or `canHandle` turned it down, and a dead letter was asked for then. */
  UNHANDLED: "UNHANDLED",
  /** Dead letter: an event that the handler emitted cannot be published. */
  EMIT_REJECTED: "EMIT_REJECTED",
} as const;

export type Status = (typeof Status)[keyof typeof Status];
