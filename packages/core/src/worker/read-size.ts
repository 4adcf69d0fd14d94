/**
 * How many events of a tenant one read asks for. Batches cost Redis and the process less for each event, but slots that are
 * kept for a read are nobody's until its reply: a tenant of whom little is known is asked for little. Pure: the worker
 * keeps one number for each tenant with work.
 */

/** The size to begin with. */
export const FIRST_READ = 2;
/** Most events of one read, while other tenants are ready. */
const MAX_READ = 32;
/** The same while no other tenant is. */
const MAX_READ_ALONE = 256;

/** How many events to ask for, as far as there is room. */
export function readCount(size: number, isAlone: boolean): number {
  return Math.min(size, isAlone ? MAX_READ_ALONE : MAX_READ);
}

/**
 * The size after a read: the first size once the tenant has no more, twice as much after a full read; as it was after one
 * that asked for less than the size, since that says nothing about more.
 */
export function readSizeAfter(size: number, asked: number, came: number): number {
  if (came < asked) return FIRST_READ;
  return asked < size ? size : Math.min(MAX_READ_ALONE, size * 2);
}
