/** Reading a body within bounds, without a server. */

import { expect, test } from "vitest";
import { readJson } from "../src/body.ts";

const limits = { maxBytes: 1_000, timeoutMs: 30_000 };

/** Chunks of 100 spaces, as many as are asked for. */
function request(pull: (chunk: number) => Promise<boolean>): { request: Request; pulled: () => number } {
  let chunks = 0;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      chunks += 1;
      if (await pull(chunks)) controller.enqueue(new Uint8Array(100).fill(0x20));
      else controller.close();
    },
  });
  const headers = { "content-type": "application/json" };
  // Node wants to be told that the answer does not wait for the end of the body.
  const init: RequestInit & { duplex: "half" } = { method: "POST", headers, body, duplex: "half" };
  return { request: new Request("http://worker/", init), pulled: () => chunks };
}

test("a body that goes on beyond the limit is not read on", async () => {
  const endless = request(async (chunk) => chunk < 10_000);
  await expect(readJson(endless.request, limits)).rejects.toMatchObject({ status: 413 });
  expect(endless.pulled()).toBeLessThan(15);
});

test("a body that comes too slowly is given up", async () => {
  const slow = request((chunk) => new Promise((resolve) => setTimeout(() => resolve(chunk < 10), 30)));
  await expect(readJson(slow.request, { ...limits, timeoutMs: 100 })).rejects.toMatchObject({ status: 408 });
});

test("a body that breaks off is told", async () => {
  const broken = request(async () => {
    throw new Error("connection reset");
  });
  await expect(readJson(broken.request, limits)).rejects.toMatchObject({ status: 400, code: "INCOMPLETE" });
});
