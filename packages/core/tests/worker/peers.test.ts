/** Which worker serves which tenant: fair shares, few moves, and the same answer everywhere. No server. */
import { describe, expect, test } from "vitest";
import { Peers, rankOf } from "../../src/worker/peers.js";

const TENANTS = Array.from({ length: 10_000 }, (_, n) => `tenant-${n}`);

/** Names as they come: pods of one deployment differ in few characters. */
const NAMES = Array.from({ length: 9 }, (_, n) => `orders-worker-7d9f4c6b5-${n}`);

function workers(count: number): readonly string[] {
  return NAMES.slice(0, count);
}

/** The worker of each rank for a tenant, by the account of each worker itself. */
function orderFor(tenant: string, live: readonly string[]): readonly string[] {
  const order: string[] = [];
  for (const name of live) order[rankOf(tenant, live, name)] = name;
  return order;
}

function countBy<T>(items: readonly T[]): ReadonlyMap<T, number> {
  const counts = new Map<T, number>();
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1);
  return counts;
}

describe("ranks", () => {
  test.each([1, 2, 3, 8])("of %d workers are all different for each tenant, whoever asks", (count) => {
    const live = workers(count);
    for (const tenant of TENANTS.slice(0, 1_000)) {
      expect([...orderFor(tenant, live)].sort(), tenant).toEqual([...live].sort());
    }
  });

  test("are the same in whatever order the names come, with the own one or without", () => {
    const live = workers(8);
    const [self = ""] = live;
    for (const tenant of TENANTS.slice(0, 1_000)) {
      const rank = rankOf(tenant, live, self);
      expect(rankOf(tenant, [...live].reverse(), self)).toBe(rank);
      expect(rankOf(tenant, live.slice(1), self)).toBe(rank);
      expect(rankOf(tenant, [...live, ...live], self)).toBe(rank);
    }
  });

  test("stay what they are from version to version, or a rolling deployment would not agree", () => {
    const live = ["w1", "w2", "w3"];
    const orders = ["acme", "globex", "initech", "umbrella", "a", "0"].map((tenant) =>
      orderFor(tenant, live).join(" "),
    );
    expect(orders).toMatchInlineSnapshot(`
      [
        "w1 w2 w3",
        "w2 w3 w1",
        "w1 w2 w3",
        "w3 w2 w1",
        "w3 w2 w1",
        "w2 w1 w3",
      ]
    `);
  });
});

describe("balance", () => {
  // Within five standard deviations of what chance alone gives.
  test.each([2, 3, 8])("of %d workers: each is first, and second, for its share of tenants", (count) => {
    const orders = TENANTS.map((tenant) => orderFor(tenant, workers(count)));
    const share = TENANTS.length / count;
    const bound = 5 * Math.sqrt(share * (1 - 1 / count));
    for (const rank of [0, 1]) {
      const counts = countBy(orders.map((order) => order[rank]));
      expect(counts.size).toBe(count);
      for (const [name, found] of counts)
        expect(Math.abs(found - share), `${name}: ${found}`).toBeLessThan(bound);
    }
  });

  test("the tenants of a worker that is gone fall to all of the others alike", () => {
    const orders = TENANTS.map((tenant) => orderFor(tenant, workers(8))).filter(
      ([first]) => first === NAMES[0],
    );
    const share = orders.length / 7;
    const counts = countBy(orders.map(([, second]) => second));
    expect(counts.size).toBe(7);
    for (const found of counts.values()) {
      expect(Math.abs(found - share)).toBeLessThan(5 * Math.sqrt(share * (1 - 1 / 7)));
    }
  });
});

describe("when names change", () => {
  test("a worker that joins takes its share and nothing else moves", () => {
    const [before, after] = [workers(8), workers(9)];
    const joined = NAMES[8];
    const moved = TENANTS.filter((tenant) => orderFor(tenant, before)[0] !== orderFor(tenant, after)[0]);
    for (const tenant of moved) expect(orderFor(tenant, after)[0]).toBe(joined);
    const share = TENANTS.length / 9;
    expect(Math.abs(moved.length - share)).toBeLessThan(5 * Math.sqrt(share));
  });

  test("what remains keeps its order", () => {
    for (const tenant of TENANTS.slice(0, 1_000)) {
      const order = orderFor(tenant, workers(9));
      expect(orderFor(tenant, workers(8))).toEqual(order.filter((name) => name !== NAMES[8]));
    }
  });

  test("ranks that are shifted are those that are worked out anew", () => {
    const peers = new Peers("w1");
    const ranks = new Map(TENANTS.map((tenant) => [tenant, peers.rankOf(tenant)]));
    const lives = [["w1", "w2"], ["w1", "w2", "w3", "w4"], ["w4", "w5"], [], ["w9"], ["w9", "w1"]];
    for (const live of lives) {
      const change = peers.update(live);
      for (const [tenant, rank] of ranks) {
        const shifted = rank + (change?.shift(tenant) ?? 0);
        ranks.set(tenant, shifted);
        if (shifted !== rankOf(tenant, live, "w1")) expect.fail(`${tenant} with ${live}: ${shifted}`);
      }
    }
  });

  test("who came and who went is told, and nothing where nobody did", () => {
    const peers = new Peers("w1");
    expect(peers.count).toBe(1);
    expect(peers.update(["w1"])).toBeUndefined();
    expect(peers.update(["w2", "w1", "w3"])).toMatchObject({ joined: ["w2", "w3"], left: [] });
    expect(peers.count).toBe(3);
    expect(peers.update(["w3", "w2"])).toBeUndefined();
    expect(peers.update(["w4", "w3", "w1"])).toMatchObject({ joined: ["w4"], left: ["w2"] });
    expect(peers.rankOf("acme")).toBe(rankOf("acme", ["w1", "w3", "w4"], "w1"));
  });

  test("a change is about the names of its time, whatever came after it", () => {
    const peers = new Peers("w1");
    const first = peers.update(["w2"]);
    const shifts = TENANTS.slice(0, 100).map((tenant) => first?.shift(tenant));
    peers.update(["w3"]);
    expect(TENANTS.slice(0, 100).map((tenant) => first?.shift(tenant))).toEqual(shifts);
  });
});
