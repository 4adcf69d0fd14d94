/**
 * Draining when the process is told to end, so that what is in hand is finished or given back instead of running into
 * its lease. Once for the process: one listener for each signal, whatever the number of buses, and one end when the last
 * of them has drained. The process is passed in: core knows no runtime.
 *
 * The registry hangs on `globalThis`, as the tenant's storage does (`context.ts`): buses of an ESM and a CJS copy end one
 * process together. The number in its name is that of its shape.
 */

import type { DrainExit, DrainSignal, SignalSettings } from "./ioredis/signals.js";
import { performance } from "./timing.js";

const REGISTRY = Symbol.for("sluice.signals/1");

/**
 * For how long after the first signal another one is its echo, in milliseconds: a task runner passes on what the
 * terminal has sent to every process already, so that one Ctrl-C arrives twice.
 */
const ECHO_MS = 250;

/** What a shell adds to a signal's number for its exit status. */
const STATUS_OF_SIGNALS = 128;
const NUMBERS: Readonly<Record<DrainSignal, number>> = { SIGINT: 2, SIGTERM: 15 };

/** As much of `node:process` as it takes; Deno and Bun have it too. */
export interface SignalProcess {
  readonly pid: number;
  on(signal: DrainSignal, listener: (signal: DrainSignal) => void): unknown;
  off(signal: DrainSignal, listener: (signal: DrainSignal) => void): unknown;
  listenerCount(signal: DrainSignal): number;
  kill(pid: number, signal: DrainSignal): unknown;
  exit(status: number): unknown;
}

/** A bus that is to be drained. */
interface Member {
  readonly settings: SignalSettings;
  readonly drain: () => Promise<void>;
}

interface Registry {
  /** Returns the way to leave. */
  join(member: Member): () => void;
}

/**
 * Calls `drain` at the first of the signals, with those of all other buses of the process. When all have drained, the
 * process ends, unless it listens for the signal elsewhere too: then that code ends it in its own way. Another signal
 * does not wait, unless it is an echo of the first.
 *
 * @returns the way to stop listening. Idempotent.
 */
export function drainAt(
  process: SignalProcess,
  settings: SignalSettings,
  drain: () => Promise<void>,
): () => void {
  if (settings.on.length === 0) return () => {};
  return registry(process).join({ settings, drain });
}

function registry(process: SignalProcess): Registry {
  const found: unknown = Reflect.get(globalThis, REGISTRY);
  // The symbol is ours, and only this function puts a value there.
  if (found !== undefined) return found as Registry;
  const made = new SignalRegistry(process);
  Object.defineProperty(globalThis, REGISTRY, { value: made });
  return made;
}

class SignalRegistry implements Registry {
  private readonly members = new Set<Member>();
  private readonly listening = new Set<DrainSignal>();
  private drainingSince: number | undefined;

  constructor(private readonly process: SignalProcess) {}

  join(member: Member): () => void {
    this.members.add(member);
    for (const signal of member.settings.on) {
      if (this.listening.has(signal)) continue;
      this.listening.add(signal);
      this.process.on(signal, this.onSignal);
    }
    return () => {
      this.members.delete(member);
      // While it drains they are needed: another signal ends the process.
      if (this.drainingSince === undefined) this.listenLess();
    };
  }

  /** Stops listening for what no member listens for. */
  private listenLess(): void {
    for (const signal of this.listening) {
      if (this.drainingAt(signal).length > 0) continue;
      this.listening.delete(signal);
      this.process.off(signal, this.onSignal);
    }
  }

  private drainingAt(signal: DrainSignal): Member[] {
    return [...this.members].filter(({ settings }) => settings.on.includes(signal));
  }

  private readonly onSignal = (signal: DrainSignal): void => {
    if (this.drainingSince === undefined) {
      this.drainingSince = performance.now();
      void this.drain(signal);
    } else if (performance.now() - this.drainingSince >= ECHO_MS) {
      this.end(signal, "signal", true);
    }
  };

  private async drain(signal: DrainSignal): Promise<void> {
    let exit: DrainExit = "status";
    let isClean = true;
    // A bus that is opened meanwhile is drained as well.
    for (let next = this.drainingAt(signal); next.length > 0; next = this.drainingAt(signal)) {
      if (next.some(({ settings }) => settings.exit === "signal")) exit = "signal";
      const drained = await Promise.allSettled(next.map(({ drain }) => drain()));
      isClean &&= drained.every(({ status }) => status === "fulfilled");
      for (const member of next) this.members.delete(member);
    }
    this.end(signal, exit, isClean);
    this.drainingSince = undefined;
    this.listenLess();
  }

  /** Ends the process, unless others listen for the signal: it is theirs to end then. */
  private end(signal: DrainSignal, exit: DrainExit, isClean: boolean): void {
    const { process } = this;
    this.listening.delete(signal);
    process.off(signal, this.onSignal);
    if (process.listenerCount(signal) > 0) return;
    if (exit === "status") process.exit(isClean ? 0 : 1);
    // The first process of a container is not ended by its own signals, which is what "by the signal" would mean.
    else if (process.pid === 1) process.exit(STATUS_OF_SIGNALS + NUMBERS[signal]);
    else process.kill(process.pid, signal);
  }
}
