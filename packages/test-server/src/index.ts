/**
 * Finds or starts a Redis or Valkey server to test against. `findServer` takes the user's own or starts one;
 * `startServer`, `startCluster` and `startSentinels` always start.
 */

export { type ClusterNode, type ClusterOptions, startCluster, type TestCluster } from "./cluster.js";
export { type UnpackedPackages, type UnpackOptions, unpackDebianPackages } from "./debian/unpack.js";
export { TestServerError, type TestServerErrorCode } from "./errors.js";
export { type FindOptions, findServer } from "./find-server.js";
export { type Command, type Environment, findOnPath } from "./program.js";
export { projectFolder } from "./project.js";
export { listKeys, removeNamesOfRun, runTag, sharedServerUrl, shareServer, uniqueName } from "./run-names.js";
export { type SentinelOptions, startSentinels, type TestSentinels } from "./sentinel.js";
export type { TestServer } from "./server.js";
export { type ServerSource, type StartOptions, startServer } from "./start-server.js";
export { type ServerVersion, serverVersions } from "./versions.js";
