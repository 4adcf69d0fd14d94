/**
 * The books of the demo: what was read and published on one side, what Redis holds of it on the other, and
 * whether they agree. It knows nothing of Redis; `audit.ts` fills in the other side.
 *
 * It keeps a tally for every (tenant, key), some 250 bytes each: the one thing here that grows with the
 * history.
 */
import type { Receipt } from "./receipt.js";

/** What is known of one idempotency key of one tenant. */
interface Tally {
  /** Whether it was published, and whether a second time. */
  published: 0 | 1 | 2;
  /** Entries of the stream that carry it. */
  entries: number;
  /** Commits, by the position of the group. */
  readonly handled: number[];
}

/** One line of the table. Counts of events, but for the last ones. */
export interface Row {
  readonly tenant: string;
  readonly group: string;
  readonly published: number;
  readonly publishedAgain: number;
  /** Receipts: attempts that were committed. */
  readonly handled: number;
  /**
   * Entries that the group acknowledged without handling them; undefined while it has not acknowledged all.
   */
  readonly skipped: number | undefined;
  readonly deadLetters: number;
  /** Of `handled`, by consumer. */
  readonly byConsumer: ReadonlyMap<string, number>;
}

export interface Verdict {
  readonly rows: readonly Row[];
  /** What does not agree, in words: the first of them. None if the books balance. */
  readonly differences: readonly string[];
  /** How many there are in all. */
  readonly differenceCount: number;
}

/** More than these tell nobody anything new. */
const MAX_DIFFERENCES = 20;

/** What one group did with one tenant's events, besides the tallies. */
class Account {
  receipts = 0;
  deadLetters = 0;
  drained = false;
  readonly byConsumer = new Map<string, number>();
}

export class Ledger {
  private readonly tallies = new Map<string, Map<string, Tally>>();
  private readonly accounts = new Map<string, Account>();
  /** Found on the way: what no tally shows. */
  private readonly findings = new Findings();
  private handledOnce = 0;
  private publishedOnce = 0;

  constructor(
    private readonly tenants: readonly string[],
    private readonly groups: readonly string[],
  ) {
    for (const tenant of tenants) this.tallies.set(tenant, new Map());
  }

  /** How many times an event is to be handled: once by each group. */
  get toHandle(): number {
    return this.publishedOnce * this.groups.length;
  }

  /** How many of those have been. */
  get handled(): number {
    return this.handledOnce;
  }

  /** An event was read and is published now. */
  publish(tenant: string, key: string): void {
    const tally = this.tally(tenant, key);
    if (tally.published > 0) this.findings.add(`${tenant}: the history gave ${quote(key)} twice`);
    tally.published = 1;
    this.publishedOnce += 1;
  }

  /** The same event is published a second time. */
  publishAgain(tenant: string, key: string): void {
    this.tally(tenant, key).published = 2;
  }

  /** The tenant's stream has an entry under this key. */
  sawEntry(tenant: string, key: string): void {
    this.tally(tenant, key).entries += 1;
  }

  /** The tenant's stream has a receipt. */
  sawReceipt(tenant: string, receipt: Receipt): void {
    const { group, consumer, key } = receipt;
    const at = this.groups.indexOf(group);
    if (at < 0) {
      this.findings.add(`${tenant}: ${quote(key)} was handled by an unknown group ${quote(group)}`);
      return;
    }
    for (const named of receipt.tenants) {
      if (named !== tenant) {
        this.findings.add(`${tenant}, ${group}: saw foreign tenant ${quote(named)} in ${quote(key)}`);
      }
    }
    const tally = this.tally(tenant, key);
    if (tally.handled[at] === 0) this.handledOnce += 1;
    tally.handled[at] = (tally.handled[at] ?? 0) + 1;
    const account = this.account(tenant, group);
    account.receipts += 1;
    account.byConsumer.set(consumer, (account.byConsumer.get(consumer) ?? 0) + 1);
  }

