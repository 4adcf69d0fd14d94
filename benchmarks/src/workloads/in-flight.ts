/** How publishers keep several calls under way. */

/** Calls `publish` with 0 to `calls` - 1, each once, `atATime` of them under way at any time. */
export async function inFlight(
  calls: number,
  atATime: number,
  publish: (index: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  async function loop(): Promise<void> {
    while (next < calls) await publish(next++);
  }
  await Promise.all(Array.from({ length: atATime }, loop));
}

/** Events of one `publishMany`, one pipeline, one `addBulk`. */
export const BATCH = 100;

/** The same by batches of indices. Events have to be a multiple of BATCH. */
export async function batchesInFlight(
  events: number,
  atATime: number,
  publish: (indices: readonly number[]) => Promise<unknown>,
): Promise<void> {
  await inFlight(events / BATCH, atATime, (batch) =>
    publish(Array.from({ length: BATCH }, (_, at) => batch * BATCH + at)),
  );
}
