/** Redis goes away under load and comes back: clients are told, and nothing that was accepted is lost. */

import { startServer, uniqueName } from "@sluice/test-server";
import { expect, onTestFinished, test } from "vitest";
import { allSettled } from "./stream.js";
import { startWorker, type Worker } from "./worker.js";

const placed = (orderId: string) => ({ type: "order.placed", data: { orderId, amount: 5 } });

test("readyz says 503 while Redis is away and 200 after; accepted events are all handled", async () => {
  const server = await startServer({ persistence: true });
  onTestFinished(() => server.stop());
  const stream = uniqueName("orders");
  await using worker = await startWorker(server.url, stream);
  await expect.poll(() => status(worker), { timeout: 15_000 }).toBe(200);

  const load = new Load(worker);
  await expect.poll(() => load.accepted.size, { timeout: 15_000 }).toBeGreaterThan(50);
  await server.kill();
  await expect.poll(() => status(worker), { timeout: 15_000 }).toBe(503);
  expect((await worker.request("/livez")).status).toBe(200);
  await expect.poll(() => load.refused.length, { timeout: 15_000 }).toBeGreaterThan(0);

  await server.restart();
  await expect.poll(() => status(worker), { timeout: 15_000 }).toBe(200);
  const before = load.accepted.size;
  await expect.poll(() => load.accepted.size, { timeout: 15_000 }).toBeGreaterThan(before + 50);
  await load.end();

  for (const { headers, body } of load.refused) {
    expect(headers.get("retry-after")).toBe("1");
    expect(body).toMatchObject({ code: "UNAVAILABLE", idempotencyKey: expect.any(String) });
  }
  // Every event was accepted in the end, and is in the stream, once, under the ID that its client was told.
  const { length } = await allSettled(server.url, stream, "acme");
  const billed = worker.log.filter(({ message }) => message === "order billed").map(({ id }) => id);
  expect(new Set(billed)).toEqual(new Set(load.accepted.values()));
  // Each order, and the event of its bill.
  expect(length).toBe(2 * load.accepted.size);
});

async function status(worker: Worker): Promise<number> {
  return (await worker.request("/readyz")).status;
}

/** Clients that publish one event after the other, and send each again under its key until it is accepted. */
class Load {
  /** Key → entry ID. */
  readonly accepted = new Map<string, string>();
  /** Answers that told to come again. */
  readonly refused: Awaited<ReturnType<Worker["post"]>>[] = [];
  readonly #clients: Promise<void>[];
  #ending = false;

  constructor(worker: Worker, clients = 8) {
    this.#clients = Array.from({ length: clients }, (_, client) => this.#run(worker, client));
  }

  /** Resolves when each client's last event is accepted. */
  async end(): Promise<void> {
    this.#ending = true;
    await Promise.all(this.#clients);
  }

  async #run(worker: Worker, client: number): Promise<void> {
    for (let number = 0; !this.#ending; number++) {
      const key = `c${client}-${number}`;
      for (;;) {
        const answer = await worker.post("acme", placed(key), { "idempotency-key": key });
        if (answer.status === 202) {
          this.accepted.set(key, String(answer.body.id));
          break;
        }
        expect(answer.status, JSON.stringify(answer.body)).toBe(503);
        this.refused.push(answer);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }
}