  /** The group gave up on an event. */
  sawDeadLetter(tenant: string, group: string, reason: string): void {
    this.account(tenant, group).deadLetters += 1;
    this.findings.add(`${tenant}, ${group}: an event became a dead letter: ${reason}`);
  }

  /** The group has acknowledged every entry of the tenant's stream. */
  sawDrained(tenant: string, group: string): void {
    this.account(tenant, group).drained = true;
  }

  /** Anything else that must not be. */
  note(difference: string): void {
    this.findings.add(difference);
  }

  /** Holds both sides against each other. */
  check(): Verdict {
    const differences = this.findings.copy();
    const rows: Row[] = [];
    for (const tenant of this.tenants) {
      for (const [key, tally] of this.tallies.get(tenant) ?? []) {
        for (const difference of this.differencesOf(tally))
          differences.add(`${tenant}${difference(quote(key))}`);
      }
      for (const group of this.groups) {
        const row = this.row(tenant, group);
        if (row.skipped === undefined) {
          differences.add(`${tenant}, ${group}: there are entries that it has not acknowledged`);
        } else if (row.skipped !== row.publishedAgain) {
          const found = `${row.skipped} skipped as duplicates, ${row.publishedAgain} published a second time`;
          differences.add(`${tenant}, ${group}: ${found}`);
        }
        rows.push(row);
      }
    }
    return { rows, differences: differences.shown, differenceCount: differences.count };
  }

  private *differencesOf(tally: Tally): Generator<(key: string) => string> {
    const { published, entries, handled } = tally;
    if (published === 0) {
      yield (key) => `: ${key} is there and was not published for it`;
      return;
    }
    if (entries === 0) {
      yield (key) => `: ${key} was published and is not in the stream`;
    } else if (entries !== published) {
      yield (key) => `: ${key} was published ${times(published)} and is in the stream ${times(entries)}`;
    }
    for (const [at, group] of this.groups.entries()) {
      const count = handled[at] ?? 0;
      if (count === 0) yield (key) => `, ${group}: ${key} was not handled`;
      if (count > 1) yield (key) => `, ${group}: ${key} was handled ${times(count)}`;
    }
  }

  private row(tenant: string, group: string): Row {
    const { receipts, deadLetters, drained, byConsumer } = this.account(tenant, group);
    let published = 0;
    let publishedAgain = 0;
    let entries = 0;
    for (const tally of this.tallies.get(tenant)?.values() ?? []) {
      if (tally.published > 0) published += 1;
      if (tally.published > 1) publishedAgain += 1;
      entries += tally.entries;
    }
    // An acknowledged entry was handled, became a dead letter, or was skipped.
    const skipped = drained ? entries - receipts - deadLetters : undefined;
    return { tenant, group, published, publishedAgain, handled: receipts, skipped, deadLetters, byConsumer };
  }

  private tally(tenant: string, key: string): Tally {
    const tallies = this.tallies.get(tenant);
    if (tallies === undefined)
      throw new TypeError(`keep the books of ${quote(tenant)}: it is none of the tenants`);
    let tally = tallies.get(key);
    if (tally === undefined) {
      tally = { published: 0, entries: 0, handled: this.groups.map(() => 0) };
      tallies.set(key, tally);
    }
    return tally;
  }

  private account(tenant: string, group: string): Account {
    const name = `${tenant}/${group}`;
    const account = this.accounts.get(name) ?? new Account();
    this.accounts.set(name, account);
    return account;
  }
}

/** Differences: all counted, the first ones kept. */
class Findings {
  readonly shown: string[] = [];
  count = 0;

  add(difference: string): void {
    this.count += 1;
    if (this.shown.length < MAX_DIFFERENCES) this.shown.push(difference);
  }

  copy(): Findings {
    const copy = new Findings();
    copy.shown.push(...this.shown);
    copy.count = this.count;
    return copy;
  }
}

function quote(text: string): string {
  return JSON.stringify(text);
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}
