import { expect, test } from "vitest";
import { FIRST_READ, readCount, readSizeAfter } from "../../src/worker/read-size.js";

/** Reads again and again while each comes back full; what was asked for. */
function fullReads(count: number, isAlone: boolean): number[] {
  let size = FIRST_READ;
  return Array.from({ length: count }, () => {
    const asked = readCount(size, isAlone);
    size = readSizeAfter(size, asked, asked);
    return asked;
  });
}

test("reads double while they come back full: up to 32 beside other tenants, up to 256 alone", () => {
  expect(fullReads(7, false)).toEqual([2, 4, 8, 16, 32, 32, 32]);
  expect(fullReads(10, true)).toEqual([2, 4, 8, 16, 32, 64, 128, 256, 256, 256]);
});

test("a read that does not come back full makes the next one small", () => {
  expect(readSizeAfter(32, 32, 31)).toBe(FIRST_READ);
  expect(readSizeAfter(32, 5, 0)).toBe(FIRST_READ);
});

test("a full read of less than the size, for want of slots, changes nothing", () => {
  expect(readSizeAfter(32, 5, 5)).toBe(32);
});

test("a tenant that was alone is asked for less once others come", () => {
  expect(readCount(256, false)).toBe(32);
});
