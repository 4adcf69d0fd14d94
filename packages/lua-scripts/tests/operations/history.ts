/**
 * Random histories of a stream that three groups read: two of ours and one that somebody else made. The scripts are
 * called as clients would; beside them runs a model of what should be in Redis.
 */
import type { SettleItem } from "@sluice/lua-scripts";
import fc from "fast-check";
import { comesBefore } from "../model/ids.js";
import { failure, retry, skip, success } from "../support/attempts.js";
import { openGroup, type Taken, TestGroup } from "../support/group.js";
import type { Client } from "../support/redis.js";
import { serverNow } from "../support/time.js";
import { trim } from "./calls.js";
import { ForeignGroup } from "./foreign-group.js";
import { HistoryGroup, type Ledger } from "./history-group.js";

export const HOUR_MS = 3_600_000;
/** Longer than any history takes, so that what is delayed is never due, and no bucket of the ring turns. */
const LONG_MS = 24 * HOUR_MS;

export type Outcome = "success" | "skip" | "retry now" | "retry later" | "failure";

export type Step =
  | { readonly do: "publish"; readonly count: number }
  | { readonly do: "take"; readonly of: number; readonly count: number }
  | {
      readonly do: "settle";
      readonly of: number;
      readonly nth: number;
      readonly count: number;
      readonly as: Outcome;
    }
  | { readonly do: "recover" | "destroy" | "heal"; readonly of: number }
  /** Every group that is not absent takes everything, waiting entries included, and succeeds. */
  | { readonly do: "catch up"; readonly absent: number }
  | { readonly do: "replay"; readonly of: number; readonly nth: number }
  | { readonly do: "discard"; readonly of: number; readonly nth: number }
  | { readonly do: "trim"; readonly settledForMs: number; readonly limit: number }
  | { readonly do: "delete"; readonly nth: number };

const GROUPS = 3;
const of = fc.nat(GROUPS - 1);
const nth = fc.nat(20);
const OUTCOMES: readonly Outcome[] = ["success", "success", "skip", "retry now", "retry later", "failure"];
const limit = fc.constantFrom(1, 2, 7, 100_000, 100_000);

/** Lists of steps. Each kind of step, and each outcome, is as likely as its weight among all says. */
export function steps(
  weights: Partial<Record<Step["do"], number>>,
  maxLength: number,
  outcomes: readonly Outcome[] = OUTCOMES,
): fc.Arbitrary<readonly Step[]> {
  const as = fc.constantFrom(...outcomes);
  const kinds: Record<Step["do"], fc.Arbitrary<Step>> = {
    publish: fc.record({ do: fc.constant("publish"), count: fc.integer({ min: 1, max: 4 }) }),
    take: fc.record({ do: fc.constant("take"), of, count: fc.integer({ min: 1, max: 6 }) }),
    settle: fc.record({
      do: fc.constant("settle"),
      of,
      nth,
      count: fc.integer({ min: 1, max: 5 }),
      as,
    }),
    "catch up": fc.record({ do: fc.constant("catch up"), absent: fc.nat(2 * GROUPS) }),
    recover: fc.record({ do: fc.constant("recover"), of }),
    destroy: fc.record({ do: fc.constant("destroy"), of }),
    heal: fc.record({ do: fc.constant("heal"), of }),
    replay: fc.record({ do: fc.constant("replay"), of, nth }),
    discard: fc.record({ do: fc.constant("discard"), of, nth }),
    trim: fc.record({ do: fc.constant("trim"), settledForMs: fc.constantFrom(0, 0, 2.5 * HOUR_MS), limit }),
    delete: fc.record({ do: fc.constant("delete"), nth }),
  };
  const chosen = Object.entries(weights).map(([name, weight]) => {
    return { weight, arbitrary: kinds[name as Step["do"]] }; // the names of `weights` are steps
  });
  // Without bias, which would have most histories be about the first group alone.
  return fc.noBias(
    fc.array(fc.oneof(...chosen), { minLength: Math.ceil(maxLength / 2), maxLength, size: "max" }),
  );
}

export class History implements Ledger {
  readonly entries: string[] = [];
  readonly groups: readonly [HistoryGroup, HistoryGroup, ForeignGroup];
  private readonly about = new Map<string, { readonly key: string; readonly onlyFor: string | undefined }>();
  /** How often what is worth seeing happened. */
  readonly happened = new Map<string, number>();
  private published = 0;

  private constructor(
    readonly client: Client,
    fast: TestGroup,
    slow: TestGroup,
    foreign: TestGroup,
    claimsKeepDeleted: boolean,
  ) {
    this.groups = [
      new HistoryGroup(fast, this, claimsKeepDeleted),
      new HistoryGroup(slow, this, claimsKeepDeleted),
      new ForeignGroup(foreign, this),
    ];
  }

  /** A stream that has had a few entries for hours, and its groups. */
  static async begin(client: Client, claimsKeepDeleted: boolean, oldEntries: number): Promise<History> {
    const options = { group: "fast", idempotencyTtlMs: LONG_MS * 7, consumers: ["c1"] };
    const fast = await openGroup(client, options);
    const slow = await fast.sibling("slow");
    const foreign = new TestGroup(client, { group: "foreign", stream: fast.stream });
    await client.xgroup("CREATE", foreign.keys.stream, foreign.name, "0");
    const history = new History(client, fast, slow, foreign, claimsKeepDeleted);
    const now = await serverNow(fast);
    for (let hours = oldEntries; hours > 0; hours--) await history.add(`${now - hours * HOUR_MS}-0`);
    return history;
  }

