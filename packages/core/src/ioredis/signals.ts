/**
 * The option `signals`: at which signals a bus is drained, and how the process ends after that. What is done at a signal
 * is `process-signals.ts`.
 */

import { InvalidOptionError } from "../errors.js";

const SIGNALS = ["SIGTERM", "SIGINT"] as const;
const EXITS = ["status", "signal"] as const;

/** A signal at which a bus can be drained. */
export type DrainSignal = (typeof SIGNALS)[number];

/**
 * How the process ends when everything is drained: `"status"` with exit status 0, or 1 if draining failed; `"signal"` by
 * the signal itself, as if nobody had listened for it.
 */
export type DrainExit = (typeof EXITS)[number];

export interface SignalOptions {
  /** At which signals to drain; SIGTERM and SIGINT unless given. */
  readonly on?: readonly DrainSignal[];
  /** How the process ends then; `"status"` unless given. */
  readonly exit?: DrainExit;
}

export interface SignalSettings {
  readonly on: readonly DrainSignal[];
  readonly exit: DrainExit;
}

const WANTED =
  'true, false, a list of "SIGTERM" and "SIGINT", or an object of such a list as "on" and "status" or "signal" as "exit"';

/**
 * Reads the option `signals`.
 *
 * @throws {InvalidOptionError} for anything but a boolean, a list of signals, or both in an object.
 */
export function signalsOf(option: unknown): SignalSettings {
  if (option === undefined || option === false) return { on: [], exit: "status" };
  if (option === true) return { on: SIGNALS, exit: "status" };
  if (Array.isArray(option)) return { on: listOf("signals", option), exit: "status" };
  if (typeof option !== "object" || option === null) {
    throw new InvalidOptionError({ option: "signals", value: option, wanted: WANTED });
  }
  for (const name of Object.keys(option)) {
    if (name === "on" || name === "exit") continue;
    const value: unknown = Reflect.get(option, name);
    throw new InvalidOptionError({ option: `signals.${name}`, value, wanted: WANTED });
  }
  const { on = SIGNALS, exit = "status" } = option as { readonly on?: unknown; readonly exit?: unknown };
  const known = EXITS.find((one) => one === exit);
  if (known === undefined) {
    throw new InvalidOptionError({ option: "signals.exit", value: exit, wanted: '"status" or "signal"' });
  }
  return { on: listOf("signals.on", on), exit: known };
}

function listOf(option: string, value: unknown): readonly DrainSignal[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [];
  const known = SIGNALS.filter((signal) => list.includes(signal));
  if (Array.isArray(value) && list.every((one) => SIGNALS.some((signal) => signal === one))) return known;
  const given = Array.isArray(value)
    ? list.map((one) => (typeof one === "string" ? one : typeof one)).join(", ")
    : value;
  throw new InvalidOptionError({ option, value: given, wanted: 'a list of "SIGTERM" and "SIGINT"' });
}
