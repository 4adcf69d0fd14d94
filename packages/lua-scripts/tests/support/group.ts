/**
 * A stream of its own with one consumer group, driven by the raw scripts: each step is one script call or one plain
 * command, and a step that is refused throws unless the test asks for the refusal.
 */
import {
  begunField,
  begunValue,
  type ExtendVerdict,
  entryOf,
  extendCall,
  extendReply,
  firstTail,
  type GroupKeys,
  type GroupSettings,
  groupKeys,
  type LeaseAfterReply,
  type LeaseReply,
  type LeaseVerdict,
  leaseAfterCall,
  leaseAfterReply,
  leaseCall,
  leaseReply,
  type Member,
  nonceOf,
  type OpenInput,
  type OpenReply,
  openCall,
  openReply,
  type PeerKeys,
  type PublishInput,
  type PublishItem,
  type PublishReply,
  peerKeys,
  publishCall,
  publishReply,
  type RecoveredEntry,
  type RecoverInput,
  type RecoverReply,
  type Refusal,
  type RegistryKeys,
  type ReleaseItem,
  type ReleaseVerdict,
  recoverCall,
  recoverReply,
  refusalIn,
  registryKeys,
  releaseCall,
  releaseReply,
  type ScriptCall,
  type SettleItem,
  type SettleReply,
  type SettleVerdict,
  settleCall,
  settleReply,
} from "@sluice/lua-scripts";
import { uniqueName } from "@sluice/test-server";
import { type Client, type Run, run } from "./redis.js";

export { type Emitted, failure, numberOf, recovered, retry, skip, success } from "./attempts.js";

/** An entry as XREADGROUP or XRANGE gives it. */
export interface Delivered {
  readonly id: string;
  /** Empty for an entry that is not in our layout. */
  readonly key: string;
}

/** An entry that `lease` judged. */
export interface Taken extends Delivered {
  readonly verdict: LeaseVerdict;
  /** Of use only where the verdict is LEASED. */
  readonly token: string;
}

/** An entry of the pending list. */
export interface Pending {
  readonly id: string;
  readonly consumer: string;
  readonly idleMs: number;
  readonly attempts: number;
}

export interface GroupOptions extends Partial<GroupSettings> {
  readonly group?: string;
  /** Undefined for single-tenant keys. */
  readonly tenant?: string;
  readonly stream?: string;
  /** How calls are run; by default as the client itself. */
  readonly run?: Run;
}

/** Long enough that nothing falls due while a test runs. */
export const SETTINGS: GroupSettings = { idempotencyTtlMs: 60_000, leaseMs: 30_000, maxAttempts: 3 };

let nonces = 0;

/** Whose calls lease: a process that is dead when the next one looks, unless that names what is in hand. */
const MORTAL = "mortal";

/** A nonce that no other call has. */
export function nextNonce(): string {
  nonces += 1;
  return nonceOf(MORTAL, nonces);
}

export class TestGroup {
  readonly keys: GroupKeys;
  readonly name: string;
  readonly settings: GroupSettings;
  readonly client: Client;
  readonly run: Run;
  readonly stream: string;
  readonly tenant: string | undefined;

  constructor(client: Client, options: GroupOptions = {}) {
    const { group = "billing", tenant, stream = uniqueName("orders"), run: runCall, ...settings } = options;
    this.client = client;
    this.name = group;
    this.stream = stream;
    this.tenant = tenant;
    this.keys = groupKeys(stream, group, tenant);
    this.settings = { ...SETTINGS, ...settings };
    this.run = runCall ?? ((call) => run(client, call));
  }

  /** Another group of the same stream, opened. */
  async sibling(group: string): Promise<TestGroup> {
    const tenant = this.tenant === undefined ? {} : { tenant: this.tenant };
    return await openGroup(this.client, {
      ...this.settings,
      ...tenant,
      group,
      stream: this.stream,
      run: this.run,
    });
  }

  /** Every key of stream and group. */
  get allKeys(): readonly string[] {
    return Object.values(this.keys);
  }

  /** Keys beside those of its tenant: of all tenants of the stream. */
  get registry(): RegistryKeys {
    return registryKeys(this.stream);
  }

  get peers(): PeerKeys {
    return peerKeys(this.stream, this.name);
  }

  get sharedKeys(): readonly string[] {
    return [...Object.values(this.registry), ...Object.values(this.peers)];
  }

  get buckets(): readonly string[] {
    return this.allKeys.filter((key) => /\/processed\.\d$/.test(key));
  }

  member(consumer: string): Member {
    return { group: this.name, consumer, incarnation: `${consumer}-process` };
  }

