/**
 * Time and turns of the event loop, without a runtime's own modules. Durations are in milliseconds.
 *
 * Timers and the clock are taken when this module loads. Tests put fakes in the place of the global ones, and what is
 * scheduled with those may never be called: a deadline that then never comes, or a batch that is never sent, would
 * outlast the test. `Date` is left to the fakes: it only says when an event was published.
 */

/** By what @sinonjs/fake-timers sets, which vitest, Jest and sinon use, and Jest's own. */
function isFake(found: object): boolean {
  return "clock" in found || "_isMockFunction" in found;
}

/** Where fakes are in place already, whatever is global at the time of the call: they will be taken away again. */
function genuine<F extends (...args: never[]) => unknown>(name: string, found: F): F {
  if (!isFake(found)) return found;
  const current = (...args: Parameters<F>) => Reflect.get(globalThis, name)(...args);
  return current as F; // the global of that name has its type
}

export const setTimeout = genuine("setTimeout", globalThis.setTimeout);
export const clearTimeout = genuine("clearTimeout", globalThis.clearTimeout);
export const setInterval = genuine("setInterval", globalThis.setInterval);
export const clearInterval = genuine("clearInterval", globalThis.clearInterval);

const { setImmediate: immediately } = globalThis as { setImmediate?: (work: () => void) => void };

const isImmediateFake = immediately !== undefined && isFake(immediately);

const clock = globalThis.performance;
const readClock = clock.now;

export const performance: { now: () => number } = {
  now: isFake(readClock) ? () => clock.now() : readClock.bind(clock),
};

/** The longest that a timer can be set to. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** Runs `work` once the current turn of the event loop is over: what is called meanwhile travels together. */
export function nextTick(work: () => void): void {
  if (immediately === undefined) setTimeout(work, 0);
  else if (!isImmediateFake) immediately(work);
  // That comes too soon, but it comes.
  else void Promise.resolve().then(work);
}

/** Resolves after `ms`. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** A span of between 3/4 and 5/4 of `ms`, so that many processes do not act in step. */
export function jittered(ms: number): number {
  return ms * (0.75 + Math.random() / 2);
}
