/** The servers of the matrix: versions out of Debian's packages, and a Cluster. Each is started for its own run. */

import { type ServerVersion, serverVersions, startCluster, startServer } from "@sluice/test-server";
import type { ServerUnderTest } from "../../packages/conformance-tests/src/runner/server.js";

export interface StartedServer extends AsyncDisposable {
  readonly underTest: ServerUnderTest;
  readonly description: string;
}

export interface MatrixServer {
  /** `redis-7.0`, `cluster`. */
  readonly name: string;
  start(note: (line: string) => void): Promise<StartedServer>;
}

export const MATRIX_SERVERS: readonly MatrixServer[] = [
  ...serverVersions.map((version) => ({
    name: version,
    start: (note: (line: string) => void) => startSingle(version, note),
  })),
  { name: "cluster", start: startOwnCluster },
];

async function startSingle(version: ServerVersion, note: (line: string) => void): Promise<StartedServer> {
  const start = (args: readonly string[], persistence: boolean) =>
    startServer({ server: "debian", version, args, persistence, onProgress: note });
  const server = await start([], false);
  return {
    // What cases do with a server of their own, a restart has to keep.
    underTest: { url: server.url, startAnother: (args) => start(args, true) },
    description: server.description,
    [Symbol.asyncDispose]: () => server.stop(),
  };
}

async function startOwnCluster(note: (line: string) => void): Promise<StartedServer> {
  const start = () => startCluster({ masters: 3, replicas: 1, onProgress: note });
  const cluster = await start();
  return {
    underTest: { url: cluster.url, cluster: true, startCluster: start },
    description: cluster.description,
    [Symbol.asyncDispose]: () => cluster.stop(),
  };
}
