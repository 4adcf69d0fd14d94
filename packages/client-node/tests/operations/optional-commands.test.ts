/**
 * What only makes numbers better may be missing: commands that a service renames, or that the Redis user may not run.
 */
import { connect, defineEvents, silentLogger } from "@sluice/node";
import { startServer, uniqueName } from "@sluice/test-server";
import { Redis } from "ioredis";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";

const events = defineEvents({ "order.placed": z.object({ orderId: z.string() }) });

/** A server without some commands, and the URL of a user that may not run others. */
async function serverWithout({ renamed = [], forbidden = [] }: { renamed?: string[]; forbidden?: string[] }) {
  const server = await startServer({ args: renamed.flatMap((name) => ["--rename-command", name, ""]) });
  onTestFinished(() => server.stop());
  const admin = new Redis(server.url, { disableClientInfo: true });
  const rules = forbidden.map((name) => `-${name}`);
  await admin.call("ACL", ["SETUSER", "app", "on", ">secret", "~*", "&*", "+@all", ...rules]);
  onTestFinished(() => admin.disconnect());
  const url = new URL(server.url);
  url.username = "app";
  url.password = "secret";
  return { url, admin };
}

describe.each([
  ["renamed", { renamed: ["MEMORY", "CONFIG", "CLIENT", "DEBUG"] }],
  ["forbidden", { forbidden: ["memory", "info", "config", "client", "acl", "role", "ping", "debug"] }],
])("with optional commands %s", (_, missing) => {
  test("a consumer works, stream info leaves out what is not known, and health is not down", async () => {
    const { url, admin } = await serverWithout(missing);
    const stream = uniqueName("orders");
    await using bus = await connect({ redis: url, stream, events, logger: silentLogger });
    const handled: string[] = [];
    const consumer = bus.consumer({
      group: "billing",
      handlers: [
        events.handler({
          name: "h",
          eventTypes: ["order.placed"],
          handle: ({ data }) => void handled.push(data.orderId),
        }),
      ],
    });
    await consumer.start();
    await bus.publish("order.placed", { orderId: "o1" });
    await consumer.idle();
    expect(handled).toEqual(["o1"]);
    await consumer.stop();

    // With a hole among them Redis cannot tell the lag, and it is counted.
    const receipts = await bus.publishMany(
      ["o2", "o3", "o4"].map((orderId) => ({ type: "order.placed" as const, data: { orderId } })),
    );
    await admin.xdel(stream, receipts[1]?.id ?? "");
    const info = await bus.getStreamInfo();
    expect(info).toMatchObject({
      exists: true,
      length: 3,
      groups: [{ name: "billing", lag: 2, lagExact: true }],
    });
    expect(info).not.toHaveProperty("memoryBytes");

    const health = await bus.health();
    expect(health.status).not.toBe("down");
    expect(health.checks).toContainEqual({
      name: "stream-memory",
      status: "ok",
      detail: expect.stringContaining("MEMORY USAGE"),
    });
  });
});
