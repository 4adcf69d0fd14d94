/** Numbers as people read them: three digits that count, since the spread is seldom below a hundredth. */
import type { Claim } from "../claims.js";
import type { Summary } from "../statistics.js";

const DIGITS = 3;
/** `0.0156` is 0.016: below a thousandth nothing that is measured here matters. */
const MAX_DECIMALS = 3;
const RATIO_DECIMALS = 2;

/** `62,100`, `411`, `16.2`, `4.72`, `0.016`. */
export function figure(value: number): string {
  const magnitude = value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value)));
  const decimals = DIGITS - 1 - magnitude;
  const rounded = decimals < 0 ? Math.round(value * 10 ** decimals) / 10 ** decimals : value;
  const shown = Math.min(MAX_DECIMALS, Math.max(0, value === 0 ? 0 : decimals));
  return decimal(rounded, shown);
}

/** With a comma between thousands. */
function decimal(value: number, decimals: number): string {
  return value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

/** The quartiles: `60,900–63,000`. */
export function spread({ q1, q3 }: Summary): string {
  return `${figure(q1)}–${figure(q3)}`;
}

/** `1.29 ×`. */
export function times(value: number): string {
  return `${value.toFixed(RATIO_DECIMALS)} ×`;
}

/**
 * A claim's figure, rounded to the side that is worse for us: what is shown never looks better than what was
 * measured, and never as if it had reached a bound that it missed.
 */
export function claimed(claim: Claim, value: number): string {
  return `${claimedNumber(claim, value)}${unitOf(claim)}`;
}

/** The quartiles of a claim's figure, rounded likewise. */
export function claimedSpread(claim: Claim, { q1, q3 }: Summary): string {
  return `${claimedNumber(claim, q1)}–${claimed(claim, q3)}`;
}

/** What is no ratio has its unit in the claim's text. */
function unitOf({ kind }: Claim): string {
  return kind === "ratio" ? " ×" : "";
}

function claimedNumber(claim: Claim, value: number): string {
  const { direction, kind } = claim;
  const magnitude = Math.floor(Math.log10(Math.max(value, 1)));
  const decimals = kind === "ratio" ? RATIO_DECIMALS : DIGITS - 1 - magnitude;
  const scale = 10 ** decimals;
  // What floating point adds, as in 1.1 × 100, is not worse.
  const scaled = Number((value * scale).toPrecision(12));
  const worse = (direction === "atLeast" ? Math.floor(scaled) : Math.ceil(scaled)) / scale;
  return decimal(worse, Math.max(0, decimals));
}

/** A bound of a claim: `≥ 1.3 ×`, `≤ 100`. */
export function bound(claim: Claim, value: number): string {
  const sign = claim.direction === "atLeast" ? "≥" : "≤";
  return `${sign} ${value.toLocaleString("en-US")}${unitOf(claim)}`;
}
