/**
 * The smallest client that start-up, cluster assembly and clean-up need: RESP2 over one connection, replies
 * in the order asked. It has no pooling and never reconnects; clients proper are for the packages under test.
 */

import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

export type Reply = string | number | null | Reply[];

/** An error that the server replied with, in its own words. */
export class ReplyError extends Error {
  override readonly name = "ReplyError";
}

interface Waiting {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** Reads one reply at `at`; `undefined` while it is incomplete. */
function parse(buffer: Buffer, at: number): { reply: Reply | ReplyError; next: number } | undefined {
  const end = buffer.indexOf("\r\n", at);
  if (end < 0) return undefined;
  const text = buffer.toString("utf8", at + 1, end);
  const next = end + 2;
  switch (buffer.toString("latin1", at, at + 1)) {
    case "+":
      return { reply: text, next };
    case "-":
      return { reply: new ReplyError(text), next };
    case ":":
      return { reply: Number(text), next };
    case "$": {
      const length = Number(text);
      if (length < 0) return { reply: null, next };
      if (buffer.length < next + length + 2) return undefined;
      return { reply: buffer.toString("utf8", next, next + length), next: next + length + 2 };
    }
    case "*": {
      if (Number(text) < 0) return { reply: null, next };
      const items: Reply[] = [];
      let position = next;
      for (let index = 0; index < Number(text); index++) {
        const item = parse(buffer, position);
        if (item === undefined) return undefined;
        // None of our commands nests errors (only EXEC does), so the text is enough.
        items.push(item.reply instanceof ReplyError ? item.reply.message : item.reply);
        position = item.next;
      }
      return { reply: items, next: position };
    }
    default:
      throw new Error(`read a reply: ${JSON.stringify(text.slice(0, 80))} is not RESP2`);
  }
}

export class RespConnection {
  readonly #socket: Socket;
  readonly #deadlineMs: number;
  readonly #waiting: Waiting[] = [];
  #received: Buffer = Buffer.alloc(0);
  #closed: Error | undefined;

  /**
   * Connects, authenticates and selects the database that the URL names (`redis:` or `rediss:`).
   *
   * @param options.deadlineMs for connecting and then for each command; 5,000 by default. Over it the
   *   connection is closed and what waits is rejected.
   */
  static async connect(url: string | URL, { deadlineMs = 5_000 } = {}): Promise<RespConnection> {
    const target = new URL(url);
    const host = target.hostname.replace(/^\[|\]$/g, "");
    const port = Number(target.port || 6379);
    const socket =
      target.protocol === "rediss:"
        ? connectTls({ host, port, servername: host })
        : connectTcp({ host, port });
    const connection = new RespConnection(socket, deadlineMs);
    try {
      // PING also serves as the wait for the connection: a command is written once the socket is open.
      if (target.password !== "") {
        const user = target.username === "" ? [] : [decodeURIComponent(target.username)];
        await connection.command("AUTH", ...user, decodeURIComponent(target.password));
      }
      const database = target.pathname.replace("/", "");
      if (database !== "" && database !== "0") await connection.command("SELECT", database);
      if (target.password === "") await connection.command("PING").catch(ignoreReplyError);
    } catch (error) {
      connection.close();
      throw error;
    }
    return connection;
  }

  private constructor(socket: Socket, deadlineMs: number) {
    this.#socket = socket;
    this.#deadlineMs = deadlineMs;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#onData(chunk));
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Error("the server closed the connection")));
  }

  /**
   * Sends one command. Rejects with ReplyError for an error reply, with another error when the connection is
   * lost.
   */
  command(...args: readonly (string | number)[]): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#closed !== undefined) return reject(this.#closed);
      const timer = setTimeout(
        () => this.#fail(new Error(`no reply to ${args[0]} within ${this.#deadlineMs} ms`)),
        this.#deadlineMs,
      );
      this.#waiting.push({ resolve, reject, timer });
      const bulks = args.map(String).map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`);
      this.#socket.write(`*${args.length}\r\n${bulks.join("")}`);
    });
  }

  close(): void {
    this.#fail(new Error("the connection was closed"));
  }

  #onData(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    try {
      let at = 0;
      for (let parsed = parse(this.#received, at); parsed !== undefined; parsed = parse(this.#received, at)) {
        at = parsed.next;
        const waiting = this.#waiting.shift();
        clearTimeout(waiting?.timer);
        if (parsed.reply instanceof ReplyError) waiting?.reject(parsed.reply);
        else waiting?.resolve(parsed.reply);
      }
      this.#received = this.#received.subarray(at);
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #fail(error: Error): void {
    if (this.#closed !== undefined) return;
    this.#closed = error;
    this.#socket.destroy();
    for (const { reject, timer } of this.#waiting.splice(0)) {
      clearTimeout(timer);
      reject(error);
    }
  }
}

function ignoreReplyError(error: unknown): void {
  if (!(error instanceof ReplyError)) throw error;
}

/** Opens a connection for `use` and closes it after. */
export async function withConnection<T>(
  url: string | URL,
  use: (connection: RespConnection) => Promise<T>,
  options?: { readonly deadlineMs?: number },
): Promise<T> {
  const connection = await RespConnection.connect(url, options);
  try {
    return await use(connection);
  } finally {
    connection.close();
  }
}

/** The `field:value` lines of INFO, or of CLUSTER INFO. */
export function parseInfo(reply: Reply): ReadonlyMap<string, string> {
  const lines = String(reply).split("\r\n");
  return new Map(
    lines.flatMap((line) => {
      const colon = line.indexOf(":");
      return colon < 0 || line.startsWith("#")
        ? []
        : [[line.slice(0, colon), line.slice(colon + 1)] as const];
    }),
  );
}

/** `redis 7.0.15` or `valkey 8.1.1`, from INFO's `server` section. */
export function productOf(info: ReadonlyMap<string, string>): string {
  const valkey = info.get("valkey_version");
  return valkey === undefined
    ? `redis ${info.get("redis_version") ?? "of unknown version"}`
    : `valkey ${valkey}`;
}
