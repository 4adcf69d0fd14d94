/**
 * The key of an event as it is stored: an idempotency key identifies one event *of one type*, so the type goes with the
 * key that a publisher named. `order.placed` and `order.cancelled` under `o1` are two events.
 *
 * A generated key (a UUID, or `~` and the hash of an emitted event) is unique by itself, holds no colon, and is stored as
 * it is.
 */

const COLON = 58;

/**
 * `order.placed:o1`. The first colon ends the type, since the colons that a type may hold are stored as `/`, which is in
 * no type: `a` under `b:c` and `a:b` under `c` stay two events.
 */
export function storedKey(type: string, key: string): string {
  return `${storedType(type)}:${key}`;
}

/** The key as the publisher named it or as it was generated, of an event of this type. Run once for each delivery. */
export function givenKey(stored: string, type: string): string {
  const at = type.length;
  const isNamed =
    stored.charCodeAt(at) === COLON && stored.length > at + 1 && stored.startsWith(storedType(type));
  return isNamed ? stored.slice(at + 1) : stored;
}

/** Type and key of a stored key alone, for an entry whose event is not read; no type if the key was generated. */
export function partsOfKey(stored: string): { readonly type?: string; readonly key: string } {
  const at = stored.indexOf(":");
  if (at < 1 || at === stored.length - 1) return { key: stored };
  return { type: stored.slice(0, at).replaceAll("/", ":"), key: stored.slice(at + 1) };
}

function storedType(type: string): string {
  return type.includes(":") ? type.replaceAll(":", "/") : type;
}
