/** A consumer's plain numbers, for `metrics()`. Counters only grow while the process lives. */

/** Upper bounds of the buckets of a handler's duration, in seconds; one more bucket is unbounded. */
export const DURATION_BOUNDS_S = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60] as const;

export class ConsumerStats {
  handled = 0;
  emitted = 0;
  duplicates = 0;
  unhandled = 0;
  otherGroup = 0;
  /** Left to another consumer of the group, which declares the type. */
  handedBack = 0;
  retries = 0;
  deadLetters = 0;
  leasesLost = 0;
  /** Settle calls whose reply was lost, and whose outcome was not to be learnt any more. */
  unknown = 0;
  deferred = 0;
  errors = 0;
  timeouts = 0;
  recoveredOwn = 0;
  recoveredStale = 0;
  retried = 0;
  trimmed = 0;
  readonly durationBuckets: number[] = new Array<number>(DURATION_BOUNDS_S.length + 1).fill(0);
  durationSumS = 0;

  constructor(
    /** The sum over all consumers of a bus, those included that are gone. */
    private readonly total?: ConsumerStats,
  ) {}

  add(counter: Counter, n: number): void {
    this[counter] += n;
    this.total?.add(counter, n);
  }

  observe(durationMs: number): void {
    const seconds = durationMs / 1_000;
    const at = DURATION_BOUNDS_S.findIndex((bound) => seconds <= bound);
    const bucket = at === -1 ? DURATION_BOUNDS_S.length : at;
    this.durationBuckets[bucket] = (this.durationBuckets[bucket] ?? 0) + 1;
    this.durationSumS += seconds;
    this.total?.observe(durationMs);
  }
}

type Counter = Exclude<
  { [K in keyof ConsumerStats]: ConsumerStats[K] extends number ? K : never }[keyof ConsumerStats],
  "durationSumS"
>;
