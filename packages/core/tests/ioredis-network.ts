/**
 * Networks and servers that misbehave on purpose, for the tests of the adapter.
 */

import { once } from "node:events";
import net from "node:net";
import { onTestFinished } from "vitest";

interface Pair {
  readonly near: net.Socket;
  readonly far: net.Socket;
  frozen: boolean;
  muted: boolean;
}

/** A network between clients and a server. It lasts until the test ends. */
export class Network {
  /** What clients sent, one element for each packet that arrived. */
  readonly packets: Buffer[] = [];
  /** Connections that clients made so far. */
  connections = 0;
  port = 0;
  readonly #target: URL;
  readonly #pairs = new Set<Pair>();
  #server = net.createServer();
  #frozen = false;

  private constructor(target: string) {
    this.#target = new URL(target);
  }

  /** In front of the server with this URL. */
  static async to(target: string): Promise<Network> {
    const network = new Network(target);
    await network.listen();
    onTestFinished(() => {
      network.refuse();
    });
    return network;
  }

  /** The URL by which clients get to the server through this network. */
  get url(): string {
    const url = new URL(this.#target);
    url.host = `127.0.0.1:${this.port}`;
    return url.href;
  }

  /** Nothing passes any more, either way, and nothing is closed: the cable is pulled. */
  freeze(): void {
    this.#frozen = true;
    for (const pair of this.#pairs) pair.frozen = true;
  }

  /** The same for one of the connections that are there, by the order in which they were made. */
  freezeOne(index: number): void {
    const pair = [...this.#pairs][index];
    if (pair === undefined) throw new Error(`there is no connection ${index}`);
    pair.frozen = true;
  }

  /** New connections pass again; the frozen ones stay frozen, as behind a router that forgot them. */
  thaw(): void {
    this.#frozen = false;
  }

  /** Requests pass and are executed, replies do not come. */
  mute(): void {
    for (const pair of this.#pairs) pair.muted = true;
  }

  /** Breaks every connection, but for the one of this index by the order in which they were made. */
  cut(keep?: number): void {
    for (const [index, { near, far }] of [...this.#pairs].entries()) {
      if (index === keep) continue;
      near.resetAndDestroy();
      far.destroy();
    }
  }

  /** Breaks every connection but `keep`, and refuses new ones. */
  refuse(keep?: number): void {
    this.#server.close();
    this.cut(keep);
  }

  /** Takes connections, at the same port as before. */
  async listen(): Promise<void> {
    this.#server = net.createServer((near) => this.#connect(near));
    this.#server.listen(this.port, "127.0.0.1");
    await once(this.#server, "listening");
    this.port = portOf(this.#server);
  }

  #connect(near: net.Socket): void {
    this.connections++;
    const far = net.connect(Number(this.#target.port), this.#target.hostname);
    const pair: Pair = { near, far, frozen: this.#frozen, muted: false };
    this.#pairs.add(pair);
    near.on("data", (data) => {
      this.packets.push(data);
      if (!pair.frozen) far.write(data);
    });
    far.on("data", (data) => {
      if (!pair.frozen && !pair.muted) near.write(data);
    });
    near
      .on("error", () => {})
      .on("close", () => {
        this.#pairs.delete(pair);
        far.destroy();
      });
    far
      .on("error", () => {})
      .on("close", () => {
        if (!pair.frozen) near.destroy();
      });
  }
}

/** What a made-up server answers: bytes of RESP, nothing, or the end of the connection. */
export type Answer = string | undefined | typeof HANG_UP;

export const HANG_UP = Symbol("hang up");

/**
 * A server that answers each command by a function, until the test ends.
 *
 * @returns its URL.
 */
export async function madeUpServer(answer: (command: string[]) => Answer): Promise<string> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("data", (data) => {
      for (const command of commandsIn(data.toString())) {
        const reply = answer(command);
        if (reply === HANG_UP) socket.end();
        else if (reply !== undefined) socket.write(reply);
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return `redis://127.0.0.1:${portOf(server)}`;
}

/** The commands in one packet; what tests send fits into one. */
function commandsIn(data: string): string[][] {
  return data
    .split(/(?:^|(?<=\n))\*\d+\r\n/)
    .filter((part) => part !== "")
    .map((part) => part.split("\r\n").filter((line) => line !== "" && !line.startsWith("$")));
}

function portOf(server: net.Server): number {
  const address = server.address();
  if (address === null || typeof address === "string")
    throw new Error("the server does not listen on a port");
  return address.port;
}
