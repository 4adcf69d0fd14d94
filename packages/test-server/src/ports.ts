/**
 * Free ports on 127.0.0.1. A port is only free at the moment it is looked at: whoever starts a server on it
 * tries another one when somebody was faster.
 */

import { randomInt } from "node:crypto";
import getPort from "get-port";

const host = "127.0.0.1";

/** Cluster nodes talk to each other on the client port plus this (before 7.0 it cannot be configured). */
const busOffset = 10_000;

/** Any free port, not handed out twice by this process within the next seconds. */
export async function freePort(): Promise<number> {
  return await getPort({ host });
}

/**
 * A port whose cluster bus port is free too. Both lie below 32,768, where Linux begins to pick ports for
 * outgoing connections: those of the tests themselves would otherwise collide with a bus port between two
 * looks.
 */
export async function freeClusterPort(): Promise<number> {
  for (;;) {
    const port = randomInt(11_000, 22_000);
    if ((await isFree(port)) && (await isFree(port + busOffset))) return port;
  }
}

/** get-port answers with another port when the wanted one is taken, or was handed out a moment ago. */
async function isFree(port: number): Promise<boolean> {
  return (await getPort({ host, port })) === port;
}
