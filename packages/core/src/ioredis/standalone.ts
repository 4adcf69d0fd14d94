/**
 * A connection to one server, or to the master that Sentinel names: one link.
 */

import type { BellListener, Bells } from "../bells.js";
import type { Connection, RedisNode, Request, SendOptions } from "../connection.js";
import { ClosedError } from "../errors.js";
import { refuseSecond, SingleBells } from "./bells.js";
import { Link, type LinkOptions } from "./link.js";
import { Listeners } from "./listeners.js";

export class StandaloneConnection implements Connection {
  readonly #options: Omit<LinkOptions, "onReconnect">;
  readonly #reconnects = new Listeners();
  readonly #link: Link;
  #bells: SingleBells | undefined;
  #closed = false;

  constructor(options: Omit<LinkOptions, "onReconnect">) {
    this.#options = options;
    this.#link = new Link({ ...options, onReconnect: () => this.#reconnects.call() });
  }

  send(requests: readonly Request[], options: SendOptions): Promise<readonly unknown[]> {
    return this.#link.send(requests, options);
  }

  async nodes(): Promise<readonly RedisNode[]> {
    return [this.#link];
  }

  duplicate(): Connection {
    if (this.#closed) throw new ClosedError({ attempted: "duplicate", closed: "connection" });
    return new StandaloneConnection(this.#options);
  }

  onReconnect(listener: () => void): () => void {
    return this.#reconnects.add(listener);
  }

  bells(listener: BellListener): Bells {
    if (this.#closed) throw new ClosedError({ attempted: "bells", closed: "connection" });
    refuseSecond(this.#bells);
    this.#bells = new SingleBells(this.#link, listener);
    return this.#bells;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([this.#bells?.close(), this.#link.close()]);
  }
}
