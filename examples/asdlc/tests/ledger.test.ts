import { describe, expect, it } from "vitest";
import { Ledger } from "../src/ledger.js";

const TENANTS = ["atlas", "borealis"];
const GROUPS = ["planner", "reviewer"];
const KEYS = ["k0", "k1", "k2"];

function receipt(group: string, key: string, tenant: string) {
  return { group, consumer: `${group}-1`, key, tenants: [tenant] };
}

interface Books {
  readonly ledger: Ledger;
  readonly receive: (tenant: string, group: string, key: string) => void;
}

/**
 * Books that balance: three keys for each tenant, the first published twice, all handled; then `change` them.
 */
function booksAfter(change: (books: Books) => void, skip: (line: string) => boolean = () => false) {
  const ledger = new Ledger(TENANTS, GROUPS);
  const receive = (tenant: string, group: string, key: string) =>
    ledger.sawReceipt(tenant, receipt(group, key, tenant));
  for (const tenant of TENANTS) {
    for (const key of KEYS) {
      if (!skip(`publish ${tenant} ${key}`)) ledger.publish(tenant, key);
      if (!skip(`entry ${tenant} ${key}`)) ledger.sawEntry(tenant, key);
      for (const group of GROUPS) if (!skip(`handle ${tenant} ${group} ${key}`)) receive(tenant, group, key);
    }
    ledger.publishAgain(tenant, "k0");
    ledger.sawEntry(tenant, "k0");
    for (const group of GROUPS) if (!skip(`drain ${tenant} ${group}`)) ledger.sawDrained(tenant, group);
  }
  change({ ledger, receive });
  return ledger.check();
}

const nothing = () => {};

describe("the books", () => {
  it("balance when every group handled every (tenant, key) once", () => {
    const { rows, differences, differenceCount } = booksAfter(nothing);
    expect(differences).toEqual([]);
    expect(differenceCount).toBe(0);
    expect(rows).toHaveLength(4);
    const byConsumer = new Map([["planner-1", 3]]);
    const counts = { published: 3, publishedAgain: 1, handled: 3, skipped: 1, deadLetters: 0 };
    expect(rows[0]).toEqual({ tenant: "atlas", group: "planner", ...counts, byConsumer });
  });

  it("know how far it is while it goes on, and count a key handled twice once for that", () => {
    const ledger = new Ledger(TENANTS, GROUPS);
    ledger.publish("atlas", "k0");
    ledger.publishAgain("atlas", "k0");
    ledger.sawReceipt("atlas", receipt("planner", "k0", "atlas"));
    ledger.sawReceipt("atlas", receipt("planner", "k0", "atlas"));
    expect([ledger.handled, ledger.toHandle]).toEqual([1, 2]);
  });

  it.each<[string, (books: Books) => void, string]>([
    [
      "a second commit for a key",
      ({ receive }) => receive("atlas", "planner", "k1"),
      'atlas, planner: "k1" was handled 2 times',
    ],
    [
      "a foreign tenant",
      ({ ledger }) => ledger.sawReceipt("atlas", { ...receipt("planner", "k9", "borealis"), key: "k1" }),
      'atlas, planner: saw foreign tenant "borealis" in "k1"',
    ],
    [
      "a receipt for what was never published",
      ({ receive }) => receive("atlas", "planner", "k9"),
      'atlas: "k9" is there and was not published for it',
    ],
    [
      "an entry too many",
      ({ ledger }) => ledger.sawEntry("borealis", "k1"),
      'borealis: "k1" was published once and is in the stream 2 times',
    ],
    [
      "a second publish that was answered from the window",
      ({ ledger }) => ledger.publishAgain("borealis", "k1"),
      'borealis: "k1" was published 2 times and is in the stream once',
    ],
    [
      "a dead letter",
      ({ ledger }) => ledger.sawDeadLetter("atlas", "planner", "FAILED no"),
      "atlas, planner: an event became a dead letter: FAILED no",
    ],
    [
      "a group that nobody knows",
      ({ receive }) => receive("atlas", "auditor", "k1"),
      'atlas: "k1" was handled by an unknown group "auditor"',
    ],
    [
      "a history that gives a key twice",
      ({ ledger }) => ledger.publish("atlas", "k1"),
      'atlas: the history gave "k1" twice',
    ],
    ["anything else", ({ ledger }) => ledger.note("nothing moves"), "nothing moves"],
  ])("show %s", (_, change, difference) => {
    const verdict = booksAfter(change);
    expect(verdict.differences).toContain(difference);
    expect(verdict.differenceCount).toBe(verdict.differences.length);
  });

  it.each([
    [
      "an event that a group never handled",
      "handle borealis reviewer k2",
      'borealis, reviewer: "k2" was not handled',
    ],
    [
      "a published event that is not in the stream",
      "entry atlas k2",
      'atlas: "k2" was published and is not in the stream',
    ],
    [
      "what is not acknowledged",
      "drain atlas planner",
      "atlas, planner: there are entries that it has not acknowledged",
    ],
  ])("show %s", (_, missing, difference) => {
    const { differences } = booksAfter(nothing, (line) => line === missing);
    expect(differences).toContain(difference);
  });

  it("want the duplicates skipped to be the second publishes", () => {
    // Acknowledged without being handled, and no second publish: the event was lost.
    const { differences } = booksAfter(nothing, (line) => line === "handle atlas planner k2");
    expect(differences).toEqual([
      'atlas, planner: "k2" was not handled',
      "atlas, planner: 2 skipped as duplicates, 1 published a second time",
    ]);
  });

  it("count every difference and keep the first 20", () => {
    const { differences, differenceCount } = booksAfter(({ ledger }) => {
      for (let at = 0; at < 1_000; at += 1) ledger.sawEntry("atlas", `unknown-${at}`);
    });
    expect(differences).toHaveLength(20);
    expect(differenceCount).toBe(1_002);
  });
});
