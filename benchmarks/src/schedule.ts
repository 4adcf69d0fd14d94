/** In which order contenders take their turns. */

export interface Rounds {
  /** Rounds that count. */
  readonly runs: number;
  /** One round before them, which is thrown away: compilers have done their work by then. */
  readonly warmUp: boolean;
}

export interface Round<T> {
  readonly counts: boolean;
  readonly last: boolean;
  readonly order: readonly T[];
}

/**
 * Rounds in which each contender takes its turn once. Each round begins one further down the list than the one before,
 * so that none is always first, and what drifts during a run (clock rate, memory of the server) meets all alike.
 */
export function schedule<T>(contenders: readonly T[], { runs, warmUp }: Rounds): readonly Round<T>[] {
  const rounds = runs + (warmUp ? 1 : 0);
  return Array.from({ length: rounds }, (_, round) => {
    const first = contenders.length === 0 ? 0 : round % contenders.length;
    return {
      counts: round > 0 || !warmUp,
      last: round === rounds - 1,
      order: [...contenders.slice(first), ...contenders.slice(0, first)],
    };
  });
}
