/** Events that are large for the link, or for what the server keeps of a reply: each runs, once, at its first attempt. */
import { connect, defineEvents } from "@sluice/node";
import { sharedServerUrl, uniqueName } from "@sluice/test-server";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { slowNetwork } from "./slow.js";
import { Look, plainRedis, privateServer, quiet, reports, until } from "./support.js";

const events = defineEvents({ "file.added": z.object({ n: z.number(), text: z.string() }) });

interface Place {
  /** Of the server, by which events are published. */
  readonly url: string;
  /** By which the consumer gets to it. */
  readonly through?: string;
  readonly count: number;
  readonly bytes: number;
  readonly deadlineMs: number;
  readonly leaseMs?: number;
}

/** Publishes the events and handles them. Returns the attempts that ran. */
async function handled({ url, through = url, count, bytes, deadlineMs, leaseMs = 60_000 }: Place) {
  const stream = uniqueName("files");
  const publishing = await connect({ redis: url, stream, events, logger: quiet });
  onTestFinished(() => publishing.close());
  const text = "x".repeat(bytes);
  for (let n = 0; n < count; n += 1) await publishing.publish("file.added", { n, text });
  const bus = await connect({ redis: through, stream, events, logger: quiet, deadlineMs });
  onTestFinished(() => bus.close());
  const attempts: string[] = [];
  const consumer = bus.consumer({
    group: "g",
    leaseMs,
    handlers: [
      events.handler({
        name: "h",
        eventTypes: ["file.added"],
        handle: ({ data }, { attempt }) => {
          attempts.push(`${data.n} at ${attempt}`);
        },
      }),
    ],
  });
  const errors = reports(consumer, "error");
  await consumer.start();
  const look = new Look(plainRedis(url), stream, "g");
  await until(async () => attempts.length >= count && (await look.pending()).length === 0, {
    withinMs: 60_000,
    everyMs: 20,
  });
  expect(await look.deadLetters()).toEqual([]);
  await consumer.stop();
  return { attempts: attempts.sort(), errors };
}

function each(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `${n} at 1`).sort();
}

describe("large events", () => {
  test("over a link that takes longer for a read of several than the deadline: it is put off while bytes arrive", async () => {
    const url = sharedServerUrl();
    const through = await slowNetwork(url, 1_000_000);
    const { attempts, errors } = await handled({ url, through, count: 6, bytes: 200_000, deadlineMs: 500 });
    expect(attempts).toEqual(each(6));
    expect(errors).toEqual([]);
  }, 90_000);

  test("over a link that takes longer for one of them than the deadline", async () => {
    const url = sharedServerUrl();
    const through = await slowNetwork(url, 150_000);
    const { attempts } = await handled({ url, through, count: 2, bytes: 150_000, deadlineMs: 400 });
    expect(attempts).toEqual(each(2));
  }, 90_000);

  test("of which the server keeps no more than one for a slow reader: reads get smaller until one fits", async () => {
    const server = await privateServer();
    const admin = plainRedis(server.url);
    await admin.config("SET", "client-output-buffer-limit", "normal 1500000 0 0");
    const through = await slowNetwork(server.url, 4_000_000);
    const place = { url: server.url, through, count: 6, bytes: 1_000_000, deadlineMs: 5_000 };
    const { attempts, errors } = await handled(place);
    expect(attempts).toEqual(each(6));
    expect(errors.length).toBeGreaterThan(0);
  }, 90_000);

  test("that another consumer is given by a reply that is lost, are at their first attempt with the next one", async () => {
    const server = await privateServer();
    const admin = plainRedis(server.url);
    await admin.config("SET", "client-output-buffer-limit", "normal 1500000 0 0");
    const through = await slowNetwork(server.url, 4_000_000);
    const place = { url: server.url, through, count: 4, bytes: 1_000_000, deadlineMs: 5_000, leaseMs: 300 };
    const { attempts } = await handled(place);
    expect(attempts).toEqual(each(4));
  }, 90_000);
});
