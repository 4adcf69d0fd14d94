/**
 * MONITOR on a connection of its own, by hand: ioredis takes the first lines for replies when they come right behind
 * that to MONITOR, as they do from a busy server.
 */

import { connect as connectPlain, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { connect as connectTls } from "node:tls";

/** A command as the server carried it out. */
export interface Seen {
  /** In lower case, without a subcommand. */
  readonly command: string;
  /** The first argument as MONITOR writes it, escaped. */
  readonly argument: string;
  /** Called in a script, rather than sent by a client. */
  readonly inScript: boolean;
}

/**
 * Tells every command from when it resolves until it is disposed of. Undefined if the server refuses it.
 */
export async function monitor(url: string, onSeen: (seen: Seen) => void): Promise<Disposable | undefined> {
  const { protocol, hostname: host, port, username, password } = new URL(url);
  const address = { host, port: Number(port || 6379) };
  const socket: Socket = protocol === "rediss:" ? connectTls(address) : connectPlain(address);
  const login = [username, password].filter((part) => part !== "").map(decodeURIComponent);
  if (login.length > 0) socket.write(encode("AUTH", ...login));
  socket.write(encode("MONITOR"));
  const watching = await new Promise<boolean>((resolve) => {
    const fail = () => resolve(false);
    socket.on("error", fail).on("close", fail);
    createInterface(socket).on("line", (line) => {
      // One OK for the login, if there was one, and one for MONITOR.
      if (line.startsWith("-")) fail();
      else if (line === "+OK") login.length > 0 ? login.splice(0) : resolve(true);
      else {
        const seen = parse(line);
        if (seen) onSeen(seen);
      }
    });
  });
  if (watching) return { [Symbol.dispose]: () => socket.destroy() };
  socket.destroy();
  return undefined;
}

/** `+1795464460.867181 [0 127.0.0.1:42424] "xgroup" "CREATE" …`, or `[0 lua]`. */
function parse(line: string): Seen | undefined {
  const [, source, command = "", argument = ""] =
    /^\+[\d.]+ \[\d+ ([^\]]*(?:\][^\]]*)?)\] "([^"]*)"(?: "([^"]*))?/.exec(line) ?? [];
  if (source === undefined) return undefined;
  return { command: command.toLowerCase(), argument, inScript: source === "lua" };
}

function encode(...parts: readonly string[]): string {
  const bulks = parts.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`);
  return `*${parts.length}\r\n${bulks.join("")}`;
}
