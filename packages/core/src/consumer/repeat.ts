/** Work that is done again and again while a consumer runs. */
import { clearTimeout, jittered, setTimeout } from "../timing.js";

/**
 * Calls `work` about every `everyMs` milliseconds, the first time about `firstMs` from now.
 *
 * @returns the way to stop.
 */
export function repeat(everyMs: number, work: () => void, firstMs = everyMs): () => void {
  let timer = setTimeout(again, jittered(firstMs));
  function again() {
    timer = setTimeout(again, jittered(everyMs));
    work();
  }
  return () => clearTimeout(timer);
}
