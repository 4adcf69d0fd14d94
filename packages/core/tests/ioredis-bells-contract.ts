/**
 * What bells promise over one server, as tests for one major of ioredis: what rings, and that nothing is lost with the
 * connections.
 */

import { readFileSync } from "node:fs";
import net from "node:net";
import { startServer, type TestServer, uniqueName } from "@sluice/test-server";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { command } from "../src/connection.js";
import { ClosedError } from "../src/errors.js";
import { Heard, ringing, same, tracked, Watcher } from "./ioredis-bells-support.js";
import { HANG_UP, madeUpServer, Network } from "./ioredis-network.js";
import { cmd, run } from "./ioredis-requests.js";
import { DEADLINE_MS, type Ioredis, Opener, userOf } from "./ioredis-support.js";

const deadlineMs = DEADLINE_MS;
const options = { deadlineMs };
const patience = { timeout: deadlineMs };

/** What a user needs beside the commands of its requests. */
const page = readFileSync(new URL("../../../docs/operators.md", import.meta.url), "utf8");
const BELL_RULES = /`(\+client\|id [^`]+)`/.exec(page)?.[1]?.split(" ") ?? [];

export function describeBells(ioredis: Ioredis): void {
  const opener = new Opener(ioredis);
  let own: TestServer;
  let other: Redis;

  beforeAll(async () => {
    own = await startServer();
    other = new Redis(own.url);
  });
  afterAll(async () => {
    other.disconnect();
    await own.stop();
  });

  /** Waits until bells ring again that were lost. */
  async function ringAgain(heard: Heard, times: number): Promise<void> {
    await expect.poll(() => heard.deaf.length, { timeout: 30_000 }).toBe(times);
  }

  async function killOf(kind: "normal" | "pubsub", name: string): Promise<void> {
    const list = String(await other.call("CLIENT", ["LIST", "TYPE", kind]));
    const [line] = list.split("\n").filter((line) => line.includes(` name=${name} `));
    await other.call("CLIENT", ["KILL", "ID", /id=(\d+)/.exec(line ?? "")?.[1] ?? "0"]);
  }

  describe("what rings", () => {
    test("is what was read tracked, once, and again when it was read again; what is missing, when it is made", async () => {
      const connection = opener.to(own.url);
      const { heard } = await ringing(connection);
      expect(heard.deaf).toEqual(["all"]);
      const [here, missing] = [uniqueName("here"), uniqueName("missing,é")];
      const [untracked, end] = [uniqueName("untracked"), uniqueName("end")];
      const since = () => heard.since(connection, end);
      await other.xadd(here, "1-1", "x", "1");
      const look = [tracked("XLEN", here), tracked("XLEN", missing), cmd("XLEN", untracked)];
      expect(await connection.send(look, options)).toEqual([1, 0, 0]);
      for (const key of [untracked, here, missing, here, missing]) await other.xadd(key, "*", "x", "1");
      expect(await since()).toEqual([here, missing]);
      await connection.send([tracked("XLEN", here)], options);
      for (const key of [here, missing]) await other.xadd(key, "*", "x", "1");
      expect(await since()).toEqual([here]);
    });

    test("is what others and this connection add, in scripts and transactions too, and what is taken away", async () => {
      const connection = opener.to(own.url);
      const { heard } = await ringing(connection);
      const [key, end] = [uniqueName("changes"), uniqueName("end")];
      const add = "return redis.call('XADD', KEYS[1], '*', 'x', '1')";
      const changes: readonly (() => Promise<unknown>)[] = [
        () => other.xadd(key, "*", "x", "1"),
        () => other.eval(add, 1, key),
        () => other.multi().xadd(key, "*", "x", "1").exec(),
        () => command(connection, "XADD", [key, "*", "x", "1"], options),
        () => connection.send([run(add, [key])], options),
        () => other.xtrim(key, "MAXLEN", 2),
        () => other.rename(key, `${key}-2`),
        () => other.rename(`${key}-2`, key),
        () => other.del(key),
      ];
      for (const change of changes) {
        await connection.send([tracked("XLEN", key)], options);
        await change();
        expect(await heard.since(connection, end)).toEqual([key]);
      }
    });

    test("is not what consumers do to a stream", async () => {
      const connection = opener.to(own.url);
      const { heard } = await ringing(connection);
      const [key, end] = [uniqueName("consumed"), uniqueName("end")];
      await other.xadd(key, "1-1", "x", "1");
      await other.xgroup("CREATE", key, "g", "0");
      await connection.send([tracked("XPENDING", key, "g")], options);
      await other.xreadgroup("GROUP", "g", "a", "COUNT", 10, "STREAMS", key, ">");
      await other.xclaim(key, "g", "b", 0, "1-1");
      await other.xack(key, "g", "1-1");
      await other.xgroup("CREATE", key, "h", "0");
      await other.xtrim(key, "MAXLEN", 10);
      expect(await heard.since(connection, end)).toEqual([]);
    });

    test("does not follow from XREADGROUP, which is why a read that is tracked goes before it", async () => {
      const connection = opener.to(own.url);
      const { heard } = await ringing(connection);
      const [key, end] = [uniqueName("armed"), uniqueName("end")];
      await other.xgroup("CREATE", key, "g", "0", "MKSTREAM");
      const read = ["GROUP", "g", "a", "COUNT", 10, "STREAMS", key, ">"] as const;
      await connection.send([tracked("XREADGROUP", ...read)], options);
      await other.xadd(key, "*", "x", "1");
      expect(await heard.since(connection, end)).toEqual([]);
      await connection.send([tracked("XPENDING", key, "g"), cmd("XREADGROUP", ...read)], options);
      await other.xadd(key, "*", "x", "1");
      expect(await heard.since(connection, end)).toEqual([key]);
    });

    test("is everything after FLUSHALL", async () => {
      const server = await startServer();
      onTestFinished(() => server.stop());
      const connection = opener.to(server.url);
      const { heard } = await ringing(connection);
      await connection.send([tracked("XLEN", "k"), cmd("FLUSHALL")], options);
      await ringAgain(heard, 2);
      expect(heard.deaf).toEqual(["all", "all"]);
    });
  });

  test("what arms a read goes in front of it in the same write, and in front of nothing else", async () => {
    const connection = opener.to(own.url);
    await ringing(connection);
    const key = uniqueName("written");
    const writes = (["_write", "_writev"] as const).map((method) => vi.spyOn(net.Socket.prototype, method));
    onTestFinished(() => {
      for (const write of writes) write.mockRestore();
    });
    await connection.send([tracked("XLEN", key)], options);
    await connection.send([cmd("XLEN", key), tracked("XLEN", key)], options);
    const written = writes.flatMap((write) => write.mock.calls.map(([chunks]) => textOf(chunks)));
    const caching = /\*3\r\n\$6\r\nCLIENT\r\n\$7\r\nCACHING\r\n\$3\r\nYES\r\n/.source;
    const read = /\*2\r\n\$4\r\nXLEN\r\n\$\d+\r\n[^\r]+\r\n/.source;
    expect(written).toEqual([
      expect.stringMatching(new RegExp(`^${caching}${read}$`)),
      expect.stringMatching(new RegExp(`^${read}${caching}${read}$`)),
    ]);
  });

  describe("a loss", () => {
    test("of either connection is told once bells ring again, and what is read then rings", async () => {
      const name = uniqueName("losing");
      const connection = opener.to(own.url, { connectionName: name });
      const { bells, heard } = await ringing(connection);
      const [key, end] = [uniqueName("lost"), uniqueName("end")];
      for (const [times, kind] of [...(["pubsub", "normal", "pubsub"] as const).entries()]) {
        await killOf(kind, name);
        await ringAgain(heard, times + 2);
        expect(bells.polled()).toBeUndefined();
        await connection.send([tracked("XLEN", key)], options);
        await other.xadd(key, "*", "x", "1");
        expect(await heard.since(connection, end)).toEqual([key]);
      }
      expect(heard.deaf).toEqual(["all", "all", "all", "all"]);
    });

    test("of the subscriber fails no request, and is polled until it is back", async () => {
      const network = await Network.to(own.url);
      const name = uniqueName("subscriber");
      const connection = opener.to(network.url, { connectionName: name });
      const { bells, heard } = await ringing(connection);
      network.refuse(0);
      await expect.poll(() => bells.polled(), patience).toMatchObject({ slots: "all", refused: false });
      expect(await connection.send([tracked("EXISTS", name), cmd("ECHO", "here")], options)).toEqual([
        0,
        "here",
      ]);
      expect(heard.deaf).toHaveLength(1);
      await network.listen();
      await ringAgain(heard, 2);
      expect(bells.polled()).toBeUndefined();
    });

    test.each([
      ["subscriber", 1],
      ["connection", 0],
    ])("that nobody told of, with the %s half open and nothing to send, is found", async (_, index) => {
      const network = await Network.to(own.url);
      const { heard } = await ringing(opener.to(network.url));
      network.freezeOne(index);
      await ringAgain(heard, 2);
    });

    test("while keys change all the time leaves no change unseen", async () => {
      const name = uniqueName("stress");
      const connection = opener.to(own.url, { connectionName: name });
      const keys = Array.from({ length: 50 }, (_, index) => uniqueName(`stress-${index}`));
      const watcher = new Watcher(connection, keys);
      const bells = connection.bells(watcher);
      await bells.settled(deadlineMs);
      for (let round = 0; round < 15; round++) {
        const kill = (["pubsub", "normal", undefined] as const)[round % 3];
        for (let write = 0; write < 100; write++) {
          if (write === 50 && kill !== undefined) await killOf(kill, name);
          const key = keys[(write * 7 + round) % keys.length] ?? "";
          // Every fourth is our own. It may be lost with the connection, and is then written by nobody.
          if (write % 4 === 0) void connection.send([cmd("INCR", key)], options);
          else await other.incr(key);
        }
        // Not by a look at everything: what is unseen now stays so until its key rings.
        const values = async () => (await other.mget(keys)).map(Number);
        await expect.poll(async () => same(watcher.values(), await values()), { timeout: 30_000 }).toBe(true);
      }
    });
  });

  describe("a refusal", () => {
    test.each([
      ["client|id", "-client|id"],
      ["client|tracking", "-client|tracking"],
      ["client|caching", "-client|caching"],
      ["subscribe", "-subscribe"],
      ["channel", "resetchannels"],
    ])("of %s is told with its reason, and fails no request", async (what, rule) => {
      const connection = opener.to(await userOf(own, "+@all", rule));
      const heard = new Heard();
      const bells = connection.bells(heard.listener);
      const polled = await bells.settled(deadlineMs);
      expect(polled).toMatchObject({ slots: "all", refused: true });
      // Before 7.0 servers name the command without its subcommand.
      expect(polled?.reason).toContain(what.split("|")[0]);
      expect(await connection.send([tracked("XLEN", uniqueName("none"))], options)).toEqual([0]);
      expect(heard.deaf).toEqual([]);
      await bells.close();
    });

    test("is over when the permission is given and the connection made anew", async () => {
      const url = await userOf(own, "+@all", "-client|tracking");
      const name = uniqueName("late");
      const connection = opener.to(url, { connectionName: name });
      const heard = new Heard();
      const bells = connection.bells(heard.listener);
      expect(await bells.settled(deadlineMs)).toMatchObject({ refused: true });
      await other.call("ACL", ["SETUSER", new URL(url).username, "+client|tracking"]);
      await killOf("normal", name);
      await ringAgain(heard, 1);
      expect(bells.polled()).toBeUndefined();
    });

    test("is none for a user with the permissions that docs/operators.md names", async () => {
      const url = await userOf(own, "-@all", "+xlen", "resetchannels", ...BELL_RULES);
      const connection = opener.to(url);
      const { heard } = await ringing(connection);
      const key = uniqueName("allowed");
      await connection.send([tracked("XLEN", key)], options);
      await other.xadd(key, "*", "x", "1");
      await expect.poll(() => heard.rings, patience).toEqual([key]);
    });

    test("by a server that does not know CLIENT is told, and costs no request", async () => {
      const url = await madeUpServer(([name]) =>
        name === "CLIENT" ? "-ERR unknown command 'CLIENT'\r\n" : "+PONG\r\n",
      );
      const connection = opener.to(url);
      const bells = connection.bells(new Heard().listener);
      const polled = { slots: "all", reason: expect.stringContaining("unknown"), refused: true };
      expect(await bells.settled(deadlineMs)).toEqual(polled);
      expect(await connection.send([tracked("XLEN", "k")], options)).toEqual(["PONG"]);
    });

    test("by a proxy that hangs up costs no request", async () => {
      let hangUps = 0;
      const url = await madeUpServer(([name, subcommand]) => {
        if (name !== "CLIENT") return "+PONG\r\n";
        if (subcommand === "ID") return ":7\r\n";
        hangUps++;
        return HANG_UP;
      });
      const connection = opener.to(url);
      const bells = connection.bells(new Heard().listener);
      while (hangUps < 4) expect(await connection.send([tracked("XLEN", "k")], options)).toEqual(["PONG"]);
      expect(bells.polled()).toMatchObject({ slots: "all", refused: false });
    });
  });

  describe("closed", () => {
    test("bells tell nothing more, leave nothing on the server, and can be opened again", async () => {
      const name = uniqueName("closing");
      const connection = opener.to(own.url, { connectionName: name });
      const { bells, heard } = await ringing(connection);
      const key = uniqueName("closed");
      await connection.send([tracked("XLEN", key)], options);
      expect(() => connection.bells(heard.listener)).toThrow("open already");
      await Promise.all([bells.close(), bells.close()]);
      await other.xadd(key, "*", "x", "1");
      await connection.send([tracked("XLEN", key)], options);
      await expect
        .poll(() => clientsOf(other, name), patience)
        .toEqual([expect.stringMatching(/ flags=N .* redir=-1 /)]);
      const again = await ringing(connection);
      await connection.send([tracked("XLEN", key)], options);
      await other.xadd(key, "*", "x", "1");
      await expect.poll(() => again.heard.rings, patience).toEqual([key]);
      expect(heard.rings).toEqual([]);
    });

    test("with their connection, or before they ever rang", async () => {
      const name = uniqueName("closing");
      const connection = opener.to(own.url, { connectionName: name });
      const { bells } = await ringing(connection);
      const down = opener.to("redis://127.0.0.1:1");
      const never = down.bells(new Heard().listener);
      const settled = never.settled(600_000);
      await Promise.all([connection.close(), never.close(), down.close()]);
      await settled;
      await bells.close();
      expect(() => connection.bells(new Heard().listener)).toThrow(ClosedError);
      await expect.poll(() => clientsOf(other, name), patience).toEqual([]);
    });
  });
}

async function clientsOf(redis: Redis, name: string): Promise<string[]> {
  const list = String(await redis.call("CLIENT", ["LIST"]));
  return list.split("\n").filter((line) => line.includes(` name=${name} `));
}

/** What a stream writes: one chunk, or several at once. */
function textOf(chunks: unknown): string {
  if (!Array.isArray(chunks)) return String(chunks);
  return chunks.map(({ chunk }: { chunk: unknown }) => String(chunk)).join("");
}
