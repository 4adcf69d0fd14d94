/**
 * One journey through every script and every path in it that touches keys, to be made on whatever server, as whatever
 * user. It checks little: that each path is taken shows in the words that the scripts answer.
 */
import {
  beatCall,
  begunField,
  begunValue,
  discardCall,
  enrollCall,
  firstTail,
  infoCall,
  leaveCall,
  nonceOf,
  PROTOCOL,
  replayCall,
  retireCall,
  type ScriptCall,
  Status,
  trimCall,
} from "@sluice/lua-scripts";
import { failure, recovered, retry, skip, success, unhandled } from "./attempts.js";
import { type GroupOptions, type Taken, TestGroup } from "./group.js";
import type { Client, Run } from "./redis.js";
import { passTime } from "./time.js";

const NEARLY_LAST_ID = "18446744073709551615-18446744073709551613";
const LAST_ID = "18446744073709551615-18446744073709551615";
const windowMs = 60_000;

/** Words that no reply carries, or that need a user or keys of another kind than a journey has. */
const NOT_ANSWERED: readonly string[] = [
  ...["SUCCESSES", "SUCCESS", "SKIP", "RETRY", "FAILURE"], // what settle is asked
  ...["FAILED", "MAX_ATTEMPTS", "INVALID", "MALFORMED", "UNHANDLED", "EMIT_REJECTED"], // reasons of dead letters
  ...["NEW", "LEASED", "SETTLED"], // what most items are, and a reply does not name
  ...["WRONGTYPE", "NOPERM"],
];

/** What a journey must have been answered. */
export const WORDS_TO_HEAR: readonly string[] = Object.values(Status).filter(
  (word) => !NOT_ANSWERED.includes(word),
);

export interface Heard {
  readonly words: ReadonlySet<string>;
  readonly scripts: ReadonlySet<string>;
}

/** Makes the journey with a stream of its own, each script call through `run`. */
export async function travel(client: Client, run: Run, options: GroupOptions): Promise<Heard> {
  const words = new Set<string>();
  const scripts = new Set<string>();
  const listening = async (call: ScriptCall) => {
    const reply = await run(call);
    scripts.add(call.script.name);
    for (const value of Array.isArray(reply) ? reply : []) if (typeof value === "string") words.add(value);
    return reply;
  };
  const group = new TestGroup(client, { ...options, run: listening });
  await group.publish(["before any group"]);
  for (const consumer of ["c1", "c2"]) await group.open({ consumer });
  await publishing(group);
  await handling(group);
  await emitting(group);
  await recovering(group);
  await operating(group);
  await losing(group);
  await declaring(group);
  await healing(group);
  await working(group);
  await refusing(group);
  return { words, scripts };
}

async function settleAll(group: TestGroup, entries: readonly Taken[]): Promise<void> {
  if (entries.length > 0) await group.settle("c1", ...entries.map((attempt) => skip(attempt)));
}

/** Leaves nothing new to the parts that follow. */
async function finish(group: TestGroup): Promise<void> {
  await settleAll(
    group,
    (await group.take()).filter(({ verdict }) => verdict === "LEASED"),
  );
}

async function publishing(group: TestGroup): Promise<void> {
  const other = { idempotencyKey: "a", event: "{}", fingerprint: "other" };
  await group.publish(["a", "b", "a", other], { windowMs });
  await group.publish(["a", other], { windowMs, atomic: true });
  await group.publish(["c"], { windowMs, maxLength: 1 });
  for (const passed of [windowMs, 5 * windowMs]) {
    await passTime(group, passed);
    await group.publish(["a"], { windowMs });
  }
  await finish(group);
}

async function handling(group: TestGroup): Promise<void> {
  await group.add("done", "fails", "again", "twice", "twice", "given back", "unread");
  const taken = await group.take();
  const [done, fails, again, twice, , back, unread] = taken;
  if (!(done && fails && again && twice && back && unread)) throw new Error("journey: nothing was delivered");
  await group.lease("c1", taken);
  await group.extend("c1", done, { key: "done", token: back.token });
  await group.leaseAfter("c1", "0-0");
  await group.release("c1", back, { ...back, token: undefined }, { ...unread, key: "", token: undefined });
  await group.settle(
    "c1",
    success(done),
    failure(fails),
    retry(again),
    skip(twice),
    success(unread),
    success(done),
  );
  await group.add("done");
  await group.take();
}

