/**
 * Two hashes with different duties. The fingerprint tells within the publish window whether a key came back
 * with another payload; it has to be fast and short. The key of an emitted event has to be the same at every
 * attempt and in every language, and never that of another event; it is cryptographic.
 */

import { RESERVED_KEY_PREFIX } from "./names.js";

/** Texts that may take more than this as UTF-8 get room of their own. */
const ROOM_BYTES = 4_096;

/**
 * Makes fingerprints of what a publish says: type, subject and data. 12 characters of base 36, 62 bits.
 *
 * It is MurmurHash3 (Austin Appleby, public domain; the 32-bit body and finalizer of MurmurHash3_x86_32) over
 * the UTF-8 bytes, in two lanes with rotations and constants of their own. The second lane has the multipliers
 * of the finalizer. Two different payloads have the same fingerprint with odds of about 1 in 4·10^18. Only
 * payloads under one and the same idempotency key are ever compared, so there is no birthday effect: an
 * `IdempotencyMismatchError` goes unnoticed with those odds, and nothing else depends on it. It is no defence
 * against a caller who looks for a collision with their own payload.
 *
 * Every client must compute the same: a changed algorithm makes live publish windows report mismatches.
 */
export class Fingerprints {
  private readonly encoder = new TextEncoder();
  /** Where most texts are encoded; nothing is kept there. */
  private readonly room = new Uint8Array(ROOM_BYTES);
  private readonly view = new DataView(this.room.buffer);

  of(type: string, subject: string | undefined, dataJson: string): string {
    // Unambiguous: a type holds no line feed, and the length of each part goes into the hash.
    const head = subject === undefined ? type : `${type}\n${subject}`;
    let a = 0x9747b28c;
    let b = 0x41c6ce57;
    for (const text of [head, dataJson]) {
      const { bytes, length } = this.encode(text);
      const whole = length - (length % 4);
      for (let at = 0; at < whole; at += 4) {
        const k = scramble(bytes.getInt32(at, true));
        a ^= Math.imul(k, 0x1b873593);
        a = (Math.imul((a << 13) | (a >>> 19), 5) + 0xe6546b64) | 0;
        b ^= Math.imul(k, 0x85ebca6b);
        b = (Math.imul((b << 17) | (b >>> 15), 5) + 0xc2b2ae35) | 0;
      }
      if (whole < length) {
        let rest = 0;
        for (let at = length - 1; at >= whole; at--) rest = (rest << 8) | bytes.getUint8(at);
        const k = scramble(rest);
        a ^= Math.imul(k, 0x1b873593);
        b ^= Math.imul(k, 0x85ebca6b);
      }
      a = finalize(a ^ length);
      b = finalize(b ^ length);
    }
    // 31 bits of each lane are the most that always fit 6 digits of base 36, and both halves stay small
    // integers, which are printed four times as fast as one number of 53 bits.
    return base36(a >>> 1) + base36(b >>> 1);
  }

  /** The text as UTF-8: the first `length` bytes of `bytes`, until the next call. */
  private encode(text: string): { readonly bytes: DataView; readonly length: number } {
    if (text.length * 3 > ROOM_BYTES) {
      const { buffer, byteOffset, length } = this.encoder.encode(text);
      return { bytes: new DataView(buffer, byteOffset, length), length };
    }
    return { bytes: this.view, length: this.encoder.encodeInto(text, this.room).written };
  }
}

function scramble(word: number): number {
  const k = Math.imul(word, 0xcc9e2d51);
  return (k << 15) | (k >>> 17);
}

function finalize(lane: number): number {
  let h = Math.imul(lane ^ (lane >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

function base36(half: number): string {
  return half.toString(36).padStart(6, "0");
}

/**
 * The idempotency key of an event that a handler emits: `~` and the SHA-256, in lower-case hexadecimal
 * digits, of the UTF-8 of `<key>LF<group>LF<n>`. A second attempt emits the same keys. The text is
 * unambiguous whatever the key is, because neither a group nor a number holds a line feed: it is read from
 * its end.
 *
 * @param key - key of the event being handled, as it is stored.
 * @param group - consumer group that handles it; two groups emit different events.
 * @param n - position among the events that this handling emits, from 0.
 */
export async function emitKey(key: string, group: string, n: number): Promise<string> {
  const text = new TextEncoder().encode(`${key}\n${group}\n${n}`);
  const digest = new Uint8Array(await globalThis.crypto.subtle.digest("SHA-256", text));
  let hex = "";
  for (const byte of digest) hex += byte.toString(16).padStart(2, "0");
  return RESERVED_KEY_PREFIX + hex;
}
