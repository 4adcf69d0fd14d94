import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { debianSystem } from "../src/debian/system.js";
import { findServer, startServer, type TestServer, TestServerError } from "../src/index.js";
import { findOnPath } from "../src/program.js";
import { command, environmentWithoutServers, folderWith, temporaryFolder } from "./support.js";

/** Ends the server when the test does. */
function ending(server: TestServer): TestServer {
  onTestFinished(() => server.stop());
  return server;
}

async function rejectionOf(promise: Promise<unknown>): Promise<TestServerError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof TestServerError) return error;
  throw new Error(`wanted a TestServerError, got ${String(error)}`);
}

const isDebian = await debianSystem().then(
  () => true,
  () => false,
);
const debianOnly = isDebian ? "" : " (skipped: this machine has no packages of Debian or Ubuntu)";

describe("a server is found in the documented order", () => {
  it("takes REDIS_URL before a program on PATH", async () => {
    const foreign = ending(await startServer());
    const env = await environmentWithoutServers({
      PATH: await folderWith("redis-server"),
      REDIS_URL: foreign.url,
    });
    const server = ending(await findServer({ env }));
    expect(server).toMatchObject({ ours: false, url: foreign.url, host: "127.0.0.1", port: foreign.port });
    expect(server.description).toMatch(
      /^(redis|valkey) \d+\.\d+\.\d+, REDIS_URL redis:\/\/127\.0\.0\.1:\d+$/,
    );
  });

  it.each(["redis-server", "valkey-server"] as const)(
    "takes %s on PATH before Docker and packages",
    async (name) => {
      const folder = await folderWith(name);
      const server = ending(await findServer({ env: await environmentWithoutServers({ PATH: folder }) }));
      expect(server.ours).toBe(true);
      expect(server.description).toMatch(/^(redis|valkey) \d+\.\d+\.\d+, /);
      expect(server.description).toContain(join(folder, name));
    },
  );

  it.skipIf(!isDebian)(`takes the package when no Docker daemon answers${debianOnly}`, async () => {
    const server = ending(await findServer({ env: await environmentWithoutServers() }));
    expect(server.ours).toBe(true);
    expect(server.description).toMatch(/^(redis|valkey) \d+\.\d+\.\d+, \w+ package unpacked in \S+$/);
  });

  it.skipIf(!isDebian)(
    `takes the package when Docker's socket is silent, and says so${debianOnly}`,
    async () => {
      const socket = join(await temporaryFolder(), "docker.sock");
      const silent = createServer(() => {}).listen(socket);
      onTestFinished(() => void silent.close());
      const lines: string[] = [];
      const env = await environmentWithoutServers({ DOCKER_HOST: `unix://${socket}` });
      const server = ending(await findServer({ env, onProgress: (line) => lines.push(line) }));
      expect(server.description).toContain("package unpacked");
      // The line also says how long it waited.
      expect(lines).toContain(
        `Docker: no Docker daemon answers at "unix://${socket}": no answer within 1000 ms`,
      );
    },
  );
});

describe("an environment without servers", () => {
  it("has none even where a server program lies beside the apt tools", async () => {
    const folder = await folderWith("redis-server");
    const before = process.env.PATH;
    process.env.PATH = `${folder}:${before}`;
    onTestFinished(() => {
      process.env.PATH = before;
    });
    const env = await environmentWithoutServers();
    expect(await findOnPath("redis-server", env)).toBeUndefined();
    expect(await findOnPath("sh", env)).toBeDefined();
  });
});

describe("when no server can be had", () => {
  it("one error lists the four ways, each with its reason", async () => {
    const env = await environmentWithoutServers({ PATH: await temporaryFolder() });
    const error = await rejectionOf(findServer({ env, cacheFolder: await temporaryFolder() }));
    expect(error.code).toBe("NO_SERVER");
    const [headline, ...ways] = error.message.split("\n");
    expect(headline).toBe("find a Redis or Valkey server: none of the four ways works");
    expect(ways).toEqual([
      "  1. REDIS_URL: it is not set",
      "  2. redis-server or valkey-server on PATH: neither is there",
      expect.stringMatching(/^ {2}3\. Docker: no Docker daemon answers at "unix:\S+": /),
      expect.stringMatching(
        /^ {2}4\. a package of Debian or Ubuntu, unpacked without root: .*apt-get is not on PATH$/,
      ),
    ]);
  });

  it("REDIS_URL that does not answer is an error of its own and shows no password", async () => {
    const env = await environmentWithoutServers({ REDIS_URL: "redis://user:s3cret@127.0.0.1:1/0" });
    const error = await rejectionOf(findServer({ env }));
    expect(error.code).toBe("UNREACHABLE");
    expect(error.message).toMatch(/^reach REDIS_URL "redis:\/\/127\.0\.0\.1:1\/0": .*ECONNREFUSED/);
    expect(error.message).not.toContain("s3cret");
  });

  it.each(["http://127.0.0.1:6379", "127.0.0.1"])("REDIS_URL %s is refused", async (address) => {
    const env = await environmentWithoutServers({ REDIS_URL: address });
    expect((await rejectionOf(findServer({ env }))).code).toBe("INVALID_OPTION");
  });
});

describe("a server behind REDIS_URL", () => {
  it("is left as it was: nothing flushed, not paused, not restarted, not stopped", async () => {
    const owner = ending(await startServer({ args: ["--requirepass", "s3cret"] }));
    await command(owner.url, "SET", "theirs", "1");
    const before = await command(owner.url, "DUMP", "theirs");

    const env = await environmentWithoutServers({ REDIS_URL: owner.url });
    const server = await findServer({ env });
    expect(server.description).not.toContain("s3cret");
    for (const refused of [server.restart(), server.kill(), server.pause(), server.resume()]) {
      expect((await rejectionOf(refused)).code).toBe("NOT_OURS");
    }
    await server.stop();
    await server[Symbol.asyncDispose]();

    expect(await command(owner.url, "DUMP", "theirs")).toEqual(before);
    expect(await command(owner.url, "DBSIZE")).toBe(1);
  });
});
