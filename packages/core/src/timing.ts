/** Time and turns of the event loop, without a runtime's own modules. Durations are in milliseconds. */

/** Runs `work` once the current turn of the event loop is over: what is called meanwhile travels together. */
export function nextTick(work: () => void): void {
  if (typeof setImmediate === "function") setImmediate(work);
  else setTimeout(work, 0);
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
