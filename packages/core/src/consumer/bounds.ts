/**
 * How much one reply may bring: few large entries or many small ones, and less after a reply was lost on its way, down
 * to one entry. So there is progress over any link over which one event fits.
 */

/** About how many bytes of fields one read or recovery brings. */
const MAX_BYTES = 1_024 * 1_024;
/** Entries of the first read, of whose size nothing is known. */
const FIRST_COUNT = 8;
/** What the fields of an entry take besides their text. */
const OVERHEAD_BYTES = 64;

export class Bounds {
  private bytes = MAX_BYTES;
  private count = Number.POSITIVE_INFINITY;
  /** Of the entries seen lately, the mean of the batch with the largest. Undefined before the first. */
  private entryBytes: number | undefined;

  /** Bytes that one recovery may bring. */
  get maxBytes(): number {
    return this.bytes;
  }

  /** Entries that one read may bring, at least 1. */
  get maxRead(): number {
    const fitting = this.entryBytes === undefined ? FIRST_COUNT : Math.floor(this.bytes / this.entryBytes);
    return Math.max(1, Math.min(fitting, this.count));
  }

  /** Entries that one recovery may bring, at least 1: its script sees how large they are. */
  get maxRecover(): number {
    return this.count;
  }

  /** Entries of so many bytes together have come. */
  came(entries: number, bytes: number): void {
    if (entries > 0) {
      const mean = bytes / entries + OVERHEAD_BYTES;
      // Larger ones count at once, and are forgotten over some reads.
      this.entryBytes = Math.max(mean, (this.entryBytes ?? 0) * 0.75 + mean * 0.25);
    }
    if (this.bytes < MAX_BYTES) this.bytes = Math.min(MAX_BYTES, this.bytes * 2);
    if (this.count !== Number.POSITIVE_INFINITY) {
      this.count = this.count * 2 > MAX_COUNT ? Number.POSITIVE_INFINITY : this.count * 2;
    }
  }

  /** A reply that was to bring up to so many entries was lost. */
  lost(entries: number): void {
    this.bytes = Math.max(1, Math.floor(this.bytes / 2));
    this.count = Math.max(1, Math.floor(Math.min(this.count, entries) / 2));
  }
}

/** From here on the number of entries is no bound of its own. */
const MAX_COUNT = 512;
