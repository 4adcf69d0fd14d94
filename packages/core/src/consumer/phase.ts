/** Which phase a run of a consumer is in, and the only place where that changes. */

/**
 * `opening`: the group is being opened. `running`: it reads and begins. `paused`: attempts go on, nothing begins.
 * `draining`: the same, for good. `releasing`: the round trip under way is the last one. `closed`: what was in flight is
 * released, or about to be. `failed`: an error ended it.
 */
export type Phase = "opening" | "running" | "paused" | "draining" | "releasing" | "closed" | "failed";

const NEXT: Readonly<Record<Phase, readonly Phase[]>> = {
  opening: ["running", "paused", "draining", "failed"],
  running: ["paused", "draining", "failed"],
  paused: ["opening", "running", "draining", "failed"],
  draining: ["releasing", "failed"],
  releasing: ["closed", "failed"],
  closed: [],
  failed: [],
};

export class PhaseHolder {
  private phase: Phase = "opening";
  private isOpen = false;
  private hasBegun = false;
  private failure: unknown;

  get now(): Phase {
    return this.phase;
  }

  /** What ended it; undefined unless it failed. */
  get error(): unknown {
    return this.failure;
  }

  /** Whether the group was opened, so that there may be something to release. */
  get opened(): boolean {
    return this.isOpen;
  }

  /** Whether what was delivered or is ready is to be released rather than begun. */
  get isHeldBack(): boolean {
    return this.phase === "paused" || this.phase === "draining";
  }

  /** Whether it begins nothing more, for good. */
  get isStopping(): boolean {
    return this.phase === "draining" || this.over;
  }

  /** Whether no round trip begins any more, but one that settles what has finished. */
  get over(): boolean {
    return this.phase === "releasing" || this.ended;
  }

  /** Whether replies are of no consequence any more. */
  get ended(): boolean {
    return this.phase === "closed" || this.phase === "failed";
  }

  /** The group is open. */
  open(): void {
    this.isOpen = true;
  }

  /** Reading and recovery may begin. */
  begin(): void {
    this.hasBegun = true;
    if (this.phase === "opening") this.to("running");
  }

  pause(): boolean {
    return this.to("paused");
  }

  resume(): boolean {
    return this.phase === "paused" && this.to(this.hasBegun ? "running" : "opening");
  }

  drain(): boolean {
    return this.to("draining");
  }

  release(): boolean {
    return this.to("releasing");
  }

  close(): boolean {
    return this.to("closed");
  }

  fail(error: unknown): boolean {
    if (!this.to("failed")) return false;
    this.failure = error;
    return true;
  }

  /** Returns false where that phase does not follow. */
  private to(next: Phase): boolean {
    if (!NEXT[this.phase].includes(next)) return false;
    this.phase = next;
    return true;
  }
}
