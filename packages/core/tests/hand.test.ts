/** What a consumer's process has in hand, and what of it one call settles. */
import { expect, test } from "vitest";
import { Attempt, entryFrom } from "../src/consumer/entry.js";
import { type Ending, Hand } from "../src/consumer/hand.js";

const emits = [{ key: "~1", event: "{}", fingerprint: "" }];

test("one call settles what emits in the order in which it ended, and plain successes of one lease together", () => {
  const hand = new Hand();
  const order = [
    success("1-0", "|c|1|n2.5"),
    success("2-0", "|c|1|n1.5"),
    success("3-0", "|c|1|n2.5", emits),
    success("4-0", "|c|1|n2.5"),
    success("5-0", "|c|1|n1.5", emits),
    success("6-0", "|c|1|n1.5"),
  ];
  hand.ended.push(...order);
  const ids = hand.takeEnded().map(({ item }) => item.id);
  expect(ids).toEqual(["3-0", "5-0", "2-0", "6-0", "1-0", "4-0"]);
  expect(hand.empty).toBe(true);
});

function success(id: string, tail: string, emitted: typeof emits = []): Ending {
  const attempt = new Attempt(entryFrom(id, ["key", id, "event", "{}"]), tail, 1, false);
  const item = { outcome: "SUCCESS", key: id, id, tail, emits: emitted } as const;
  return { attempt, item, type: "order.placed", durationMs: 0 };
}
