/**
 * Which of a group's workers serve a tenant: rendezvous ranks, without any I/O. Every worker works them out by itself
 * from the names that are live (`beat`), and all that know the same names agree. When the beats go out, and what
 * a worker does for a tenant of a rank, is the worker's business.
 *
 * Source of the order: Thaler and Ravishankar, "A Name-Based Mapping Scheme for Rendezvous" (1996), highest random
 * weight. The weight of a worker for a tenant is a hash of both names. A worker that joins takes its share from each of
 * the others, and what one leaves goes to each of them: nothing else moves.
 */

/** What is to do after the live names have changed. */
export interface PeerChange {
  readonly joined: readonly string[];
  readonly left: readonly string[];
  /**
   * By how much the own rank of a tenant has changed: positive for those that joined ahead of this worker, negative for
   * those that were ahead of it and left. It costs as much as names have changed, not as there are.
   */
  shift(tenant: string): number;
}

/** The own name, and the names of the others. */
export class Peers {
  readonly self: string;
  readonly #self: Weighted;
  #others: ReadonlyMap<string, Weighted> = new Map();

  constructor(self: string) {
    this.self = self;
    this.#self = weighted(self);
  }

  /** How many workers there are, this one included. */
  get count(): number {
    return this.#others.size + 1;
  }

  /**
   * Takes the live names as a beat tells them, in any order, with the own name or without.
   *
   * @returns what changed; undefined if nothing did.
   */
  update(live: readonly string[]): PeerChange | undefined {
    const before = this.#others;
    const now = new Map<string, Weighted>();
    for (const name of live) if (name !== this.self) now.set(name, before.get(name) ?? weighted(name));
    const joined = [...now.values()].filter(({ name }) => !before.has(name));
    const left = [...before.values()].filter(({ name }) => !now.has(name));
    if (joined.length === 0 && left.length === 0) return undefined;
    this.#others = now;
    const self = this.#self;
    return {
      joined: joined.map(({ name }) => name),
      left: left.map(({ name }) => name),
      shift: (tenant) => aheadOf(self, tenant, joined) - aheadOf(self, tenant, left),
    };
  }

  /** How many of the others come before this worker for the tenant: 0 for the first that serves it. */
  rankOf(tenant: string): number {
    return aheadOf(this.#self, tenant, this.#others.values());
  }
}

/**
 * The rank of one worker for a tenant: how many of the live ones come before it.
 *
 * @param live - names, in any order; `self` counts as live, whether it is among them or not.
 */
export function rankOf(tenant: string, live: readonly string[], self: string): number {
  const peers = new Peers(self);
  peers.update(live);
  return peers.rankOf(tenant);
}

/** A name with its hash, which is made once. */
interface Weighted {
  readonly name: string;
  readonly hash: number;
}

function weighted(name: string): Weighted {
  return { name, hash: hashOf(name) };
}

function aheadOf(self: Weighted, tenant: string, others: Iterable<Weighted>): number {
  const hash = hashOf(tenant);
  const own = weightOf(self.hash, hash);
  let count = 0;
  for (const other of others) {
    const theirs = weightOf(other.hash, hash);
    // Equal weights are one in four billion; then all workers have to agree on something else.
    if (theirs > own || (theirs === own && other.name > self.name)) count += 1;
  }
  return count;
}

/** The weight of a worker for a tenant, of their hashes: an unsigned integer of 32 bits. */
function weightOf(worker: number, tenant: number): number {
  return mixed(Math.imul(worker, 5) ^ tenant);
}

/**
 * A hash of a name, 32 bits: FNV-1a (Fowler, Noll and Vo) over its UTF-16 code units, which are bytes as names are
 * ASCII, and then mixed, since FNV leaves names that differ at their end alike.
 */
function hashOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < name.length; at++) {
    hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
  }
  return mixed(hash);
}

/** The last step of MurmurHash3 for 32 bits (Appleby, in the public domain): each bit decides about half of the others. */
function mixed(bits: number): number {
  let hash = bits ^ (bits >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  hash ^= hash >>> 16;
  return hash >>> 0;
}
