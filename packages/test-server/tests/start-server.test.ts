import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { readlink } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { debianSystem } from "../src/debian/system.js";
import { dockerDaemon } from "../src/docker/daemon.js";
import { type ServerVersion, type StartOptions, startServer, type TestServer } from "../src/index.js";
import { waitUntil } from "../src/wait.js";
import { command, environmentWithoutServers } from "./support.js";

async function start(options?: StartOptions): Promise<TestServer> {
  const server = await startServer(options);
  onTestFinished(() => server.stop());
  return server;
}

/** A process that ended and that nobody has asked about yet (state Z) is not alive. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

const linuxOnly = process.platform === "linux" ? "" : " (skipped: reads /proc, which only Linux has)";

describe("a started server", () => {
  it("says its product, version and origin, listens on 127.0.0.1 alone and starts empty", async () => {
    const server = await start();
    expect(server.ours).toBe(true);
    expect(server.url).toBe(`redis://127.0.0.1:${server.port}`);
    expect(server.description).toMatch(/^(redis|valkey) \d+\.\d+\.\d+, \S/);
    expect(await command(server.url, "CONFIG", "GET", "bind")).toEqual(["bind", "127.0.0.1"]);
    expect(await command(server.url, "DBSIZE")).toBe(0);
  });

  it("takes options of redis.conf", async () => {
    const server = await start({ args: ["--maxmemory", "3mb", "--maxmemory-policy", "noeviction"] });
    expect(await command(server.url, "CONFIG", "GET", "maxmemory")).toEqual(["maxmemory", "3145728"]);
  });

  it("is told apart from its neighbours: ten at once have ten ports", async () => {
    const servers = await Promise.all(Array.from({ length: 10 }, () => start()));
    expect(new Set(servers.map((server) => server.port)).size).toBe(10);
  });

  it("restarts on the same port, as another process and empty", async () => {
    const server = await start();
    await command(server.url, "SET", "key", "value");
    const { pid, port } = server;
    await server.restart();
    expect(server.port).toBe(port);
    if (pid !== undefined) expect(server.pid).not.toBe(pid);
    expect(await command(server.url, "GET", "key")).toBeNull();
  });

  it.each(["SIGTERM", "SIGKILL"] as const)("with persistence keeps its data over %s", async (signal) => {
    const server = await start({ persistence: true });
    await command(server.url, "SET", "key", "value");
    await server.restart({ signal });
    expect(await command(server.url, "GET", "key")).toBe("value");
  });

  it("is gone after kill and comes back with restart", async () => {
    const server = await start();
    await server.kill();
    await expect(command(server.url, "PING")).rejects.toThrow("ECONNREFUSED");
    await server.restart();
    expect(await command(server.url, "PING")).toBe("PONG");
  });

  it("answers nothing while paused and everything after", async () => {
    const server = await start();
    await server.pause();
    let answered = false;
    const reply = command(server.url, "PING").then((text) => {
      answered = true;
      return text;
    });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(answered).toBe(false);
    await server.resume();
    expect(await reply).toBe("PONG");
  });

  it(`leaves neither process nor folder behind${linuxOnly}`, async ({ skip }) => {
    const server = await start();
    if (linuxOnly !== "" || server.pid === undefined) return skip();
    const { pid } = server;
    const folder = await readlink(`/proc/${pid}/cwd`);
    await server.pause();
    await server.stop();
    await server.stop();
    expect(isAlive(pid)).toBe(false);
    expect(existsSync(folder)).toBe(false);
  });

  it("that cannot start is an error with the end of its log", async () => {
    await expect(startServer({ args: ["--no-such-option", "1"] })).rejects.toThrow(
      expect.objectContaining({ code: "START_FAILED", message: expect.stringContaining("no-such-option") }),
    );
  });

  it("of an unknown version or source is refused by name", async () => {
    // A caller in plain JavaScript has no types to stop it.
    await expect(startServer({ version: "redis-1.0" as ServerVersion })).rejects.toThrow(
      'start a server of version "redis-1.0": known are redis-7.0, ',
    );
    await expect(startServer({ server: "moon" as "auto" })).rejects.toThrow(
      'start a server from "moon": known are auto',
    );
  });
});

describe(`a server ends with the process that started it${linuxOnly}`, () => {
  const fixture = fileURLToPath(new URL("./fixtures/start-and-wait.ts", import.meta.url));

  const ways = [
    { how: "returns", argument: "return" },
    { how: "throws", argument: "throw" },
    { how: "gets SIGINT", argument: "wait", signal: "SIGINT" },
    { how: "gets SIGTERM", argument: "wait", signal: "SIGTERM" },
    { how: "gets SIGKILL", argument: "wait", signal: "SIGKILL" },
  ] as const;

  it.skipIf(linuxOnly !== "").concurrent.for(ways)(
    "when that $how",
    async (way, { expect, onTestFinished }) => {
      const signal = "signal" in way ? way.signal : undefined;
      const parent = spawn(process.execPath, ["--import", "tsx", fixture, way.argument], {
        stdio: ["ignore", "pipe", "ignore"],
      });
      onTestFinished(() => void parent.kill("SIGKILL"));
      let output = "";
      for await (const chunk of parent.stdout) {
        output += String(chunk);
        if (output.endsWith("\n")) break;
      }
      const { pid, folder }: { pid: number; folder: string } = JSON.parse(output);
      if (signal !== undefined) {
        expect(isAlive(pid)).toBe(true);
        parent.kill(signal);
      }
      const what = "the server to end and its folder to go";
      await waitUntil(async () => !isAlive(pid) && !existsSync(folder), { what, deadlineMs: 10_000 });
    },
  );
});

describe("versions by name", async () => {
  // Each is some ten megabytes to download the first time, so that one stands for all unless more are asked
  // for.
  const versions = (process.env.SLUICE_TEST_SERVER_VERSIONS ?? "valkey-8.1").split(",");
  const isDebian = (await debianSystem().catch(() => undefined))?.id === "debian";

  it.skipIf(!isDebian).each(versions)(
    "%s comes out of its suite of Debian (skipped off Debian)",
    async (version) => {
      // Checked by startServer itself.
      const server = await start({
        server: "debian",
        version: version as ServerVersion,
        onProgress: console.error,
      });
      expect(server.description).toMatch(
        new RegExp(`^${version.replace("-", " ")}\\.\\d+, Debian \\S+ package unpacked in `),
      );
    },
  );
});

describe("Docker", async () => {
  const daemon = await dockerDaemon(process.env).catch(() => undefined);

  it.skipIf(daemon === undefined)(
    "runs an image, pauses and restarts it (skipped without a daemon)",
    async () => {
      const image = process.env.SLUICE_TEST_IMAGE;
      const server = await start({
        server: image === undefined ? "docker" : `docker:${image}`,
        args: ["--maxmemory", "3mb"],
      });
      expect(server.description).toContain(" in Docker");
      expect(await command(server.url, "CONFIG", "GET", "maxmemory")).toEqual(["maxmemory", "3145728"]);
      await server.pause();
      await server.resume();
      const { port } = server;
      await server.restart();
      expect(server.port).toBe(port);
      await server.kill();
      await server.restart({ signal: "SIGKILL" });
      expect(await command(server.url, "PING")).toBe("PONG");
    },
  );

  it.each(["docker", "docker:some/image:1"] as const)(
    "without a daemon that answers %s is refused, and nothing else is taken instead",
    async (server) => {
      const env = await environmentWithoutServers();
      await expect(startServer({ server, env })).rejects.toThrow(
        expect.objectContaining({
          code: "UNAVAILABLE",
          message: expect.stringContaining(`no Docker daemon answers at "${env.DOCKER_HOST}": `),
        }),
      );
    },
  );
});
