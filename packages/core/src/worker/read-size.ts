/**
 * How many events one read of a tenant asks for. Larger batches cost Redis and the process less per event, but slots that
 * are reserved for a read are idle until its reply, so reads start small. The worker keeps the size for each tenant that
 * has work.
 */

/** The first size. */
export const FIRST_READ = 2;
/** The most events of one read while other tenants are ready. */
const MAX_READ = 32;
/** The most events of one read while no other tenant is ready. */
const MAX_READ_ALONE = 256;

/** How many events to ask for; the room that the fair order leaves limits it further. */
export function readCount(size: number, isAlone: boolean): number {
  return Math.min(size, isAlone ? MAX_READ_ALONE : MAX_READ);
}

/**
 * The size for the next read. A read that brings fewer events than asked has drained the tenant: back to the first size. A
 * full read doubles the size, unless it asked for less than the size because there was no room.
 */
export function readSizeAfter(size: number, asked: number, came: number): number {
  if (came < asked) return FIRST_READ;
  return asked < size ? size : Math.min(MAX_READ_ALONE, size * 2);
}
