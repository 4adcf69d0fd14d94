/**
 * Hundreds of tenants on all masters of a Cluster, published to and consumed by a runtime's client, and one master
 * killed on the way while its replica is a moment behind. What came of it is judged by `judge.ts`.
 *
 * Clients are told of one node alone, the one that is killed: they have to know the others by then.
 */

import { setTimeout as delay } from "node:timers/promises";
import { type ClusterNode, type TestCluster, uniqueName } from "@sluice/test-server";
import { Redis } from "ioredis";
import { addressOf, linkTo, type ServerLink } from "../runner/server.js";
import type { Runtime } from "../runtimes.js";
import { judge, type Verdict } from "./judge.js";
import { stateOf, whenDrained } from "./state.js";
import { makeTenants, masterOfSlot, type SpreadTenant, spreadOf } from "./tenants.js";
import { Traffic } from "./traffic.js";

const TENANTS = 300;
/** For how long the master's last writes do not reach the replica: what is acknowledged then is lost. */
const BEHIND_MS = 200;
const WARM_UP_DEADLINE_MS = 60_000;
/** The others notice after about two seconds and elect the replica; clients then find it. */
const TAKE_OVER_DEADLINE_MS = 60_000;
const DRAIN_DEADLINE_MS = 60_000;
/** The replica may not be without its master for more than half a minute, or it is not elected. */
const MEANWHILE_DEADLINE_MS = 20_000;
const LOOK_EVERY_MS = 50;
/** More of one kind would tell nothing new. */
const MOST_LINES = 20;

export interface FailoverOutcome {
  readonly verdict: Verdict;
  /** What must not be of the tenants as such: how they lie, and those whose masters lived on. A line each. */
  readonly disturbances: readonly string[];
  /** The figures, for people. */
  readonly note: string;
}

/** The nodes that have a part of their own. */
interface Parts {
  readonly victim: ClusterNode;
  /** Follows the victim, and takes over from it. */
  readonly replica: ClusterNode;
  /** A master that lives on. */
  readonly witness: ClusterNode;
}

interface Outage {
  /** When the master was killed and when another served its slots, in milliseconds of this process. */
  readonly killedAt: number;
  readonly takenOverAt: number;
  /** Tenants of other masters that were not published to, or not consumed for, between the two. */
  readonly unserved: readonly string[];
}

/**
 * Needs a Cluster with replicas that nobody else uses: it has one master less afterwards.
 *
 * @throws {Error} when something does not come in time; its text says what.
 */
export async function runFailover(cluster: TestCluster, runtime: Runtime): Promise<FailoverOutcome> {
  const parts = partsOf(cluster);
  await using link = await linkTo({ url: parts.witness.url, cluster: true });
  const stream = uniqueName("orders");
  const tenants = await makeTenants(TENANTS, stream, link.redis);
  // Not what a node tells: before the first write it leaves its replicas out.
  const addresses = cluster.nodes.map(({ url }) => addressOf(url));
  const entry = addressOf(parts.victim.url);
  await using traffic = await Traffic.start({ runtime, stream, tenants, addresses, entry });
  traffic.publish();
  await when("every tenant to be served once", WARM_UP_DEADLINE_MS, () => isWarm(traffic));
  const outage = await killMaster(parts, traffic);
  await when("every tenant to be served again", TAKE_OVER_DEADLINE_MS, () =>
    isServedSince(traffic, outage.takenOverAt),
  );
  await traffic.stopPublishing();
  return await outcomeOf(traffic, parts.victim, outage, link);
}

function partsOf({ nodes }: TestCluster): Parts {
  const [victim, witness] = nodes.filter(({ role }) => role === "master");
  // The replicas are in the order of their masters.
  const replica = nodes.find(({ role }) => role === "replica");
  if (victim === undefined || witness === undefined || replica === undefined) {
    throw new TypeError("fail over: wanted a Cluster of several masters with a replica each");
  }
  return { victim, witness, replica };
}

/**
 * The replica is cut off first, so that what is acknowledged in the last moment is lost with the master: on one
 * machine replication is too fast for that to happen by itself. It takes over once all other tenants were served
 * without this master.
 */
async function killMaster({ victim, replica, witness }: Parts, traffic: Traffic): Promise<Outage> {
  await replica.pause();
  await withAdmin(victim, (admin) => admin.call("CLIENT", ["KILL", "TYPE", "replica"]));
  await delay(BEHIND_MS);
  const killedAt = performance.now();
  await victim.kill();
  const others = traffic.tenants.filter(({ masterPort }) => masterPort !== victim.port);
  const unserved = () => others.filter(({ name }) => !isServed(traffic, name, killedAt));
  await until(MEANWHILE_DEADLINE_MS, () => unserved().length === 0);
  const unservedNames = unserved().map(({ name }) => name);
  await replica.resume();
  const slot = traffic.tenants.find(({ masterPort }) => masterPort === victim.port)?.slot ?? 0;
  await withAdmin(witness, (admin) =>
    when("another master to take over", TAKE_OVER_DEADLINE_MS, async () => {
      return (await masterOfSlot(slot, admin)) !== victim.port;
    }),
  );
  return { killedAt, takenOverAt: performance.now(), unserved: unservedNames };
}

