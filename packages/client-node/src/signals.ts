/**
 * Draining when the process is told to end, so that work in hand is finished or given back instead of running
 * into its lease.
 */

import { InvalidOptionError } from "@sluice/core";

const SIGNALS = ["SIGTERM", "SIGINT"] as const;

/** A signal at which a bus can be drained. */
export type DrainSignal = (typeof SIGNALS)[number];

/**
 * Reads the option `signals`.
 *
 * @throws {InvalidOptionError} for anything but a boolean or a list of signals.
 */
export function signalsOf(option: unknown): readonly DrainSignal[] {
  if (option === undefined || option === false) return [];
  if (option === true) return SIGNALS;
  if (Array.isArray(option)) {
    const known = SIGNALS.filter((signal) => option.includes(signal));
    if (option.every((one) => SIGNALS.includes(one))) return known;
  }
  const value = Array.isArray(option) ? option.join(", ") : option;
  throw new InvalidOptionError({
    option: "signals",
    value,
    wanted: 'true, false, or a list of "SIGTERM" and "SIGINT"',
  });
}

/**
 * Calls `drain` at the first of the signals, and lets the signal take its usual effect afterwards: by then
 * nobody listens for it any more, unless another bus still drains or the user's code listens too and ends the
 * process in its own way. A second signal does not wait.
 *
 * @returns the way to stop listening.
 */
export function drainAt(signals: readonly DrainSignal[], drain: () => Promise<void>): () => void {
  let draining = false;
  const stop = () => {
    for (const signal of signals) process.off(signal, onSignal);
  };
  const finish = (signal: DrainSignal) => {
    stop();
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  };
  const onSignal = (signal: DrainSignal) => {
    if (draining) {
      finish(signal);
      return;
    }
    draining = true;
    const finished = () => finish(signal);
    drain().then(finished, finished);
  };
  for (const signal of signals) process.on(signal, onSignal);
  return stop;
}
