/**
 * What the adapter promises over one server, as tests for one major of ioredis.
 */

import net from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { inspect } from "node:util";
import { sharedServerUrl, startServer, type TestServer, uniqueName } from "@sluice/test-server";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { command, evaluate } from "../src/connection.js";
import {
  ClosedError,
  ConnectionError,
  DeadlineError,
  InvalidOptionError,
  OutOfMemoryError,
  PermissionError,
  ServerError,
} from "../src/errors.js";
import { fromIoredis } from "../src/ioredis.js";
import { silentLogger } from "../src/logger.js";
import { HANG_UP, madeUpServer, Network } from "./ioredis-network.js";
import { cmd, run } from "./ioredis-requests.js";
import { AT_ONCE_MS, DEADLINE_MS, type Ioredis, Opener, unseen, userOf } from "./ioredis-support.js";

const deadlineMs = DEADLINE_MS;
const quiet = { logger: silentLogger };

export function describeAdapter(ioredis: Ioredis): void {
  const opener = new Opener(ioredis);
  let own: TestServer;

  // For what must not be done to a server that others use: users, pauses, restarts.
  beforeAll(async () => {
    own = await startServer();
  });
  afterAll(() => own.stop());

  describe("replies", () => {
    test("come in the order asked, with an error in its place", async () => {
      const connection = opener.to(sharedServerUrl());
      const key = uniqueName("order");
      const replies = await connection.send(
        [cmd("SET", key, "7"), cmd("LPUSH", key, "x"), cmd("INCRBY", key, 3), cmd("GET", `${key}-none`)],
        { deadlineMs },
      );
      expect(replies).toEqual(["OK", expect.any(ServerError), 10, null]);
      expect(replies[1]).toMatchObject({ prefix: "WRONGTYPE", retryable: false });
      await command(connection, "DEL", [key], { deadlineMs });
    });

    test("have the shapes of RESP2 whatever the user's instance speaks", async () => {
      const key = uniqueName("shapes");
      const requests = [
        cmd("XADD", key, "1-1", "key", "k", "event", "é"),
        cmd("XGROUP", "CREATE", key, "g", "0"),
        cmd("XREADGROUP", "GROUP", "g", "c", "COUNT", 1, "STREAMS", key, ">"),
        cmd("xreadgroup", "GROUP", "g", "c", "COUNT", 1, "STREAMS", key, "0"),
        cmd("XINFO", "GROUPS", key),
        cmd("CONFIG", "GET", "maxmemory-policy"),
        cmd("HSET", `${key}-h`, "f", "v"),
        cmd("HGETALL", `${key}-h`),
        cmd("hgetall", `${key}-h`),
        cmd("ZADD", `${key}-z`, "1.5", "m"),
        cmd("ZSCORE", `${key}-z`, "m"),
        cmd("ZRANGE", `${key}-z`, 0, -1, "WITHSCORES"),
        cmd("SADD", `${key}-s`, "a"),
        cmd("SMEMBERS", `${key}-s`),
        cmd("DEL", key, `${key}-h`, `${key}-z`, `${key}-s`),
      ];
      const entry = [["1-1", ["key", "k", "event", "é"]]];
      const group = ["name", "g", "consumers", 1, "pending", 1, "last-delivered-id", "1-1"];
      const expected = [
        "1-1",
        "OK",
        [[key, entry]],
        [[key, entry]],
        [expect.arrayContaining(group)],
        ["maxmemory-policy", expect.any(String)],
        1,
        ["f", "v"],
        ["f", "v"],
        1,
        "1.5",
        ["m", "1.5"],
        1,
        ["a"],
        4,
      ];
      for (const options of [
        { protocol: 2 as const },
        { protocol: 3 as const },
        { protocol: 3 as const, replyMapping: "resp3" as const },
        { stringNumbers: true },
      ]) {
        expect(await opener.to(sharedServerUrl(), options).send(requests, { deadlineMs })).toEqual(expected);
      }
    });

    test("to several requests are asked for in one write", async () => {
      const connection = opener.to(sharedServerUrl());
      await command(connection, "PING", [], { deadlineMs });
      // What a stream calls for one chunk, and for several at once.
      const writes = (["_write", "_writev"] as const).map((method) => vi.spyOn(net.Socket.prototype, method));
      onTestFinished(() => {
        for (const write of writes) write.mockRestore();
      });
      const requests = [cmd("ECHO", "x"), cmd("ECHO", new Uint8Array([0x79])), cmd("ECHO", "z")];
      expect(await connection.send(requests, { deadlineMs })).toEqual(["x", "y", "z"]);
      expect(writes.flatMap((write) => write.mock.calls)).toHaveLength(1);
    });

    test("are right for bytes, which arrive as they were sent", async () => {
      const connection = opener.to(sharedServerUrl());
      const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
      const hex =
        "return (string.gsub(ARGV[1], '.', function(c) return string.format('%02x', string.byte(c)) end))";
      const view = bytes.subarray(10, 250);
      expect(await evaluate(connection, scriptCall(hex, [view]), { deadlineMs })).toBe(
        Buffer.from(view).toString("hex"),
      );
    });

    test("to bytes without a way to make a Buffer are refused by the option's name", async () => {
      const connection = opener.on(opener.redis(sharedServerUrl()), { toBuffer: undefined });
      const [error] = await connection.send([cmd("ECHO", new Uint8Array(1))], { deadlineMs });
      expect(error).toBeInstanceOf(InvalidOptionError);
      expect(error).toMatchObject({ option: "toBuffer" });
    });

    test("come for calls made before the connection is up, in the order of the calls", async () => {
      const connection = opener.to(sharedServerUrl());
      const key = uniqueName("early");
      const replies = Array.from({ length: 20 }, () => command(connection, "INCR", [key], { deadlineMs }));
      expect(await Promise.all(replies)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
      await command(connection, "DEL", [key], { deadlineMs });
    });
  });

  test("there is one node, which answers as the connection does", async () => {
    const connection = opener.to(own.url);
    const [node, ...others] = await connection.nodes({ deadlineMs });
    expect(others).toEqual([]);
    expect(await node?.send([cmd("PING")], { deadlineMs })).toEqual(["PONG"]);
  });

  describe("scripts", () => {
    test("that the server does not know run all the same, and nothing runs twice", async () => {
      const connection = opener.to(sharedServerUrl());
      const key = uniqueName("noscript");
      const source = unseen("return { KEYS[1], ARGV[1], redis.call('INCR', KEYS[1]) }");
      const requests = [cmd("INCRBY", key, 100), run(source, [key], ["a"]), cmd("INCRBY", key, 1_000)];
      expect(await connection.send(requests, { deadlineMs })).toEqual([100, [key, "a", 1_101], 1_100]);
      expect(await connection.send([run(source, [key], ["b"])], { deadlineMs })).toEqual([[key, "b", 1_102]]);
      await command(connection, "DEL", [key], { deadlineMs });
    });

    test("run for a user who may not EVAL but may SCRIPT LOAD", async () => {
      const url = await userOf(own, "+@all", "-eval");
      const source = unseen("return redis.call('INCR', KEYS[1])");
      const key = uniqueName("load");
      const connection = opener.to(url);
      expect(await connection.send([run(source, [key]), run(source, [key])], { deadlineMs })).toEqual([1, 2]);
    });

    test("that can neither be sent nor loaded are refused with what the user lacks", async () => {
      const url = await userOf(own, "+@all", "-eval", "-script");
      const [error] = await opener.to(url).send([run(unseen("return 1"))], { deadlineMs });
      expect(error).toBeInstanceOf(PermissionError);
      expect(error).toMatchObject({ command: expect.stringMatching(/^script/), retryable: false });
    });

    test("are not repeated when a command inside of them is refused", async () => {
      const url = await userOf(own, "+@all", "-lpush");
      const key = uniqueName("inside");
      const source = unseen("redis.call('INCR', KEYS[1]) return redis.call('LPUSH', KEYS[2], 'x')");
      const connection = opener.to(url);
      const [error] = await connection.send([run(source, [key, `${key}-list`])], { deadlineMs });
      expect(error).toBeInstanceOf(PermissionError);
      expect(await command(connection, "GET", [key], { deadlineMs })).toBe("1");
    });
  });

  describe("what the server refuses", () => {
    test("is told apart: memory, permission, and the rest by its prefix", async () => {
      const server = await startServer();
      onTestFinished(() => server.stop());
      const connection = opener.to(server.url);
      const write = "return redis.call('SET', KEYS[1], 'x')";
      const badArg = "return redis.error_reply('SLUICE_BADARG count: wanted an integer')";
      await command(connection, "CONFIG", ["SET", "maxmemory", "1"], { deadlineMs });
      const full = await connection.send([cmd("SET", "k", "v"), run(write, ["k"]), run(badArg)], {
        deadlineMs,
      });
      expect(full[0]).toBeInstanceOf(OutOfMemoryError);
      expect(full[1]).toBeInstanceOf(OutOfMemoryError);
      expect(full[2]).toMatchObject({ code: "SERVER", prefix: "SLUICE_BADARG", retryable: false });
      await command(connection, "CONFIG", ["SET", "maxmemory", "0"], { deadlineMs });
      await command(connection, "REPLICAOF", ["127.0.0.1", "1"], { deadlineMs });
      const [readOnly] = await connection.send([run(write, ["k"])], { deadlineMs });
      expect(readOnly).toMatchObject({ code: "SERVER", prefix: "READONLY", retryable: true });
    });

    test("makes a new connection after READONLY, because a demoted master keeps its old ones", async () => {
      const network = await Network.to(own.url);
      const connection = opener.to(network.url);
      await command(connection, "PING", [], { deadlineMs });
      const lie = 'return redis.error_reply("READONLY You can\'t write against a read only replica.")';
      await expect(evaluate(connection, scriptCall(lie), { deadlineMs })).rejects.toThrow("READONLY");
      expect(await command(connection, "PING", [], { deadlineMs })).toBe("PONG");
      expect(network.connections).toBe(2);
    });

    test("at the login is reported at once, for every call", async () => {
      const url = await userOf(own, "+@all");
      const wrong = new URL(url);
      wrong.password = "wrong";
      const nobody = new URL(own.url);
      const locked = await startServer({ args: ["--requirepass", "secret"] });
      onTestFinished(() => locked.stop());
      nobody.port = String(locked.port);
      for (const refused of [wrong.href, nobody.href]) {
        const connection = opener.to(refused);
        for (let call = 0; call < 3; call++) {
          await expect(command(connection, "PING", [], { deadlineMs: AT_ONCE_MS })).rejects.toBeInstanceOf(
            PermissionError,
          );
        }
      }
    });

    test("at the login is over when the login is accepted", async () => {
      const user = uniqueName("late");
      const url = new URL(own.url);
      url.username = user;
      url.password = "secret";
      const connection = opener.to(url.href);
      await expect(command(connection, "PING", [], { deadlineMs })).rejects.toBeInstanceOf(PermissionError);
      const admin = opener.to(own.url);
      await command(admin, "ACL", ["SETUSER", user, "on", ">secret", "~*", "+@all"], { deadlineMs });
      const ping = () => connection.send([cmd("PING")], { deadlineMs });
      await expect.poll(ping, { timeout: deadlineMs }).toEqual(["PONG"]);
    });

    test("when the database is chosen is an error of every call, not work on database 0", async () => {
      const connection = opener.to(`${own.url}/99`);
      // Over some time: the server answers everything else on this connection.
      for (let call = 0; call < 10; call++) {
        await expect(command(connection, "SET", ["astray", "1"], { deadlineMs })).rejects.toThrow("DB index");
        await delay(20);
      }
      expect(await command(opener.to(own.url), "EXISTS", ["astray"], { deadlineMs })).toBe(0);
    });

    test("while it loads its data is waited for", async () => {
      let looks = 0;
      const url = await madeUpServer(([name]) => {
        if (name === "PING")
          return ++looks < 3 ? "-LOADING Redis is loading the dataset in memory\r\n" : "+PONG\r\n";
        return "+here\r\n";
      });
      expect(await command(opener.to(url), "GET", ["k"], { deadlineMs })).toBe("here");
      const [error] = await opener
        .to(await madeUpServer(() => "-LOADING Redis is loading the dataset in memory\r\n"))
        .send([cmd("GET", "k")], { deadlineMs: 300 });
      expect(error).toBeInstanceOf(DeadlineError);
      expect(error).toMatchObject({
        maybeExecuted: false,
        message: expect.stringContaining("LOADING"),
      });
    });

    test("because it has too many clients is waited for", async () => {
      let connects = 0;
      const url = await madeUpServer(([name]) => {
        if (name !== "PING") return "+here\r\n";
        return ++connects < 3 ? "-ERR max number of clients reached\r\n" : "+PONG\r\n";
      });
      // The made-up server does not hang up, as a real one would; that is the next attempt's reason here.
      const connection = opener.to(url, { connectTimeout: 200 });
      expect(await command(connection, "GET", ["k"], { deadlineMs })).toBe("here");
    });

    test("never shows a password or what was sent, however deep an error is looked at", async () => {
      const url = new URL(await userOf(own, "+@all", "-set"));
      const [refused] = await opener
        .to(url.href)
        .send([cmd("SET", "k", "payload-of-tenant")], { deadlineMs });
      const password = url.password;
      url.username = "stranger";
      const [stranger] = await opener.to(url.href).send([cmd("PING")], { deadlineMs });
      const network = await Network.to(own.url);
      const cutOff = opener.to(network.url);
      await command(cutOff, "PING", [], { deadlineMs });
      network.mute();
      const lost = cutOff.send([cmd("ECHO", "payload-of-tenant")], { deadlineMs });
      setTimeout(() => network.cut(), 50);
      for (const error of [refused, stranger, (await lost)[0]]) {
        expect(error).toBeInstanceOf(Error);
        const shown = inspect(error, { depth: null, showHidden: true });
        expect(shown).not.toContain("payload-of-tenant");
        expect(shown).not.toContain(password);
      }
    });
  });

  describe("deadlines", () => {
    test("hold on a server that does not answer; what was sent may have run", async () => {
      const network = await Network.to(own.url);
      const connection = opener.to(network.url);
      await command(connection, "PING", [], { deadlineMs });
      network.freeze();
      const replies = await connection.send([cmd("PING"), cmd("PING")], { deadlineMs: 300 });
      for (const reply of replies) {
        expect(reply).toBeInstanceOf(DeadlineError);
        expect(reply).toMatchObject({ maybeExecuted: true, deadlineMs: 300, retryable: true });
      }
    });

    test("hold without a server; what was not sent did not run, and the reason is the cause", async () => {
      const network = await Network.to(own.url);
      network.refuse();
      const connection = opener.to(network.url);
      const [error] = await connection.send([cmd("PING")], { deadlineMs: 200 });
      expect(error).toBeInstanceOf(DeadlineError);
      expect(error).toMatchObject({
        maybeExecuted: false,
        cause: { message: expect.stringContaining(`ECONNREFUSED 127.0.0.1:${network.port}`) },
      });
    });

    test("hold for replies that come in part: what is there is kept", async () => {
      let asked = 0;
      const url = await madeUpServer(([name]) =>
        name === "PING" ? "+PONG\r\n" : ++asked > 1 ? undefined : ":1\r\n",
      );
      const connection = opener.to(url);
      const replies = await connection.send([cmd("INCR", "a"), cmd("INCR", "b")], { deadlineMs: 300 });
      expect(replies).toEqual([1, expect.any(DeadlineError)]);
    });

    test("find a silent connection in a part of them, and leave the rest for who may send again", async () => {
      const network = await Network.to(own.url);
      const connection = opener.to(network.url);
      const reader = connection.duplicate();
      onTestFinished(() => reader.close());
      for (const one of [connection, reader]) await command(one, "PING", [], { deadlineMs });
      network.freeze();
      network.thaw();
      const [[ping], [read]] = await Promise.all([
        connection.send([cmd("PING")], { deadlineMs: 6_000 }),
        reader.send([cmd("BLPOP", uniqueName("none"), "1")], { deadlineMs: 7_000, blockMs: 1_000 }),
      ]);
      for (const lost of [ping, read]) {
        expect(lost).toBeInstanceOf(ConnectionError);
        expect(lost).toMatchObject({
          maybeExecuted: true,
          message: expect.stringMatching(/while others are answered/),
        });
      }
      expect(await command(connection, "PING", [], { deadlineMs })).toBe("PONG");
    });

    test("do not take a server that is busy, or a blocking read, for a silent connection", async () => {
      const network = await Network.to(own.url);
      const connection = opener.to(network.url);
      const reader = connection.duplicate();
      onTestFinished(() => reader.close());
      for (const one of [connection, reader]) await command(one, "PING", [], { deadlineMs });
      const read = reader.send([cmd("BLPOP", uniqueName("none"), "1")], {
        deadlineMs: 3_000,
        blockMs: 1_000,
      });
      expect(await read).toEqual([null]);
      // Longer than it takes to ask about the connection, in a quarter of the deadline or two, and to give up on that.
      await command(opener.to(own.url), "CLIENT", ["PAUSE", 3_200], { deadlineMs });
      expect(await connection.send([cmd("PING")], { deadlineMs: 4_500 })).toEqual(["PONG"]);
    });

    test("end a half-open connection: a new one takes its place without the process being told", async () => {
      const network = await Network.to(own.url);
      const connection = opener.to(network.url);
      await command(connection, "PING", [], { deadlineMs });
      const reconnected = new Promise<void>((resolve) => connection.onReconnect(resolve));
      const warned = vi.fn();
      process.on("warning", warned);
      onTestFinished(() => void process.off("warning", warned));
      network.freeze();
      network.thaw();
      // Each of them gives the socket up; it is closed once, or Node warns of its many listeners.
      const calls = Array.from({ length: 20 }, () => connection.send([cmd("PING")], { deadlineMs: 2_100 }));
      await Promise.all(calls);
      await reconnected;
      expect(warned).not.toHaveBeenCalled();
      expect(await command(connection, "PING", [], { deadlineMs })).toBe("PONG");
      // And one to find out that the server answers others.
      expect(network.connections).toBe(3);
    });

    test("shorter than a slow reply cost nothing but their own call", async () => {
      const network = await Network.to(own.url);
      const connection = opener.to(network.url);
      await command(connection, "PING", [], { deadlineMs });
      // One command waits in Redis, the one behind it with a short deadline is given up.
      const slow = connection.send([cmd("BLPOP", uniqueName("none"), "1")], { deadlineMs });
      const [short] = await connection.send([cmd("PING")], { deadlineMs: 100 });
      expect(short).toBeInstanceOf(DeadlineError);
      expect(await slow).toEqual([null]);
      expect(network.connections).toBe(1);
    });

    test("hold when the server takes the connection and never speaks", async () => {
      const url = await madeUpServer(() => undefined);
      const [error] = await opener.to(url).send([cmd("PING")], { deadlineMs: 200 });
      expect(error).toBeInstanceOf(DeadlineError);
      expect(error).toMatchObject({ maybeExecuted: false });
    });

    test("apply to the connection too: one that never gets ready is made anew", async () => {
      let pings = 0;
      const url = await madeUpServer(([name]) =>
        name === "PING" && ++pings === 1 ? undefined : "+PONG\r\n",
      );
      const connection = opener.to(url, { connectTimeout: 200 });
      expect(await command(connection, "PING", [], { deadlineMs })).toBe("PONG");
    });
  });

  test("a reply that came while the process stood still is not thrown away for its deadline", async () => {
    const connection = opener.to(own.url);
    await command(connection, "PING", [], { deadlineMs });
    const reply = connection.send([cmd("PING")], { deadlineMs: 200 });
    const until = performance.now() + 500;
    while (performance.now() < until);
    expect(await reply).toEqual(["PONG"]);
  });

  describe("losses", () => {
    test("after sending are told as maybe executed, and nothing is sent again", async () => {
      const network = await Network.to(sharedServerUrl());
      const connection = opener.to(network.url);
      const key = uniqueName("lost");
      await command(connection, "PING", [], { deadlineMs });
      network.mute();
      const sent = connection.send([cmd("INCR", key), cmd("INCR", key)], { deadlineMs });
      const watcher = opener.to(sharedServerUrl());
      await expect.poll(() => command(watcher, "GET", [key], { deadlineMs })).toBe("2");
      network.cut();
      for (const reply of await sent) {
        expect(reply).toBeInstanceOf(ConnectionError);
        expect(reply).toMatchObject({
          maybeExecuted: true,
          message: expect.stringContaining(`:${network.port}`),
        });
      }
      expect(await command(connection, "INCR", [key], { deadlineMs })).toBe(3);
      await command(watcher, "DEL", [key], { deadlineMs });
    });

    test("are waited out by what has not been sent", async () => {
      const network = await Network.to(own.url);
      const connection = opener.to(network.url);
      await command(connection, "PING", [], { deadlineMs });
      network.refuse();
      const waiting = connection.send([cmd("ECHO", "1")], { deadlineMs });
      const later = connection.send([cmd("ECHO", "2")], { deadlineMs });
      setTimeout(() => network.listen(), 300);
      expect((await Promise.all([waiting, later])).flat()).toSatisfy(
        (replies: unknown[]) =>
          // The first may have been written to the socket before its end was noticed.
          replies[0] === "1" || replies[0] instanceof ConnectionError,
      );
      expect(await later).toEqual(["2"]);
    });

    test("are announced when they are over: each once, and not the first connection", async () => {
      const network = await Network.to(own.url);
      const connection = opener.to(network.url);
      const heard = vi.fn();
      const stopped = vi.fn();
      const stop = connection.onReconnect(stopped);
      connection.onReconnect(heard);
      await command(connection, "PING", [], { deadlineMs });
      stop();
      expect(heard).not.toHaveBeenCalled();
      for (let loss = 1; loss <= 3; loss++) {
        network.cut();
        await expect.poll(() => heard.mock.calls.length, { timeout: deadlineMs }).toBe(loss);
        expect(await command(connection, "PING", [], { deadlineMs })).toBe("PONG");
      }
      expect(stopped).not.toHaveBeenCalled();
    });

    test("of any length are survived, and logged once each", async () => {
      const network = await Network.to(own.url);
      const log = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
      const connection = opener.on(opener.redis(network.url), { logger: log });
      await command(connection, "PING", [], { deadlineMs });
      expect(log.warn).not.toHaveBeenCalled();
      network.refuse();
      // Several attempts fail meanwhile.
      await connection.send([cmd("PING")], { deadlineMs: 500 });
      await connection.send([cmd("PING")], { deadlineMs: 500 });
      await expect.poll(() => log.warn.mock.calls.length).toBe(1);
      await network.listen();
      expect(await command(connection, "PING", [], { deadlineMs })).toBe("PONG");
      await expect.poll(() => log.info.mock.calls.length).toBe(1);
      const targets = [`127.0.0.1:${network.port}`];
      expect(log.warn.mock.calls).toEqual([[expect.any(String), { targets, err: expect.any(Error) }]]);
      expect(log.info.mock.calls).toEqual([
        [expect.any(String), { targets, durationMs: expect.any(Number) }],
      ]);
    });

    test("by a server that hangs up do not make a hot loop", async () => {
      let connects = 0;
      const url = await madeUpServer(() => {
        connects++;
        return HANG_UP;
      });
      await opener.to(url).send([cmd("PING")], { deadlineMs: 1_000 });
      expect(connects).toBeGreaterThan(1);
      expect(connects).toBeLessThan(12);
    });

    test("by a restart of the server are healed, scripts and all", async () => {
      const server = await startServer();
      onTestFinished(() => server.stop());
      const connection = opener.to(server.url);
      const source = "return 'ran'";
      expect(await evaluate(connection, scriptCall(source), { deadlineMs })).toBe("ran");
      await server.restart({ signal: "SIGKILL" });
      expect(await evaluate(connection, scriptCall(source), { deadlineMs })).toBe("ran");
    });
  });

  describe("the user's instance", () => {
    test("is neither used nor closed, and may be closed", async () => {
      const user = opener.redis(sharedServerUrl());
      const connection = fromIoredis(user);
      await command(connection, "PING", [], { deadlineMs });
      expect(user.status).toBe("wait");
      await connection.close();
      expect(await user.ping()).toBe("PONG");
      const second = opener.on(user);
      user.disconnect();
      expect(await command(second, "PING", [], { deadlineMs })).toBe("PONG");
    });

    test("with keyPrefix, commandTimeout or role slave is refused by the option's name", () => {
      for (const [options, option] of [
        [{ keyPrefix: "app:" }, "redis.keyPrefix"],
        [{ commandTimeout: 1_000 }, "redis.commandTimeout"],
        [{ role: "slave" as const }, "redis.role"],
      ] as const) {
        const user = opener.redis(sharedServerUrl(), options);
        expect(() => fromIoredis(user)).toThrow(InvalidOptionError);
        expect(() => fromIoredis(user)).toThrow(expect.objectContaining({ option }));
      }
    });

    test("keeps its name and database, and its other settings do no harm", async () => {
      const connection = opener.to(`${own.url}/3`, {
        connectionName: "billing",
        socketTimeout: 200,
        blockingTimeout: 200,
        maxRetriesPerRequest: null,
        retryStrategy: () => null,
        enableAutoPipelining: true,
        reconnectOnError: () => 2,
        autoResendUnfulfilledCommands: true,
      });
      const info = await command(connection, "CLIENT", ["INFO"], { deadlineMs });
      expect(info).toMatch(/ name=billing /);
      expect(info).toMatch(/ db=3 /);
      expect(await command(connection, "BLPOP", [uniqueName("none"), "0.5"], { deadlineMs })).toBeNull();
    });

    test("is served without a word on the console, whatever the Redis user may do", async () => {
      const spies = (["log", "warn", "error"] as const).map((level) => vi.spyOn(console, level));
      onTestFinished(() => {
        for (const spy of spies) spy.mockRestore();
      });
      const url = await userOf(own, "-@all", "+get");
      const connection = opener.to(url);
      expect(await command(connection, "GET", [uniqueName("none")], { deadlineMs })).toBeNull();
      const nowhere = await Network.to(own.url);
      nowhere.refuse();
      await opener.to(nowhere.url).send([cmd("PING")], { deadlineMs: 100 });
      for (const spy of spies) expect(spy).not.toHaveBeenCalled();
    });
  });

  describe("duplicates and closing", () => {
    test("a blocking read on a duplicate holds up nothing else and may take longer", async () => {
      const connection = opener.to(sharedServerUrl());
      const reader = connection.duplicate();
      onTestFinished(() => reader.close());
      const list = uniqueName("list");
      const read = command(reader, "BLPOP", [list, "20"], { deadlineMs: 25_000 });
      expect(await command(connection, "RPUSH", [list, "x"], { deadlineMs: 1_000 })).toBe(1);
      expect(await read).toEqual([list, "x"]);
    });

    test("what is in flight settles with ClosedError, and so does every later call", async () => {
      const connection = fromIoredis(opener.redis(sharedServerUrl()), quiet);
      const reader = connection.duplicate();
      await command(reader, "PING", [], { deadlineMs });
      const inFlight = reader.send([cmd("BLPOP", uniqueName("none"), "20")], { deadlineMs: 25_000 });
      const unsent = connection.send([cmd("PING"), cmd("PING")], { deadlineMs });
      await Promise.all([connection.close(), reader.close(), reader.close()]);
      expect(await inFlight).toEqual([expect.any(ClosedError)]);
      expect(await unsent).toEqual([expect.any(ClosedError), expect.any(ClosedError)]);
      expect(await connection.send([cmd("PING")], { deadlineMs })).toEqual([expect.any(ClosedError)]);
      expect(() => connection.duplicate()).toThrow(ClosedError);
    });

    test("a connection that was never used, is down, or hangs, closes", async () => {
      const network = await Network.to(own.url);
      const unused = fromIoredis(opener.redis(network.url), quiet);
      const hanging = fromIoredis(opener.redis(network.url), quiet);
      await command(hanging, "PING", [], { deadlineMs });
      network.freeze();
      const down = fromIoredis(opener.redis("redis://127.0.0.1:1"), quiet);
      await down.send([cmd("PING")], { deadlineMs: 100 });
      await Promise.all([unused.close(), hanging.close(), down.close()]);
    });
  });

  function scriptCall(source: string, args: (string | Uint8Array)[] = []) {
    const { script, keys } = run(source) as Extract<ReturnType<typeof run>, { kind: "script" }>;
    return { script, keys, args };
  }
}
