/** Verdicts as people read them. */
import type { Verdict } from "../claims.js";

export const MARKS: Readonly<Record<Verdict, string>> = {
  goal: "✓",
  floor: "~",
  short: "✗",
  "not measured": "?",
};

export const VERDICT_TEXTS: Readonly<Record<Verdict, string>> = {
  goal: "reaches the goal",
  floor: "holds the floor alone",
  short: "falls short",
  "not measured": "not measured",
};

export const LEGEND = (["goal", "floor", "short", "not measured"] as const)
  .map((verdict) => `${MARKS[verdict]} ${VERDICT_TEXTS[verdict]}`)
  .join(" · ");
