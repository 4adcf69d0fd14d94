/**
 * Draining when the process is told to end, so that work in hand is finished or given back instead of running
 * into its lease. The process is passed in: core knows no runtime.
 */

import { InvalidOptionError } from "../errors.js";
import { performance } from "../timing.js";

const SIGNALS = ["SIGTERM", "SIGINT"] as const;

/**
 * For how long after the first signal another one is its echo, in milliseconds: a task runner passes on what the
 * terminal has sent to every process already, so that one Ctrl-C arrives twice.
 */
const ECHO_MS = 250;

/** A signal at which a bus can be drained. */
export type DrainSignal = (typeof SIGNALS)[number];

/** As much of `node:process` as it takes; Deno and Bun have it too. */
export interface SignalProcess {
  readonly pid: number;
  on(signal: DrainSignal, listener: (signal: DrainSignal) => void): unknown;
  off(signal: DrainSignal, listener: (signal: DrainSignal) => void): unknown;
  listenerCount(signal: DrainSignal): number;
  kill(pid: number, signal: DrainSignal): unknown;
}

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
 * process in its own way. A second signal does not wait, unless it is an echo of the first.
 *
 * @returns the way to stop listening.
 */
export function drainAt(
  process: SignalProcess,
  signals: readonly DrainSignal[],
  drain: () => Promise<void>,
): () => void {
  let drainingSince: number | undefined;
  const stop = () => {
    for (const signal of signals) process.off(signal, onSignal);
  };
  const finish = (signal: DrainSignal) => {
    stop();
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  };
  const onSignal = (signal: DrainSignal) => {
    if (drainingSince !== undefined) {
      if (performance.now() - drainingSince >= ECHO_MS) finish(signal);
      return;
    }
    drainingSince = performance.now();
    const finished = () => finish(signal);
    drain().then(finished, finished);
  };
  for (const signal of signals) process.on(signal, onSignal);
  return stop;
}
