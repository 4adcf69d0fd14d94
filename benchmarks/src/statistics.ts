/** What a row of samples comes to. Medians and quartiles, since a busy machine throws single rounds far off. */

export interface Summary {
  readonly median: number;
  /** First quartile. */
  readonly q1: number;
  /** Third quartile. */
  readonly q3: number;
  readonly min: number;
  readonly max: number;
}

/**
 * The value below which the share `share` (0 to 1) of the values lies, interpolated between the two nearest: type 7
 * of Hyndman and Fan, Sample Quantiles in Statistical Packages, 1996.
 *
 * @throws RangeError for no values
 */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const below = sorted[Math.floor(at)];
  const above = sorted[Math.ceil(at)];
  if (below === undefined || above === undefined) throw new RangeError("quantile of no values: one at least");
  return below + (above - below) * (at - Math.floor(at));
}

/** @throws RangeError for no values */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** @throws RangeError for no values */
export function quartiles(values: readonly number[]): { readonly q1: number; readonly q3: number } {
  return { q1: quantile(values, 0.25), q3: quantile(values, 0.75) };
}

/** Undefined for no values, and for values of which one is no number: a figure of such would be made up. */
export function summarize(values: readonly number[]): Summary | undefined {
  if (values.length === 0 || !values.every(Number.isFinite)) return undefined;
  return {
    median: median(values),
    ...quartiles(values),
    min: Math.min(...values),
    max: Math.max(...values),
  };
}

/**
 * How many times the peer's figure ours is, round by round: what slows a whole round slows both, and so goes out of
 * the ratio. It is not the ratio of the medians, which may come from different rounds.
 *
 * Undefined where rounds are missing on either side, or the peer's figure is 0.
 */
export function pairedRatio(ours: readonly number[], peer: readonly number[]): Summary | undefined {
  if (ours.length !== peer.length) return undefined;
  return summarize(ours.map((value, round) => value / (peer[round] ?? Number.NaN)));
}
