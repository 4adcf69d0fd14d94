/** Choices that a seed repeats. */

/** splitmix32: 32 bits of state, so that a seed is one number that a person can type. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 to 2^32 - 1. */
  next(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  }

  /** 0 to `limit` - 1. */
  below(limit: number): number {
    return Math.floor((this.next() / 2 ** 32) * limit);
  }

  chance(probability: number): boolean {
    return this.next() < probability * 2 ** 32;
  }

  pick<T>(list: readonly T[]): T {
    const picked = list[this.below(list.length)];
    if (picked === undefined) throw new RangeError("pick: the list is empty");
    return picked;
  }

  /** One of the options, each as likely as its weight. */
  weighted<T>(options: readonly (readonly [weight: number, option: T])[]): T {
    let left = (this.next() / 2 ** 32) * options.reduce((sum, [weight]) => sum + weight, 0);
    const hit = options.find(([weight]) => {
      left -= weight;
      return left < 0;
    });
    return (hit ?? this.pick(options))[1];
  }

  /** All of the list half of the time, else at least one of it; in its order. */
  some<T>(list: readonly T[]): T[] {
    if (list.length < 2 || this.chance(0.5)) return [...list];
    const kept = list.filter(() => this.chance(0.5));
    return kept.length > 0 ? kept : [this.pick(list)];
  }
}

/** A seed of its own for the n-th history of a run. */
export function seedOf(seed: number, index: number): number {
  return new Random(seed ^ Math.imul(index + 1, 0x85ebca6b)).next();
}
