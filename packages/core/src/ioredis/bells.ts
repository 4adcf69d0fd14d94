/** The bells of a connection to one server, and what those of a Cluster share with them. */

import type { BellListener, Bells, Polled } from "../bells.js";
import { clearTimeout, setTimeout } from "../timing.js";
import type { Link } from "./link.js";
import { Listeners } from "./listeners.js";
import { NodeBell } from "./node-bell.js";

export class SingleBells implements Bells {
  readonly #bell: NodeBell;
  readonly #settling = new Settling(() => this.#bell.settled);

  constructor(link: Link, listener: BellListener) {
    this.#bell = new NodeBell(link, {
      ring: (key) => listener.ring(key),
      deaf: () => listener.deaf("all"),
      onSettled: () => this.#settling.look(),
    });
  }

  get closed(): boolean {
    return this.#bell.closed;
  }

  async settled(deadlineMs: number): Promise<Polled | undefined> {
    await this.#settling.wait(deadlineMs);
    return this.polled();
  }

  polled(): Polled | undefined {
    const { trouble } = this.#bell;
    return trouble === undefined ? undefined : { slots: "all", ...trouble };
  }

  close(): Promise<void> {
    const closed = this.#bell.close();
    this.#settling.look();
    return closed;
  }
}

/** Waits until something holds, which others look at when it may have come to. */
export class Settling {
  readonly #holds: () => boolean;
  readonly #listeners = new Listeners();

  constructor(holds: () => boolean) {
    this.#holds = holds;
  }

  look(): void {
    if (this.#holds()) this.#listeners.call();
  }

  wait(deadlineMs: number): Promise<void> {
    if (this.#holds()) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        leave();
        resolve();
      };
      const timer = setTimeout(done, deadlineMs);
      const leave = this.#listeners.add(done);
    });
  }
}

/** A server redirects what a connection has read to one subscriber only. */
export function refuseSecond(bells: { readonly closed: boolean } | undefined): void {
  if (bells !== undefined && !bells.closed)
    throw new Error("open the bells of a connection: they are open already; close them first");
}
