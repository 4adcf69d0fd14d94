/**
 * The second run of a case, through workers: its `consumer` steps open workers that serve the tenant of the step alone,
 * and everything else of the case stays as it is.
 */

import type { Case, Step } from "../case.js";

/** The case as it is run through workers; nothing for a case without consumers, or one that is about consumers only. */
export function throughWorkers(one: Case): readonly Case[] {
  if (one.consumerOnly !== undefined || !opensConsumers(one.steps)) return [];
  return [{ ...one, id: `${one.id} (worker)`, through: "worker" }];
}

export function opensConsumers(steps: readonly Step[]): boolean {
  return steps.some(({ verb, input }) => {
    if (verb === "together") return opensConsumers(input as readonly Step[]); // load.ts has read them
    if (verb === "repeat") return opensConsumers((input as { steps: readonly Step[] }).steps); // as above
    return verb === "consumer";
  });
}
