/** How far a run is: a bar on a terminal, a line for each finished workload elsewhere. */

import { SingleBar } from "cli-progress";

export interface Progress extends Disposable {
  turn(workload: string, contender: string): void;
  /** @param ms how long it took. */
  finished(workload: string, ms: number): void;
}

/** @param total turns in all. */
export function showProgress(
  total: number,
  stream: NodeJS.WritableStream & { readonly isTTY?: boolean },
): Progress {
  if (!stream.isTTY) {
    return {
      turn() {},
      finished: (workload, ms) => stream.write(`measured ${workload} in ${Math.round(ms / 1_000)} s\n`),
      [Symbol.dispose]() {},
    };
  }
  const bar = new SingleBar({
    format: "{bar} {percentage} %, {eta_formatted} left  {workload}: {contender}",
    stream,
    barsize: 20,
    hideCursor: true,
    clearOnComplete: true,
    linewrap: false,
    etaBuffer: 100,
  });
  bar.start(total, 0, { workload: "", contender: "" });
  return {
    turn: (workload, contender) => bar.increment({ workload, contender }),
    finished() {},
    [Symbol.dispose]: () => bar.stop(),
  };
}
