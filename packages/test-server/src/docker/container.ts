/**
 * A server in a container, through testcontainers, which is loaded only here and only when a daemon answers.
 * Whether its reaper (Ryuk) runs is left to the user's settings.
 */

import { messageOf, TestServerError } from "../errors.js";
import { freePort } from "../ports.js";
import type { Environment } from "../program.js";
import { parseInfo, productOf, withConnection } from "../resp.js";
import { type TestServer, urlOf } from "../server.js";
import { waitUntil } from "../wait.js";
import { dockerDaemon } from "./daemon.js";

const containerPort = 6379;
/** Pulling an image over a slow line included. */
const startDeadlineMs = 180_000;
const answerDeadlineMs = 30_000;
const stopDeadlineS = 10;

export interface ContainerOptions {
  readonly image: string;
  readonly args: readonly string[];
  readonly persistence: boolean;
  readonly env: Environment;
  readonly onProgress?: ((line: string) => void) | undefined;
}

/** Rejects with UNAVAILABLE when no daemon answers or the image does not start. */
export async function startContainer(options: ContainerOptions): Promise<TestServer> {
  await dockerDaemon(options.env);
  options.onProgress?.(`starting ${options.image} in Docker`);
  try {
    return await start(options);
  } catch (error) {
    const reason = `run "${options.image}" in Docker: ${messageOf(error)}`;
    throw new TestServerError("UNAVAILABLE", reason, { cause: error });
  }
}

async function start({ image, args, persistence }: ContainerOptions): Promise<TestServer> {
  const { GenericContainer, getContainerRuntimeClient, Wait } = await import("testcontainers");
  // A fixed port, because Docker gives a restarted container another one otherwise.
  const hostPort = await freePort();
  const docker = await getContainerRuntimeClient();
  const isLocal = ["localhost", "127.0.0.1"].includes(docker.info.containerRuntime.host);

  /**
   * Docker publishes ports on all interfaces; a server without a password belongs on this machine's alone.
   */
  class LocalContainer extends GenericContainer {
    override async beforeContainerCreated(): Promise<void> {
      if (!isLocal) return;
      this.hostConfig.PortBindings = {
        [`${containerPort}/tcp`]: [{ HostIp: "127.0.0.1", HostPort: String(hostPort) }],
      };
    }
  }

  const appendOnly = persistence
    ? ["--appendonly", "yes", "--appendfsync", "always"]
    : ["--appendonly", "no"];
  const container = await new LocalContainer(image)
    .withExposedPorts({ container: containerPort, host: hostPort })
    .withCommand(["--save", "", ...appendOnly, "--protected-mode", "no", ...args])
    // The default strategy waits for the port, and runs a shell in the container for that.
    .withWaitStrategy(Wait.forLogMessage(/ready to accept connections/i))
    .withStartupTimeout(startDeadlineMs)
    .start();

  const raw = docker.container.getById(container.getId());
  const host = isLocal ? "127.0.0.1" : container.getHost();
  const url = urlOf(host, hostPort, args);
  const answer = () =>
    waitUntil(
      () => withConnection(url, async (connection) => productOf(parseInfo(await connection.command("INFO")))),
      { what: `an answer of the container at ${host}:${hostPort}`, deadlineMs: answerDeadlineMs },
    );
  const product = await answer().catch(async (error: unknown) => {
    await container.stop();
    throw error;
  });
  const isRunning = async () => (await raw.inspect()).State.Running;
  let stopped: Promise<unknown> | undefined;
  const stop = async () => {
    stopped ??= container.stop({ remove: true, removeVolumes: true });
    await stopped;
  };
  return {
    url,
    host,
    port: hostPort,
    description: `${product}, ${image} in Docker`,
    ours: true,
    async restart({ signal = "SIGTERM" } = {}) {
      if (await isRunning()) await (signal === "SIGTERM" ? raw.stop({ t: stopDeadlineS }) : raw.kill());
      await raw.start();
      await answer();
    },
    async kill() {
      if (await isRunning()) await raw.kill();
    },
    async pause() {
      await raw.pause();
    },
    async resume() {
      await raw.unpause();
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