  openCall(input: Partial<OpenInput> = {}): ScriptCall {
    const member = this.member(input.consumer ?? "c1");
    const defaults = { mode: "TAKE", startFrom: "0-0", change: false, types: [] } as const;
    return openCall(this.keys, { ...member, ...defaults, ...this.settings, ...input });
  }

  async open(input: Partial<OpenInput> = {}): Promise<OpenReply> {
    return accepted(openReply(await this.run(this.openCall(input))));
  }

  publishCall(events: readonly (string | PublishItem)[], input: Partial<PublishInput> = {}): ScriptCall {
    const items = events.map((event) => (typeof event === "string" ? itemOf(event) : event));
    return publishCall(this.keys, { windowMs: 0, maxLength: 0, atomic: false, ...input, events: items });
  }

  /** Publishes without window or limit unless told otherwise. */
  async publish(
    events: readonly (string | PublishItem)[],
    input: Partial<PublishInput> = {},
  ): Promise<PublishReply> {
    return accepted(publishReply(await this.run(this.publishCall(events, input)), events.length));
  }

  /** Publishes under these keys and answers the entries. */
  async add(...keys: readonly string[]): Promise<readonly Delivered[]> {
    const { results } = await this.publish(keys);
    return results.map(({ id }, at) => ({ id, key: keys[at] ?? "" }));
  }

  /** XREADGROUP of new entries. */
  async read(consumer = "c1", count = 1_000): Promise<readonly Delivered[]> {
    const from = ["COUNT", count, "STREAMS", this.keys.stream, ">"];
    const reply = await this.client.call("XREADGROUP", "GROUP", this.name, consumer, ...from);
    // One stream was asked: [[name, [[id, fields], ...]]], or nil.
    const entries = (reply as [[string, [string, string[]][]]] | null)?.[0][1] ?? [];
    return entries.map(([id, fields]) => ({ id, key: fields[0] === "key" ? (fields[1] ?? "") : "" }));
  }

  leaseCall(consumer: string, entries: readonly Delivered[], nonce = nextNonce()): ScriptCall {
    return leaseCall(this.keys, this.member(consumer), nonce, entries);
  }

  async leaseReply(
    consumer: string,
    entries: readonly Delivered[],
    nonce = nextNonce(),
  ): Promise<LeaseReply> {
    const call = this.leaseCall(consumer, entries, nonce);
    const reply = accepted(leaseReply(await this.run(call), entries.length));
    if (reply.verdicts.includes("LEASED")) await this.begins(consumer);
    return reply;
  }

  /** What was delivered behind the ID, as a read and a lease on one connection find it. */
  async leaseAfter(consumer: string, after: string, max = 10): Promise<LeaseAfterReply> {
    const call = leaseAfterCall(this.keys, this.member(consumer), nextNonce(), after, max);
    const reply = accepted(leaseAfterReply(await this.run(call)));
    if ([...reply.verdicts.values()].includes("LEASED")) await this.begins(consumer);
    return reply;
  }

  async lease(consumer: string, entries: readonly Delivered[]): Promise<readonly Taken[]> {
    const nonce = nextNonce();
    const { now, verdicts } = await this.leaseReply(consumer, entries, nonce);
    return entries.map((entry, at) => ({
      ...entry,
      verdict: verdicts[at] ?? "LOST",
      token: entry.id + firstTail(consumer, nonce, now),
    }));
  }

  /** Reads what is new and leases it. */
  async take(consumer = "c1"): Promise<readonly Taken[]> {
    const entries = await this.read(consumer);
    return entries.length === 0 ? [] : await this.lease(consumer, entries);
  }

  /** Publishes an event under each key and leases them, all of them or it throws: the attempts in hand. */
  async takeAll<const Keys extends readonly string[]>(
    ...keys: Keys
  ): Promise<{ [Nth in keyof Keys]: Taken }> {
    return await this.#takeAllOf(keys, "c1");
  }

  /** The same for one. */
  async inHand(key: string, consumer = "c1"): Promise<Taken> {
    const [taken] = await this.#takeAllOf([key] as const, consumer);
    return taken;
  }