async function emitting(group: TestGroup): Promise<void> {
  const named = { key: "named", event: "{}", fingerprint: "f" };
  const [first, second] = [await group.inHand("e1"), await group.inHand("e2")];
  const attempts = [
    success(first, [named, { key: "~1", event: "{}" }]),
    success(second, [{ ...named, fingerprint: "other" }]),
  ];
  await group.settleReply("c1", attempts, windowMs);
  await finish(group);
  // The ring and the window turn, in every way that they can.
  for (const passed of [20_000, 60_000, 600_000]) {
    await passTime(group, passed);
    await group.settleReply("c1", [success(await group.inHand(`turn ${passed}`), [named])], windowMs);
    await finish(group);
  }
}

async function recovering(group: TestGroup): Promise<void> {
  const { client, keys } = group;
  await settleAll(group, (await group.recover("c1")).leased.map(recovered));
  // Of a consumer that dies: two entries under one key, one that is trimmed away, and one that kills others too.
  await group.inHand("poison", "c2");
  await group.inHand("held", "c2");
  await group.add("held", "stale", "trimmed");
  const read = await group.read("c2");
  await client.xdel(keys.stream, read.at(-1)?.id ?? "");
  await client.hset(keys.leases, "orphan", "1-0|c9|1|n.5");
  await client.zadd(keys.retries, 1, "1-0");
  for (let n = 0; n < 4; n++) {
    await passTime(group, 30_001);
    const taken = (await group.recover("c1")).leased.map(recovered).filter(({ key }) => key !== "poison");
    if (taken.length > 0) await group.settle("c1", ...taken.map((attempt) => success(attempt)));
  }
  // The poison is a suspect by now, runs as one, and dies.
  await group.takeSuspect("c1");
  await group.recover("c2", { scope: "SUSPECT" });
  await passTime(group, 30_001);
  await group.recover("c2");
  await takenOver(group);
  // A clock that goes back finds leases, and entries that wait.
  await group.settle("c1", retry(await group.inHand("waits"), 20_000));
  const held = await group.inHand("in hand", "c2");
  await passTime(group, -3_600_000);
  await group.recover("c1");
  await client.del(keys.retries);
  await group.recover("c1", { inHand: [held.id] });
}

/** What a process runs is taken over by another, and it tells that it is alive. */
async function takenOver(group: TestGroup): Promise<void> {
  const { client, keys } = group;
  const member = group.member("c2");
  const nonce = nonceOf(member.incarnation, 1);
  await group.add("taken over");
  const read = await group.read("c2");
  const { now } = await group.leaseReply("c2", read, nonce);
  await client.hset(keys.state, begunField(member), begunValue({ high: 1, unheard: [], suspect: "" }));
  await passTime(group, 30_001);
  const again = (await group.recover("c1")).leased.map(recovered);
  const held = read.map(({ id, key }) => ({ id, key, token: id + firstTail("c2", nonce, now) }));
  await group.release("c2", ...held);
  await group.settle("c1", ...again.map((attempt) => retry(attempt)));
}

async function operating(group: TestGroup): Promise<void> {
  const { client, keys, name, run } = group;
  const letters = await client.xrange(keys.dead, "-", "+");
  const [first = "1-0", second = "1-0", third = "1-0"] = letters.map(([id]) => id);
  await run(replayCall(keys, name, [first, "1-0"]));
  await client.xtrim(keys.stream, "MAXLEN", 1);
  await run(replayCall(keys, name, [second]));
  await run(discardCall(keys, [third, "1-0"]));
  await run(infoCall(keys, [{ name, keys }]));
  await passTime(group, 30_001);
  await settleAll(group, (await group.recover("c1")).leased.map(recovered));
  await finish(group);
  for (const limit of [1, 100]) await run(trimCall(keys, { settledForMs: 0, maxLength: 1_000, limit }));
  // Entries removed by somebody else make Redis's own lag wrong.
  const [unread] = await group.add("removed", "unread");
  await client.xdel(keys.stream, unread?.id ?? "");
  await run(infoCall(keys, [{ name, keys }]));
  await run(trimCall(keys, { settledForMs: 0, maxLength: 0, limit: 100 }));
  await group.open({ consumer: "leaves" });
  const leaving = await group.read("leaves");
  await group.release("leaves", ...leaving.map((entry) => ({ ...entry, token: undefined })));
  await run(retireCall(keys, { ...group.member("leaves"), idleMs: 0 }));
  await run(retireCall(keys, { group: name, idleMs: 0 }));
}