  has(id: string): boolean {
    return this.about.has(id) && this.entries.includes(id);
  }

  keyOf(id: string): string {
    return this.about.get(id)?.key ?? "";
  }

  onlyFor(id: string): string | undefined {
    return this.about.get(id)?.onlyFor;
  }

  append(id: string, key: string, onlyFor?: string): void {
    this.entries.push(id);
    this.about.set(id, { key, onlyFor });
  }

  get stream(): TestGroup {
    return this.groups[0].group;
  }

  async take(step: Step): Promise<void> {
    switch (step.do) {
      case "publish":
        await Promise.all(Array.from({ length: step.count }, () => this.add("*")));
        return;
      case "trim":
        await this.trim(step.settledForMs, step.limit);
        return;
      case "catch up":
        for (const [n, group] of this.groups.entries()) {
          if (n === step.absent) continue;
          await this.heal(group);
          await group.catchUp();
        }
        return;
      case "delete":
        await this.delete(step.nth);
        return;
      default:
        await this.ofGroup(step, this.groups[step.of % GROUPS] ?? this.groups[0]);
    }
  }

  private async ofGroup(
    step: Exclude<Step, { do: "publish" | "trim" | "delete" | "catch up" }>,
    group: HistoryGroup | ForeignGroup,
  ): Promise<void> {
    if (step.do === "heal") {
      await this.heal(group);
      return;
    }
    if (!group.live) return;
    if (step.do === "take") await group.take(step.count);
    else if (step.do === "settle") await group.end(step.nth, step.count, endingOf(step.as));
    else if (step.do === "destroy") await group.destroy();
    else if (group instanceof ForeignGroup) return;
    else if (step.do === "recover") await group.recover();
    else if (step.do === "replay") this.note(await group.replay(step.nth));
    else if (step.do === "discard") await group.discard(step.nth);
  }

  private async heal(group: HistoryGroup | ForeignGroup): Promise<void> {
    if (group.live) return;
    this.note("healed");
    await group.heal();
  }

  private async add(at: string): Promise<void> {
    this.published += 1;
    const key = `k${this.published}`;
    const id = await this.client.xadd(this.stream.keys.stream, at, "key", key, "event", `{"n":"${key}"}`);
    this.append(id ?? "", key);
  }

  private async delete(nth: number): Promise<void> {
    const id = this.entries[nth % Math.max(1, this.entries.length)];
    if (id === undefined) return;
    await this.client.xdel(this.stream.keys.stream, id);
    this.entries.splice(this.entries.indexOf(id), 1);
  }

  /**
   * Trims. Throws if it drops what a group has not settled, more than it may, or less than it could. Answers the IDs
   * dropped.
   */
  async trim(settledForMs: number, most: number): Promise<readonly string[]> {
    const before = [...this.entries];
    const { dropped, more } = await trim(this.stream, { settledForMs, limit: most });
    const left = (await this.client.xrange(this.stream.keys.stream, "-", "+")).map(([id]) => id);
    const gone = before.filter((id) => !left.includes(id));
    for (const id of gone) {
      const needing = this.holding.find((group) => !group.settled.has(id));
      if (needing) throw new Error(`trim dropped ${id}, which ${needing.group.name} has not settled`);
    }
    this.entries.splice(0, this.entries.length, ...left);
    const wanted = before.filter((id) => this.mayGo(id, settledForMs)).slice(0, most);
    const wantsMore = gone.length === most;
    if (gone.length !== dropped || gone.join() !== wanted.join() || (more && !wantsMore)) {
      throw new Error(
        `trim says ${dropped}, dropped ${gone}, wanted ${wanted}, at most ${most}, more: ${more}`,
      );
    }
    if (gone.length > 0) this.note(settledForMs === 0 ? "dropped settled" : "dropped settled and old");
    if (gone.length > 0 && gone.length < before.length) this.note("kept what is not settled");
    if (more) this.note("cut at the limit");
    return gone;
  }

  private note(happened: string | undefined): void {
    if (happened !== undefined) this.happened.set(happened, (this.happened.get(happened) ?? 0) + 1);
  }

  /** Groups that may still ask for entries: those that are there, and those that will be made again. */
  private get holding(): readonly (HistoryGroup | ForeignGroup)[] {
    return this.groups.filter((group) => group.live || group instanceof HistoryGroup);
  }

  /** Whether no group may still ask for the entry, and it is old enough. */
  private mayGo(id: string, settledForMs: number): boolean {
    const old = settledForMs === 0 || Number(id.split("-")[0]) < Date.now() - settledForMs;
    return old && this.holding.every((group) => !comesBefore(group.settledUpTo, id));
  }
}

function endingOf(outcome: Outcome): (taken: Taken) => SettleItem {
  switch (outcome) {
    case "success":
      return (taken) => success(taken);
    case "skip":
      return skip;
    case "retry now":
      return (taken) => retry(taken, 0);
    case "retry later":
      return (taken) => retry(taken, LONG_MS);
    case "failure":
      return (taken) => failure(taken);
  }
}
