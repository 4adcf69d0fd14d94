/** Parts of a list, in its order, of `size` items each but for the last. */
export function* chunks<T>(all: readonly T[], size: number): Generator<readonly T[], void, undefined> {
  for (let from = 0; from < all.length; from += size) yield all.slice(from, from + size);
}
