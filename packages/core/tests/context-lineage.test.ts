import { expect, test, vi } from "vitest";
import { hasContextFrames } from "../src/async-context.js";
import {
  carriesEvents,
  currentLineage,
  handlingEnded,
  whileHandling,
  whileHandlingUncarried,
} from "../src/context.js";

// One test, since what it is about happens once in a process; each file of tests has its own.
test("a process begins to carry the events of handlers with the first publish made while one runs, if that has a price", async () => {
  const event = { type: "t", idempotencyKey: "k", timestamp: "", source: "s" };
  const onUnknown = vi.fn();
  const lineage = async () => {
    await null;
    return currentLineage(undefined, onUnknown);
  };
  expect(carriesEvents("acme")).toBe(true);
  expect(carriesEvents(undefined)).toBe(hasContextFrames());

  // Nothing runs: nothing is missed.
  expect(await lineage()).toBeUndefined();
  expect(onUnknown).not.toHaveBeenCalled();

  if (!hasContextFrames()) {
    expect(await whileHandlingUncarried(event, lineage, undefined)).toBeUndefined();
    handlingEnded();
    expect(onUnknown).toHaveBeenCalledTimes(1);
  }
  expect(carriesEvents(undefined)).toBe(true);
  expect(await whileHandling(undefined, event, lineage, undefined)).toMatchObject({
    correlationId: "k",
    causationId: "k",
  });
  expect(await lineage()).toBeUndefined();
  expect(onUnknown.mock.calls.length).toBeLessThanOrEqual(1);
});
