/**
 * A worker without Redis, in virtual time: tenants get events, the order under test says which begins when, and a handler
 * is nothing but the time that it takes. The same seed makes the same run.
 */
import { FairOrder, type FairOrderSettings } from "../../src/worker/dispatch.js";
import { Heap, type HeapItem } from "../../src/worker/heap.js";

/** Numbers from 0 to 1, always the same for a seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Events of one tenant: a number at once, or now and then. */
export interface Load {
  readonly tenantId: string;
  /** When the first come; 0 unless given. */
  readonly fromMs?: number;
  /** When the last come, for those that come now and then; the end unless given. */
  readonly untilMs?: number;
  /** How many come at once. */
  readonly backlog?: number;
  /** How many come in a second, at random moments. */
  readonly perSecond?: number;
  /** What a handler takes: its length, or a function of when it begins. */
  readonly handlerMs: number | ((now: number, random: () => number) => number);
}

export interface Scenario extends Partial<FairOrderSettings> {
  readonly loads: readonly Load[];
  readonly durationMs: number;
  readonly seed?: number;
  /** Called with each tenant's story before it begins. */
  readonly onStory?: (story: Story) => void;
  /** Called after each step, with everything that may run running. */
  readonly afterStep?: (order: FairOrder, now: number) => void;
}

/** What became of a tenant's events. */
export class Story {
  /** How long each event that has begun waited, in the order in which they began; and when each began. */
  readonly waitsMs: number[] = [];
  readonly begunAt: number[] = [];
  /** Handler time of attempts until they ended, or the run did. */
  busyMs = 0;
  running = 0;
  mostRunning = 0;
  ended = 0;
  /** Those that wait, by when they came. */
  private readonly arrivals: { readonly at: number; count: number }[] = [];
  private first = 0;
  waiting = 0;

  constructor(readonly tenantId: string) {}

  come(now: number, count: number): void {
    this.arrivals.push({ at: now, count });
    this.waiting += count;
  }

  begins(now: number): void {
    const arrival = this.arrivals[this.first];
    if (arrival === undefined) throw new Error(`tenant '${this.tenantId}' begins an event that never came`);
    arrival.count -= 1;
    if (arrival.count === 0) this.first += 1;
    this.waiting -= 1;
    this.waitsMs.push(now - arrival.at);
    this.begunAt.push(now);
    this.running += 1;
    this.mostRunning = Math.max(this.mostRunning, this.running);
  }
}

interface Happening extends HeapItem {
  readonly at: number;
  readonly happens: () => void;
}

export interface Run {
  readonly stories: ReadonlyMap<string, Story>;
  readonly order: FairOrder;
  /** Slots that ran, on average, of all. */
  readonly busy: number;
}

const TICK_MS = 50;

export function simulate(scenario: Scenario): Run {
  const { loads, durationMs, seed = 1, concurrency = 64, tenantConcurrency, afterStep } = scenario;
  const random = seeded(seed);
  const order = new FairOrder({ concurrency, tenantConcurrency, weight: scenario.weight ?? (() => 1) }, 0);
  const future = new Heap<Happening>((a, b) => a.at < b.at);
  const stories = new Map<string, Story>();
  const handlers = new Map<Story, Load["handlerMs"]>();
  let now = 0;
  let slotMs = 0;

  const plan = (at: number, happens: () => void) => future.put({ at, happens, heapIndex: -1 });
  const come = (story: Story, count: number) => {
    story.come(now, count);
    order.ready(story.tenantId, story.waiting, now);
  };

  for (const load of loads) {
    const { tenantId, fromMs = 0, untilMs = durationMs, backlog, perSecond } = load;
    const story = stories.get(tenantId) ?? new Story(tenantId);
    if (!stories.has(tenantId)) scenario.onStory?.(story);
    stories.set(tenantId, story);
    handlers.set(story, load.handlerMs);
    if (backlog !== undefined) plan(fromMs, () => come(story, backlog));
    if (perSecond !== undefined) {
      const gapMs = () => (-Math.log(1 - random()) * 1_000) / perSecond;
      const nextAt = (at: number): void => {
        if (at < untilMs) {
          plan(at, () => {
            come(story, 1);
            nextAt(now + gapMs());
          });
        }
      };
      nextAt(fromMs + gapMs());
    }
  }

  const beginAll = () => {
    for (let lane = order.next(); lane !== undefined; lane = order.next()) {
      const story = stories.get(lane.tenantId);
      const handlerMs = story && handlers.get(story);
      if (story === undefined || handlerMs === undefined) throw new Error(`no tenant '${lane.tenantId}'`);
      const beganAt = now;
      story.begins(now);
      const slot = order.begun(lane, now);
      const ms = typeof handlerMs === "number" ? handlerMs : handlerMs(now, random);
      const untilEnd = Math.min(ms, durationMs - beganAt);
      story.busyMs += untilEnd;
      slotMs += untilEnd;
      plan(now + ms, () => {
        story.running -= 1;
        story.ended += 1;
        order.ended(slot, now);
      });
    }
  };
  const tick = () => {
    order.tick(now);
    plan(now + TICK_MS, tick);
  };
  plan(TICK_MS, tick);

  for (let next = future.top; next !== undefined && next.at <= durationMs; next = future.top) {
    future.remove(next);
    now = next.at;
    next.happens();
    // What happens at one moment happens before anything begins in it.
    if (future.top?.at === now) continue;
    beginAll();
    afterStep?.(order, now);
  }
  return { stories, order, busy: slotMs / (concurrency * durationMs) };
}

/** The nearest-rank percentile; 0 of nothing. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? 0;
}
