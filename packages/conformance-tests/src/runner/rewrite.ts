/**
 * Other scripts in the place of those that clients ask for, by changing the SHA-1 in what they send: the client
 * stays as it is, and EVALSHA finds the other script, which was loaded before.
 */

/** Takes what a client sends, piece by piece, and returns what is to be sent on. */
export type Rewrite = (bytes: Buffer) => Buffer;

/** Length of a SHA-1 in hex. */
const SHA_LENGTH = 40;

/**
 * @param shas the SHA-1 that takes the place of each. Both are 40 hex digits, so that no length changes.
 */
export function rewriteShas(shas: ReadonlyMap<string, string>): Rewrite {
  let kept: Buffer = Buffer.alloc(0);
  return (bytes) => {
    const all = Buffer.concat([kept, bytes]);
    for (const [from, to] of shas) {
      for (let found = all.indexOf(from); found >= 0; found = all.indexOf(from, found + SHA_LENGTH)) {
        all.write(to, found, "latin1");
      }
    }
    // A SHA-1 that the next piece goes on with has to wait for it.
    const open = openEnd(all, [...shas.keys()]);
    kept = all.subarray(all.length - open);
    return all.subarray(0, all.length - open);
  };
}

/** How many bytes at the end begin one of the words. */
function openEnd(bytes: Buffer, words: readonly string[]): number {
  for (let length = Math.min(SHA_LENGTH - 1, bytes.length); length > 0; length -= 1) {
    const end = bytes.toString("latin1", bytes.length - length);
    if (words.some((word) => word.startsWith(end))) return length;
  }
  return 0;
}
