import { connect, ValidationError } from "@sluice/node";
import { sharedServerUrl, uniqueName } from "@sluice/test-server";
import { describe, expect, it, onTestFinished } from "vitest";
import { events, type LifeCycleInput } from "../src/catalog.js";

const TYPES = [
  ...[
    "session_started",
    "session_completed",
    "task_created",
    "task_dispatched",
    "task_completed",
    "task_failed",
  ],
  ...["gate_requested", "gate_approved", "gate_rejected", "gate_expired"],
  ...["agent_started", "agent_completed", "agent_error", "patch_created", "patch_applied", "patch_rejected"],
];

const everything = {
  session_id: "s1",
  epic_id: "e1",
  task_id: "t1",
  git_sha: "0".repeat(40),
  artifact_paths: ["src/main.ts"],
  mode: "rlm",
  metadata: { any: { json: [1, null, "x"] } },
};

describe("the catalog of the life cycle", () => {
  it("has the 16 types", () => {
    expect([...events.types].sort()).toEqual(TYPES.sort());
  });

  it.each(TYPES)("takes %s with every field, and with the session alone", (type) => {
    expect(events.validate(type, everything)).toEqual({ value: everything });
    expect(events.validate(type, { session_id: "s1" })).toEqual({
      value: { session_id: "s1", artifact_paths: [], mode: "normal" },
    });
  });

  it.each([
    ["a missing session", {}, ["session_id"]],
    ["a blank session", { session_id: " \t" }, ["session_id"]],
    ["a session that is no text", { session_id: 1 }, ["session_id"]],
    ["another mode", { session_id: "s1", mode: "fast" }, ["mode"]],
    ["a path that is no text", { session_id: "s1", artifact_paths: ["a", 1] }, ["artifact_paths", 1]],
  ])("refuses %s, and says where", (_, data, path) => {
    const outcome = events.validate("task_created", data);
    expect(outcome).toMatchObject({ issues: [{ path, message: expect.any(String) }] });
  });

  it("refuses before anything is written, and fills defaults in for handlers", async () => {
    const bus = await connect({ redis: sharedServerUrl(), stream: uniqueName("catalog"), events });
    onTestFinished(() => bus.close());
    const refused = bus.publish("task_created", { session_id: " " });
    await expect(refused).rejects.toBeInstanceOf(ValidationError);
    await expect(refused).rejects.toMatchObject({
      issues: [{ path: ["session_id"], message: "must not be blank" }],
    });

    await bus.publish("task_created", { session_id: "s1" });
    const seen: LifeCycleInput[] = [];
    const consumer = bus.consumer({
      group: "all",
      handlers: [
        events.handler({
          name: "see",
          eventTypes: ["task_created"],
          handle: ({ data }) => {
            seen.push(data);
          },
        }),
      ],
    });
    expect(await consumer.runOnce()).toMatchObject({ handled: 1, deadLettered: 0 });
    expect(seen).toEqual([{ session_id: "s1", artifact_paths: [], mode: "normal" }]);
  });
});
