/** A promise that a history has broken. */

/** What the model holds the scripts to. */
export type Rule =
  /** A key's success is recorded once while the key is remembered. */
  | "one commit per key"
  /** An entry that is acknowledged is processed, skipped, a duplicate of a processed key, or a dead letter. */
  | "acknowledged means settled"
  /** The holder of the current token is never FENCED. */
  | "the holder is not fenced"
  /** Whoever has any other token always is. */
  | "all others are fenced"
  /** A key is leased to one entry at a time. */
  | "one holder per key"
  /** A key that is processed is not leased. */
  | "no lease of a processed key"
  /** Whoever holds a key has an entry that is pending, until that is deleted from the stream. */
  | "a token's entry is pending"
  /** A lease is given for what the consumer has been delivered, or for what recovery may take. */
  | "only what may be taken"
  /** Attempts go up by a retry or a crash alone, and never above the limit. */
  | "attempts"
  /** The last attempt after a crash waits until one is asked for, and one is given out at a time. */
  | "suspects"
  /** A dead letter for what died, once. */
  | "dead letters"
  /** Emitted events appear with the acknowledgement, or not at all. */
  | "emitted with the acknowledgement"
  /** A process whose name another has taken is refused; no other is. */
  | "superseded"
  /** Work that can be done is given out, and every entry comes to an end. */
  | "nothing is stuck"
  /** A group that is made again, and the low-water ID, pass over nothing that is not settled. */
  | "nothing is passed over"
  /** A script answers. */
  | "no errors"
  /** What is in Redis afterwards is what was there, and what the answer says. */
  | "effects";

export class Violation extends Error {
  override readonly name = "Violation";
  readonly rule: Rule;

  constructor(rule: Rule, what: string) {
    super(what);
    this.rule = rule;
  }
}

export function demand(condition: boolean, rule: Rule, what: () => string): asserts condition {
  if (!condition) throw new Violation(rule, what());
}
