/**
 * Looks at a server before the first case: what it is, and what about it weakens a promise. It asks only, with
 * whatever rights the user has, and what the user may not ask is a finding that says so. What a setting means
 * is in `probe/settings.ts`, what the user may do in `probe/permissions.ts`.
 */

import type { Cluster, Redis } from "ioredis";
import { addressOf, askNode, type NodeAnswers } from "./probe/node.js";
import { permissionFindings } from "./probe/permissions.js";
import { settingFindings } from "./probe/settings.js";
import type { Finding, ServerFacts } from "./results.js";

/** Round trips that are timed, one after the other. */
const ROUND_TRIPS = 20;
/** From here on a round trip is worth a warning, in milliseconds: cases have time limits. */
const SLOW_ROUND_TRIP_MS = 20;
/** Masters that are asked. A Cluster can have a thousand, and they are set up alike. */
const MOST_MASTERS = 16;

/**
 * @param redis a connection that is up. It is only read from; what needs a connection to itself gets a
 *   duplicate, which is closed again.
 * @throws what ioredis rejects with when the connection is lost meanwhile; never for a refused command.
 */
export async function probeServer(redis: Redis | Cluster): Promise<ServerFacts> {
  const masters = "nodes" in redis ? redis.nodes("master") : [redis];
  const [first] = masters;
  if (first === undefined) throw new Error("probe a Cluster: no master is known, wanted at least one");
  const asked = masters.slice(0, MOST_MASTERS);
  const looked = await Promise.all(asked.map(lookAt));
  const facts = {
    product: productOf(looked[0]?.answers.info),
    address: asked.map(addressOf).join(" "),
    mode: modeOf(redis),
  };
  const roundTrip = await roundTripFinding(first);
  const findings = merge(
    looked.map((node) => node.findings),
    asked.map(addressOf),
  );
  if (facts.mode === "cluster") findings.unshift(mastersFinding(masters.length, looked));
  return { ...facts, findings: [...findings, roundTrip] };
}

interface Looked {
  readonly answers: NodeAnswers;
  readonly findings: readonly Finding[];
}

async function lookAt(node: Redis): Promise<Looked> {
  const answers = await askNode(node);
  return { answers, findings: [...settingFindings(answers), ...(await permissionFindings(node))] };
}

/** A server that is compatible with Redis says so in `redis_version`, and what it is in a field of its own. */
function productOf(info: NodeAnswers["info"] = new Map()): string {
  for (const product of ["valkey", "dragonfly"]) {
    const version = info.get(`${product}_version`);
    if (version !== undefined) return `${product} ${version}`;
  }
  return `redis ${info.get("redis_version") ?? "of unknown version"}`;
}

function modeOf(redis: Redis | Cluster): ServerFacts["mode"] {
  if ("nodes" in redis) return "cluster";
  return (redis.options.sentinels ?? []).length > 0 ? "sentinel" : "standalone";
}

function mastersFinding(count: number, looked: readonly Looked[]): Finding {
  const replicas = looked.map(({ answers }) => Number(answers.info.get("connected_slaves") ?? 0));
  const bare = replicas.filter((number) => number === 0).length;
  const asked = count > looked.length ? `, the first ${looked.length} were asked` : "";
  const value = `${count} masters, ${replicas.reduce((sum, number) => sum + number, 0)} replicas${asked}`;
  if (bare === 0) return { name: "cluster", value };
  return { name: "cluster", value, warning: `${bare} without a replica: if one is lost, so are its slots` };
}

/** One finding for each name; where nodes differ, each value with the nodes that have it. */
function merge(perNode: readonly (readonly Finding[])[], addresses: readonly string[]): Finding[] {
  const names = new Set(perNode.flatMap((findings) => findings.map(({ name }) => name)));
  return [...names].flatMap((name) => {
    const byValue = new Map<string, { finding: Finding; nodes: string[] }>();
    for (const [at, findings] of perNode.entries()) {
      const finding = findings.find((one) => one.name === name);
      if (finding === undefined) continue;
      const known = byValue.get(finding.value) ?? { finding, nodes: [] };
      known.nodes.push(addresses[at] ?? "");
      byValue.set(finding.value, known);
    }
    const different = [...byValue.values()];
    if (different.length === 1) return different.map(({ finding }) => finding);
    return different.map(({ finding, nodes }) => ({
      ...finding,
      value: `${finding.value} (${nodes.join(" ")})`,
    }));
  });
}

async function roundTripFinding(node: Redis): Promise<Finding> {
  const timesMs: number[] = [];
  for (let turn = 0; turn < ROUND_TRIPS; turn++) {
    const sentAt = performance.now();
    // A user who may not PING is answered as fast.
    await node.ping().catch(ignoreRefusal);
    timesMs.push(performance.now() - sentAt);
  }
  timesMs.sort((a, b) => a - b);
  const medianMs = timesMs[ROUND_TRIPS / 2] ?? 0;
  const value = `${medianMs.toFixed(2)} ms, the slowest of ${ROUND_TRIPS} ${timesMs.at(-1)?.toFixed(2)} ms`;
  if (medianMs < SLOW_ROUND_TRIP_MS) return { name: "round-trip", value };
  const warning =
    "cases have time limits, and some may not be kept from here: run the suite nearer to the server";
  return { name: "round-trip", value, warning };
}

function ignoreRefusal(error: unknown): void {
  // Anything else means that the connection is gone.
  if (!(error instanceof Error) || error.name !== "ReplyError") throw error;
}