/** What others remove, claim, pass over and delete. */
async function losing(group: TestGroup): Promise<void> {
  const { client, keys, name, run } = group;
  for (const consumer of ["c1", "c2"]) await group.open({ consumer });
  const published = { idempotencyKey: "removed", event: "{}", fingerprint: "f" };
  const { results } = await group.publish([published], { windowMs });
  await client.xdel(keys.stream, results[0]?.id ?? "");
  await group.publish([published], { windowMs });
  await run(infoCall(keys, [{ name, keys }]));
  await group.recover("c1", { max: 0 });
  await finish(group);
  await group.settle("c1", retry(await group.inHand("waits"), 20_000), retry(await group.inHand("due"), 0));
  await client.zadd(keys.retries, ...Array.from({ length: 100 }, (_, n) => [1e15 + n, `${n + 1}-9`]).flat());
  await client.xgroup("DELCONSUMER", keys.stream, name, "/waiting");
  await group.recover("c1", { scope: "DUE", max: 0 });
  await group.recover("c1", { max: 0 });
  await settleAll(group, (await group.recover("c1")).leased.map(recovered));
  await group.inHand("held", "c2");
  await group.add("delivered");
  await group.read("c2");
  await group.recover("c1", { max: 0 });
  await client.xgroup("DELCONSUMER", keys.stream, name, "c2");
  await group.recover("c1", { max: 0 });
  await passTime(group, 30_001);
  await settleAll(group, (await group.recover("c1")).leased.map(recovered));
  // The stream, which others make again, and then they do not.
  await group.add("lost");
  await group.recover("c1", { max: 0 });
  await client.del(keys.stream);
  await client.xgroup("CREATE", keys.stream, name, "0", "MKSTREAM");
  await group.recover("c1");
  await group.add("lost");
  await group.recover("c1", { max: 0 });
  await client.del(keys.stream);
  await group.open({ consumer: "c1" });
  await group.open({ consumer: "c2" });
  await group.recover("c1");
}

/** A type is declared by two, by one and by nobody, and an entry is handed back for each. */
async function declaring(group: TestGroup): Promise<void> {
  const { client, keys } = group;
  await group.open({ consumer: "c1", types: ["t0"] });
  await group.open({ consumer: "c2", types: ["t1"] });
  await group.open({ consumer: "c3", types: ["t1", "t2"] });
  await group.settle("c1", unhandled(await group.inHand("handed back"), "t1"));
  await group.settle("c1", unhandled(await group.inHand("handed back too"), "t2"));
  await group.open({ consumer: "c3", types: ["t1"] });
  await group.open({ consumer: "c2" });
  await client.hset(keys.state, "types:c3", "1 t1");
  await settleAll(group, (await group.recover("c1")).leased.map(recovered));
}

async function healing(group: TestGroup): Promise<void> {
  await group.open({ consumer: "c1" });
  await group.settle("c1", failure(await group.inHand("dies before")));
  await group.client.xgroup("DESTROY", group.keys.stream, group.name);
  await group.refusal(group.recoverCall("c1"));
  await group.open({ mode: "REJOIN" });
  await group.take();
  await group.recover("c1");
}

/** Tenants are enrolled; workers come, ask for help, are gone and leave. */
async function working({ client, peers, registry, run }: TestGroup): Promise<void> {
  await run(enrollCall(registry, ["acme", "globex"]));
  await client.zadd(peers.workers, 1, "gone");
  await client.zadd(peers.help, 1, "long ago", 1e15, "not yet");
  await run(beatCall(peers, { worker: "w1", spare: false, needHelp: ["acme"], helped: ["globex"] }));
  await run(beatCall(peers, { worker: "w2", spare: true, needHelp: [], helped: [] }));
  await run(leaveCall(peers, { worker: "w1", helped: ["acme"] }));
}

async function refusing(group: TestGroup): Promise<void> {
  const { client, keys } = group;
  await group.refusal(group.openCall({ leaseMs: 5 }));
  await group.open({ incarnation: "newer" });
  await group.refusal(group.recoverCall("c1"));
  const options = { ...groupOptionsOf(group), group: "late" };
  await client.xgroup("CREATE", keys.stream, "late", "0");
  await new TestGroup(client, options).open();
  await new TestGroup(client, { ...options, group: "later" }).open({ startFrom: "$" });
  for (const last of [NEARLY_LAST_ID, LAST_ID]) {
    await client.call("XSETID", keys.stream, last);
    await group.refusal(group.publishCall(["z"]));
  }
  await client.hset(keys.meta, "protocol", PROTOCOL + 1);
  await group.refusal(group.publishCall(["z"]));
  await client.hset(keys.meta, "protocol", PROTOCOL);
}

function groupOptionsOf({ stream, tenant, run }: TestGroup): GroupOptions {
  return { stream, run, ...(tenant === undefined ? {} : { tenant }) };
}
