/**
 * Whether a Docker daemon answers, found out cheaply: loading testcontainers and letting it look around takes
 * seconds, which a machine without Docker should not pay on every run.
 *
 * It looks where testcontainers looks: its own settings, `DOCKER_HOST`, and the usual sockets.
 */

import { existsSync, readFileSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { homedir, userInfo } from "node:os";
import { join } from "node:path";
import { messageOf, TestServerError } from "../errors.js";
import type { Environment } from "../program.js";

/** A daemon on this machine answers within milliseconds; one that is starting is not worth waiting for. */
const answerDeadlineMs = 1_000;

/**
 * The address of the daemon that answers, as a URL (`unix:///var/run/docker.sock`).
 *
 * @throws TestServerError UNAVAILABLE, saying where was looked.
 */
export async function dockerDaemon(env: Environment): Promise<URL> {
  const home = env.HOME ?? homedir();
  const configured = settings(home).get("tc.host") ?? env.DOCKER_HOST ?? settings(home).get("docker.host");
  if (configured !== undefined && configured !== "") return await answering(configured);
  const sockets = [
    env.XDG_RUNTIME_DIR === undefined ? undefined : join(env.XDG_RUNTIME_DIR, "docker.sock"),
    join(home, ".docker/run/docker.sock"),
    join(home, ".docker/desktop/docker.sock"),
    `/run/user/${userInfo().uid}/docker.sock`,
    "/var/run/docker.sock",
  ];
  const socket = sockets.find((path) => path !== undefined && existsSync(path));
  if (socket === undefined) {
    throw new TestServerError(
      "UNAVAILABLE",
      "no Docker daemon: DOCKER_HOST is not set and there is no docker.sock",
    );
  }
  return await answering(`unix://${socket}`);
}

/** `name = value` lines of testcontainers' settings file. */
function settings(home: string): ReadonlyMap<string, string> {
  const file = join(home, ".testcontainers.properties");
  const text = existsSync(file) ? readFileSync(file, "utf8") : "";
  const lines = text.matchAll(/^\s*([\w.]+)\s*[=:]\s*(\S+)\s*$/gm);
  return new Map([...lines].map(([, name = "", value = ""]) => [name, value] as const));
}

async function answering(address: string): Promise<URL> {
  try {
    const url = new URL(address);
    if (url.protocol === "unix:") await ping(url.pathname);
    // Behind TCP may be TLS with certificates: whether somebody listens is enough here.
    else if (url.port !== "") await listens(url.hostname, Number(url.port));
    return url;
  } catch (error) {
    const reason = `no Docker daemon answers at "${address}": ${messageOf(error)}`;
    throw new TestServerError("UNAVAILABLE", reason, { cause: error });
  }
}

function ping(socketPath: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path: "/_ping", signal: AbortSignal.timeout(answerDeadlineMs) });
    asked.on("response", (response) => {
      response.resume();
      if (response.statusCode === 200) resolve();
      else reject(new Error(`it answers with status ${response.statusCode}`));
    });
    asked.on("error", (error) => {
      reject(error.name === "AbortError" ? new Error(`no answer within ${answerDeadlineMs} ms`) : error);
    });
    asked.end();
  });
}

function listens(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    socket.setTimeout(answerDeadlineMs, () =>
      socket.destroy(new Error(`no answer within ${answerDeadlineMs} ms`)),
    );
    socket.on("error", reject);
    socket.on("connect", () => {
      socket.destroy();
      resolve();
    });
  });
}
