/** Tenants for simulated workers: quiet ones, noisy ones, and what the quiet ones make of the noisy ones. */
import type { FairOrder } from "../../src/worker/dispatch.js";
import { type Load, percentile, type Run, type Scenario, type Story, simulate } from "./simulation.js";

export const CONCURRENCY = 64;
/** Slots that a lane has at first, beside others. */
const FIRST_WINDOW = 8;
/** Handlers of quiet tenants take 5 to 15 ms. */
const QUIET_MS = 10;

const quietMs = (_now: number, random: () => number) => QUIET_MS / 2 + QUIET_MS * random();

/** 99 tenants that together need this part of all slots, in events at random moments. */
export function quietTenants(part: number): readonly Load[] {
  const perSecond = (part * CONCURRENCY * 1_000) / QUIET_MS / 99;
  return Array.from({ length: 99 }, (_, at) => ({ tenantId: `quiet-${at}`, perSecond, handlerMs: quietMs }));
}

/** Tenants with so many events each, all at once. */
export function noisyTenants(
  count: number,
  load: Omit<Load, "tenantId" | "perSecond">,
  name = "noisy",
): readonly Load[] {
  return Array.from({ length: count }, (_, at) => ({ tenantId: `${name}-${at}`, ...load }));
}

/** A handler time spread like most are: many short, few long. */
export function spread(meanMs: number): (now: number, random: () => number) => number {
  return (_now, random) => -Math.log(1 - random()) * meanMs;
}

export const isQuiet = ({ tenantId }: Story) => tenantId.startsWith("quiet");

export function story(run: Run, tenantId: string): Story {
  const found = run.stories.get(tenantId);
  if (found === undefined) throw new Error(`no tenant '${tenantId}' in the run`);
  return found;
}

/** Waits of events of all quiet tenants that began from then on, the 99th percentile. */
export function quietP99(run: Run, fromMs = 0): number {
  const waits = [...run.stories.values()]
    .filter(isQuiet)
    .flatMap(({ waitsMs, begunAt }) => waitsMs.filter((_, at) => (begunAt[at] ?? 0) >= fromMs));
  if (waits.length === 0) throw new Error("quiet tenants have begun nothing");
  return percentile(waits, 99);
}

/** How many events of the tenant began within that time. */
export function begunWithin({ begunAt }: Story, fromMs: number, toMs: number): number {
  return begunAt.filter((at) => at >= fromMs && at < toMs).length;
}

/**
 * Runs a scenario, and asserts after each step that no slot is free while quick work could have it: by the order's own
 * account, and by that of the run for quiet tenants.
 */
export function run(scenario: Scenario): Run {
  const ran = new Map<string, Story>();
  const result = simulate({
    ...scenario,
    onStory: (one) => ran.set(one.tenantId, one),
    afterStep: (order, now) => {
      expectNoIdleSlot(order, now, ran);
      scenario.afterStep?.(order, now);
    },
  });
  return result;
}

function expectNoIdleSlot(order: FairOrder, now: number, stories: ReadonlyMap<string, Story>): void {
  if (order.free === 0) return;
  const unserved = order.unserved();
  if (unserved !== undefined) throw new Error(`at ${now}: '${unserved.tenantId}' waits beside a free slot`);
  for (const one of stories.values()) {
    if (isQuiet(one) && one.waiting > 0 && one.ended > 0 && one.running < FIRST_WINDOW) {
      throw new Error(`at ${now}: quiet '${one.tenantId}' waits beside ${order.free} free slots`);
    }
  }
}
