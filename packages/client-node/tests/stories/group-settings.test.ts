import { GroupSettingsError } from "@sluice/node";
import { describe, expect, it } from "vitest";
import { counting, DAY_MS, setUp } from "./scenes/idempotency.js";
import { refusal } from "./support.js";

describe("a consumer with other group settings", () => {
  it.each([
    ["idempotencyTtlMs", 60_000, 90_000],
    ["leaseMs", 20_000, 10_000],
    ["maxAttempts", 3, 4],
  ])("is refused with both values of %s named, and changes nothing", async (setting, recorded, asked) => {
    const { bus, look } = await setUp();
    const handlers = [counting().handler];
    await bus.consumer({ group: "billing", handlers, [setting]: recorded }).runOnce();
    const before = await look().state();
    const error = await refusal(() => bus.consumer({ group: "billing", handlers, [setting]: asked }).start());
    expect(error).toBeInstanceOf(GroupSettingsError);
    expect(error).toMatchObject({ group: "billing", differences: [{ setting, recorded, asked }] });
    for (const part of [setting, recorded, asked]) expect(String(error)).toContain(String(part));
    expect(await look().state()).toEqual(before);
  });

  it("is refused with every difference, the defaults included", async () => {
    const { bus } = await setUp();
    const handlers = [counting().handler];
    const settings = { idempotencyTtlMs: 60_000, leaseMs: 20_000, maxAttempts: 3 };
    await bus.consumer({ group: "billing", handlers, ...settings }).runOnce();
    const error = await refusal(() => bus.consumer({ group: "billing", handlers }).runOnce());
    expect(error).toMatchObject({
      differences: [
        { setting: "idempotencyTtlMs", recorded: 60_000, asked: 7 * DAY_MS },
        { setting: "leaseMs", recorded: 20_000, asked: 30_000 },
        { setting: "maxAttempts", recorded: 3, asked: 5 },
      ],
    });
  });

  it("changes them for the group if it asks to", async () => {
    const { bus, look } = await setUp();
    const handlers = [counting().handler];
    await bus.consumer({ group: "billing", handlers, maxAttempts: 3 }).runOnce();
    await bus.consumer({ group: "billing", handlers, maxAttempts: 4, changeSettings: true }).runOnce();
    expect(await look().state()).toMatchObject({ maxAttempts: "4" });
    await bus.consumer({ group: "billing", handlers, maxAttempts: 4 }).runOnce();
  });

  it("is welcome in another group", async () => {
    const { bus } = await setUp();
    const handlers = [counting().handler];
    await bus.consumer({ group: "billing", handlers, maxAttempts: 3 }).runOnce();
    await bus.consumer({ group: "audit", handlers, maxAttempts: 4 }).runOnce();
  });
});