  async #takeAllOf<Keys extends readonly string[]>(keys: Keys, consumer: string) {
    await this.add(...keys);
    const taken = await this.take(consumer);
    const leased = taken.filter(({ verdict }) => verdict === "LEASED").map(({ key }) => key);
    if (leased.join() !== keys.join()) throw new Error(`lease of ${keys}: got ${leased}`);
    // One for each key, as was just seen.
    return taken as unknown as { [Nth in keyof Keys]: Taken };
  }

  settleCall(consumer: string, attempts: readonly SettleItem[], windowMs = 0): ScriptCall {
    return settleCall(this.keys, this.member(consumer), windowMs, attempts);
  }

  async settleReply(consumer: string, attempts: readonly SettleItem[], windowMs = 0): Promise<SettleReply> {
    return accepted(settleReply(await this.run(this.settleCall(consumer, attempts, windowMs)), attempts));
  }

  async settle(consumer: string, ...attempts: readonly SettleItem[]): Promise<readonly SettleVerdict[]> {
    return (await this.settleReply(consumer, attempts)).verdicts;
  }

  recoverCall(consumer: string, input: Partial<RecoverInput> = {}): ScriptCall {
    const defaults = {
      nonce: nextNonce(),
      max: 1_000,
      maxBytes: 1_000_000,
      scope: "ALL",
      ownAfter: "0-0",
      inHand: [],
    } as const;
    return recoverCall(this.keys, this.member(consumer), { ...defaults, ...input });
  }

  async recover(consumer = "c1", input: Partial<RecoverInput> = {}): Promise<RecoverReply> {
    const reply = accepted(recoverReply(await this.run(this.recoverCall(consumer, input))));
    if (reply.leased.length > 0) await this.begins(consumer);
    return reply;
  }

  /** The consumer's process has had every reply so far, and begun what they brought: it runs this suspect, if any. */
  async begins(consumer: string, suspect = ""): Promise<void> {
    const field = begunField({ consumer, incarnation: MORTAL });
    const value = begunValue({ high: nonces, unheard: [], suspect });
    // A server at maxmemory, and a user who may not, refuse it.
    await this.client.hset(this.keys.state, field, value).catch(() => {});
  }

  /** The suspect that waits, if one does, leased and begun. */
  async takeSuspect(consumer = "c1"): Promise<RecoveredEntry | undefined> {
    const { leased } = await this.recover(consumer, { scope: "SUSPECT", ownAfter: undefined });
    const [suspect] = leased;
    if (suspect !== undefined) await this.begins(consumer, entryOf(suspect.token));
    return suspect;
  }

  extendCall(consumer: string, attempts: readonly Holding[]): ScriptCall {
    return extendCall(this.keys, this.member(consumer), attempts);
  }

  async extend(consumer: string, ...attempts: readonly Holding[]): Promise<readonly ExtendVerdict[]> {
    return accepted(extendReply(await this.run(this.extendCall(consumer, attempts)))).verdicts;
  }

  releaseCall(consumer: string, entries: readonly ReleaseItem[]): ScriptCall {
    return releaseCall(this.keys, this.member(consumer), entries);
  }

  async release(consumer: string, ...entries: readonly ReleaseItem[]): Promise<readonly ReleaseVerdict[]> {
    return accepted(releaseReply(await this.run(this.releaseCall(consumer, entries)))).verdicts;
  }

  /** Runs a call that is wanted to be refused. */
  async refusal(call: ScriptCall): Promise<Refusal> {
    const reply = await this.run(call);
    const refusal = refusalIn(reply);
    if (refusal === undefined)
      throw new Error(`${call.script.name} was wanted to refuse: ${JSON.stringify(reply)}`);
    return refusal;
  }

  /** The pending list, in order. */
  async pending(): Promise<readonly Pending[]> {
    const reply = await this.client.call("XPENDING", this.keys.stream, this.name, "-", "+", 10_000);
    // XPENDING's extended form.
    return (reply as [string, string, number, number][]).map(([id, consumer, idleMs, attempts]) => {
      return { id, consumer, idleMs, attempts };
    });
  }
}

/** What `extend` asks about: an attempt in hand. */
export type Holding = Pick<Taken, "key" | "token">;

function itemOf(key: string): PublishItem {
  return { idempotencyKey: key, event: `{"about":"${key}"}`, fingerprint: `f-${key}` };
}

function accepted<T extends { readonly status: "OK" }>(reply: T | Refusal): T {
  if (reply.status !== "OK") throw new Error(`refused: ${JSON.stringify(reply)}`);
  // OK is no refusal's status.
  return reply as T;
}

/** A group of a stream of its own, opened by consumer `c1` (and others named). */
export async function openGroup(
  client: Client,
  options: GroupOptions & { readonly consumers?: readonly string[] } = {},
): Promise<TestGroup> {
  const { consumers = ["c1", "c2"], ...rest } = options;
  const group = new TestGroup(client, rest);
  for (const consumer of consumers) await group.open({ consumer });
  return group;
}
