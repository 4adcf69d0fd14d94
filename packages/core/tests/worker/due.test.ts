import fc from "fast-check";
import { expect, test } from "vitest";
import { DueTenants } from "../../src/worker/due.js";

test("tenants are due in the order of the times set last, each once", () => {
  const steps = fc.array(
    fc.record({
      tenantId: fc.constantFrom(..."abcdefghij"),
      at: fc.option(fc.integer({ min: 0, max: 50 }), { nil: undefined }),
      now: fc.option(fc.integer({ min: 0, max: 50 }), { nil: undefined }),
    }),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(steps, (list) => {
      const due = new DueTenants();
      const model = new Map<string, number>();
      const first = () => (model.size === 0 ? undefined : Math.min(...model.values()));
      for (const { tenantId, at, now } of list) {
        if (at === undefined) due.delete(tenantId);
        else due.set(tenantId, at);
        if (at === undefined) model.delete(tenantId);
        else model.set(tenantId, at);
        expect(due.nextAt).toBe(first());
        if (now === undefined) continue;
        const wanted = first();
        const taken = due.take(now);
        if (wanted === undefined || wanted > now) expect(taken).toBeUndefined();
        else {
          expect(model.get(taken ?? "")).toBe(wanted);
          model.delete(taken ?? "");
        }
        expect(due.size).toBe(model.size);
      }
    }),
  );
});
