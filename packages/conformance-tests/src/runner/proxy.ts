/**
 * A TCP proxy between clients and the server: connections can be cut, refused, and their replies kept back, on
 * any server and without its doing. It can also put other scripts in the place of those that clients ask for.
 */

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { Rewrite } from "./rewrite.js";

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Both ends of one client's connection. */
interface Pair {
  readonly client: Socket;
  readonly server: Socket;
}

export class TcpProxy implements AsyncDisposable {
  private readonly pairs = new Set<Pair>();
  private open = true;
  /** Replies that are still to be kept back, each with its connection. */
  private swallowing = 0;
  private readonly listener = createServer((client) => this.accept(client));

  private constructor(
    private readonly target: Address,
    private readonly rewriter: (() => Rewrite) | undefined,
  ) {}

  /** @param rewriter makes, for each connection, what changes the bytes that clients send. */
  static async start(target: Address, rewriter?: () => Rewrite): Promise<TcpProxy> {
    const proxy = new TcpProxy(target, rewriter);
    proxy.listener.listen(0, "127.0.0.1");
    await once(proxy.listener, "listening");
    return proxy;
  }

  get address(): Address {
    const { port } = this.listener.address() as AddressInfo; // it listens on TCP
    return { host: "127.0.0.1", port };
  }

  /** Ends every connection at once; new ones are taken. */
  cut(): void {
    for (const pair of this.pairs) this.end(pair);
  }

  /** Takes new connections, or ends them as they come and cuts those there are. */
  allow(open: boolean): void {
    this.open = open;
    if (!open) this.cut();
  }

  /** Keeps back the next replies to script calls, and cuts each one's connection. The call has run. */
  swallow(replies: number): void {
    this.swallowing = replies;
  }

  async close(): Promise<void> {
    this.cut();
    if (!this.listener.listening) return;
    this.listener.close();
    await once(this.listener, "close");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private accept(client: Socket): void {
    if (!this.open) {
      client.destroy();
      return;
    }
    const server = connect(this.target);
    const pair = { client, server };
    this.pairs.add(pair);
    client.setNoDelay(true);
    server.setNoDelay(true);
    for (const socket of [client, server]) {
      socket.on("error", () => {});
      socket.on("close", () => this.end(pair));
    }
    const rewrite = this.rewriter?.();
    let callsScript = false;
    client.on("data", (bytes) => {
      callsScript = /EVALSHA|EVAL\b/i.test(bytes.toString("latin1"));
      server.write(rewrite === undefined ? bytes : rewrite(bytes));
    });
    server.on("data", (bytes) => {
      // Blocking reads are answered too: only a reply to a script call is one that somebody counts on.
      if (this.swallowing > 0 && callsScript) {
        this.swallowing -= 1;
        this.end(pair);
        return;
      }
      client.write(bytes);
    });
  }

  private end(pair: Pair): void {
    if (!this.pairs.delete(pair)) return;
    pair.client.destroy();
    pair.server.destroy();
  }
}
