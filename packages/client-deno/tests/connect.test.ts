/** `connect()` under Deno, with the permissions that the README names and no others. */

import { sharedServerUrl, startCluster, uniqueName } from "@sluice/test-server";
import { expect, onTestFinished, test } from "vitest";
import { leastPermissions, startProgram } from "./deno.js";

const HANDLED = [
  "published, duplicate: false",
  "published, duplicate: true",
  "handled o1",
  "pending: 0, lag: 0",
];

test("publishes and consumes with network to the server and the environment alone", async () => {
  const args = [sharedServerUrl(), uniqueName("orders")];
  const { ended } = startProgram("round-trip", { permissions: leastPermissions(), args });
  expect(await ended).toEqual({ code: 0, signal: null, lines: HANDLED, stderr: "" });
});

test("takes a Redis of the user's, which stays as it was", async () => {
  const args = [sharedServerUrl(), uniqueName("orders"), "own"];
  const { ended } = startProgram("round-trip", { permissions: leastPermissions(), args });
  expect(await ended).toEqual({ code: 0, signal: null, lines: [...HANDLED, "own: PONG"], stderr: "" });
});

test("takes an environment that is kept from it", async () => {
  const [net = ""] = leastPermissions();
  const args = [sharedServerUrl(), uniqueName("orders")];
  const { ended } = startProgram("round-trip", { permissions: [net, "--ignore-env"], args });
  expect(await ended).toMatchObject({ code: 0, lines: HANDLED });
});

test("takes a Cluster of the user's, with network to all of its nodes", async () => {
  const cluster = await startCluster();
  onTestFinished(() => cluster.stop());
  const [first] = cluster.nodes;
  const addresses = cluster.nodes.map(({ host, port }) => `${host}:${port}`);
  const permissions = ["--allow-env", `--allow-net=${addresses.join(",")}`];
  const node = { host: first?.host, port: first?.port };
  const { ended } = startProgram("connect", { permissions, args: [JSON.stringify({ cluster: [node] })] });
  const { lines } = await ended;
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ connected: true }]);
});
