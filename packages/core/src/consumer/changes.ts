/** Who waits for a change of what is in flight. */
import { clearTimeout, setTimeout } from "../timing.js";

export class Changes {
  private readonly watchers = new Set<() => void>();
  private told = 0;

  /** Something has changed. */
  tell(): void {
    this.told += 1;
    for (const watcher of this.watchers) watcher();
  }

  /** Resolves once `condition` holds; looks again at each change, and after `everyMs`, if that is given. */
  async until(condition: () => boolean | Promise<boolean>, everyMs?: number): Promise<void> {
    for (;;) {
      const { told } = this;
      if (await condition()) return;
      // A change while the condition was awaited is none to wait for.
      if (this.told === told) await this.next(everyMs);
    }
  }

  private next(withinMs: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      const { watchers } = this;
      const timer = withinMs === undefined ? undefined : setTimeout(done, withinMs);
      watchers.add(done);
      function done() {
        clearTimeout(timer);
        watchers.delete(done);
        resolve();
      }
    });
  }
}