async function withAdmin<T>({ url }: ClusterNode, use: (admin: Redis) => Promise<T>): Promise<T> {
  const admin = new Redis(url);
  try {
    return await use(admin);
  } finally {
    admin.disconnect();
  }
}

async function outcomeOf(
  traffic: Traffic,
  victim: ClusterNode,
  outage: Outage,
  { redis }: ServerLink,
): Promise<FailoverOutcome> {
  const { tenants, acknowledged, refused, attempts } = traffic;
  const { killedAt, takenOverAt } = outage;
  const deadline = performance.now() + DRAIN_DEADLINE_MS;
  await Promise.all(tenants.map((tenant) => whenDrained(tenant, redis, deadline)));
  const states = await Promise.all(tenants.map((tenant) => stateOf(tenant, redis)));
  const struck = new Set(tenants.filter((it) => it.masterPort === victim.port).map(({ name }) => name));
  const history = { acknowledged, refused, attempts, states, struck, killedAt, takenOverAt };
  const verdict = judge(history);
  const disturbances = disturbancesOf(traffic, struck, outage);
  return { verdict, disturbances, note: noteOf(tenants, outage, verdict) };
}

/** What a failover must leave alone: how tenants are spread, and those that have another master. */
function disturbancesOf(
  { tenants, refused }: Traffic,
  struck: ReadonlySet<string>,
  { unserved }: Outage,
): readonly string[] {
  const spread = [...spreadOf(tenants)];
  const uneven = spread.filter(([, { tenants: served }]) => served < tenants.length / spread.length / 2);
  return [
    ...(spread.length < 3 ? [`the tenants are on ${spread.length} masters`] : []),
    ...uneven.map(([port, it]) => `the master at ${port} has ${it.tenants} of ${tenants.length} tenants`),
    ...refused.filter((it) => !struck.has(it.tenant)).map((it) => `${it.tenant}/${it.key} got ${it.code}`),
    ...unserved.map((name) => `${name} was not served while another tenant's master was down`),
  ].slice(0, MOST_LINES);
}

function noteOf(tenants: readonly SpreadTenant[], outage: Outage, verdict: Verdict): string {
  const { refused, refusedYetPresent, present, unhandled, handledTwice, pending, lost, lostAfterHandling } =
    verdict;
  const spread = [...spreadOf(tenants).values()];
  const perMaster = spread.map((it) => `${it.tenants} on ${it.slots} slots`).join(", ");
  const downS = ((outage.takenOverAt - outage.killedAt) / 1_000).toFixed(1);
  return [
    `${tenants.length} tenants on ${spread.length} masters (${perMaster})`,
    `one killed, its replica took over after ${downS} s`,
    `${verdict.acknowledged} publishes acknowledged, ${refused} refused (${refusedYetPresent} of them ran)`,
    `${present} entries in the streams, ${handledTwice} handled twice, ${unhandled} not handled, ${pending} pending`,
    `${lost} lost with the master before its replica had them (${lostAfterHandling} handled by then)`,
  ].join("; ");
}

function isWarm({ tenants, lastAttemptAt }: Traffic): boolean {
  return lastAttemptAt.size === tenants.length;
}

function isServedSince(traffic: Traffic, since: number): boolean {
  return traffic.tenants.every(({ name }) => isServed(traffic, name, since));
}

/** Whether a tenant was published to and consumed for since then. */
function isServed({ lastAcknowledgedAt, lastAttemptAt }: Traffic, name: string, since: number): boolean {
  return (lastAcknowledgedAt.get(name) ?? 0) > since && (lastAttemptAt.get(name) ?? 0) > since;
}

async function when(what: string, deadlineMs: number, condition: Condition): Promise<void> {
  if (await until(deadlineMs, condition)) return;
  throw new Error(`waited ${deadlineMs} ms for ${what}: it did not come to that`);
}

type Condition = () => boolean | Promise<boolean>;

/** Whether the condition comes true in time. */
async function until(deadlineMs: number, condition: Condition): Promise<boolean> {
  const end = performance.now() + deadlineMs;
  while (!(await condition())) {
    if (performance.now() > end) return false;
    await delay(LOOK_EVERY_MS);
  }
  return true;
}
