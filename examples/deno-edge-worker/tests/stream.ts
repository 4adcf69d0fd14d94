/** What is in Redis, as a client of another runtime sees it. */

import { connect, type StreamInfo } from "@sluice/node";
import { expect, vi } from "vitest";
import { events } from "../src/catalog.ts";

/** Resolves once everything in the tenant's stream is delivered and settled. */
export async function allSettled(redis: string, stream: string, tenant: string): Promise<StreamInfo> {
  await using bus = await connect({ redis, stream, events, tenancy: "multi" });
  const settled = [{ name: "billing", pending: 0, lag: 0, retrying: 0, deadLetters: 0 }];
  return await vi.waitFor(
    async () => {
      const info = await bus.tenant(tenant).getStreamInfo();
      expect(info.groups).toMatchObject(settled);
      return info;
    },
    { timeout: 15_000 },
  );
}
