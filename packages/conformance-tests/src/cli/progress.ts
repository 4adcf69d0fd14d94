/** How far a run is: a bar on a terminal, nothing elsewhere, where a log would only fill with it. */

import { SingleBar } from "cli-progress";
import type { CaseResult } from "../results.js";

export interface Progress extends Disposable {
  onResult(result: CaseResult): void;
}

/** @param total results that are expected, at most. */
export function showProgress(
  total: number,
  stream: NodeJS.WritableStream & { readonly isTTY?: boolean },
): Progress {
  if (!stream.isTTY) return { onResult() {}, [Symbol.dispose]() {} };
  const bar = new SingleBar({
    format: "{bar} {value}/{total}, {failed} failed  {id}",
    stream,
    barsize: 20,
    hideCursor: true,
    clearOnComplete: true,
    linewrap: false,
  });
  let failed = 0;
  bar.start(total, 0, { failed, id: "" });
  return {
    onResult({ status, id }) {
      if (status === "failed") failed++;
      bar.increment({ failed, id });
    },
    [Symbol.dispose]: () => bar.stop(),
  };
}
