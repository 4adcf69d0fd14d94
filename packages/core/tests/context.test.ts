import { setImmediate, setTimeout } from "node:timers/promises";
import { describe, expect, test, vi } from "vitest";
import { currentTenant, withTenant } from "../src/context.js";
import { InvalidNameError } from "../src/errors.js";

describe("the tenant of running code", () => {
  test("is the one that withTenant names, inside of it and nowhere else", () => {
    expect(currentTenant()).toBeUndefined();
    expect(withTenant("acme", () => currentTenant())).toBe("acme");
    expect(currentTenant()).toBeUndefined();
  });

  test("flows through promises, timers and callbacks", async () => {
    const seen = await withTenant("acme", async () => {
      const tenants = [currentTenant()];
      await Promise.resolve();
      tenants.push(currentTenant());
      await setTimeout(1);
      tenants.push(currentTenant());
      await setImmediate();
      tenants.push(currentTenant());
      tenants.push(await new Promise((resolve) => queueMicrotask(() => resolve(currentTenant()))));
      tenants.push(...(await Promise.all([1, 2].map(async () => currentTenant()))));
      return tenants;
    });
    expect(seen).toEqual(Array(7).fill("acme"));
    expect(currentTenant()).toBeUndefined();
  });

  test("is kept apart for what runs at the same time", async () => {
    const tenants = Array.from({ length: 50 }, (_, index) => `t${index}`);
    const seen = await Promise.all(
      tenants.map((tenant) =>
        withTenant(tenant, async () => {
          await setTimeout(Math.random() * 5);
          return currentTenant();
        }),
      ),
    );
    expect(seen).toEqual(tenants);
  });

  test("is replaced inside of a second withTenant only", async () => {
    await withTenant("outer", async () => {
      await withTenant("inner", async () => {
        await setImmediate();
        expect(currentTenant()).toBe("inner");
      });
      expect(currentTenant()).toBe("outer");
    });
  });

  test("is gone after a throw", () => {
    expect(() =>
      withTenant("acme", () => {
        throw new Error("of the user");
      }),
    ).toThrow("of the user");
    expect(currentTenant()).toBeUndefined();
  });

  test("is checked before anything runs", () => {
    const fn = vi.fn();
    for (const bad of ["", "*", "{x}", "a:b", "a/b", "x".repeat(65), "a\r\n", "a\0", "é"]) {
      expect(() => withTenant(bad, fn)).toThrow(InvalidNameError);
    }
    expect(fn).not.toHaveBeenCalled();
  });

  test("is one for two copies of the package in one process", async () => {
    vi.resetModules();
    const copy = await import("../src/context.js");
    expect(copy.withTenant).not.toBe(withTenant);
    expect(copy.withTenant("acme", () => currentTenant())).toBe("acme");
    expect(withTenant("globex", () => copy.currentTenant())).toBe("globex");
  });

  test("cannot be taken away by replacing the storage", () => {
    withTenant("acme", () => {
      const key = Symbol.for("sluice.context/1");
      expect(Reflect.set(globalThis, key, undefined)).toBe(false);
      expect(Reflect.deleteProperty(globalThis, key)).toBe(false);
      expect(currentTenant()).toBe("acme");
    });
  });
});
