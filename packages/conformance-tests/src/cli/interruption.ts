/** Ctrl-C: the first asks for an orderly end, a second does not wait for it. */

/** Cases that are under way may end by themselves for this long. */
const PATIENCE_MS = 10_000;

export interface Interruption extends Disposable {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
  /** Resolves when there is no more to wait for: after a second signal, or some time after the first. */
  readonly over: Promise<void>;
}

/** Listens for SIGINT and SIGTERM until it is disposed of. */
export function watchInterruption(target: NodeJS.EventEmitter, note: (line: string) => void): Interruption {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let end: () => void = () => {};
  const over = new Promise<void>((resolve) => {
    end = resolve;
  });
  const onSignal = () => {
    if (controller.signal.aborted) return end();
    note("interrupted: waiting for running cases; interrupt again to end at once");
    timer = setTimeout(end, PATIENCE_MS);
    controller.abort();
  };
  target.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  return {
    signal: controller.signal,
    over,
    [Symbol.dispose]() {
      clearTimeout(timer);
      target.off("SIGINT", onSignal).off("SIGTERM", onSignal);
    },
  };
}
