/** Lets one of several through at a time, in no order. */
export class Mutex {
  private locked: Promise<void> | undefined;

  /**
   * Resolves once nobody else is inside.
   *
   * @returns the way out; to take it again changes nothing.
   */
  async lock(): Promise<() => void> {
    while (this.locked !== undefined) await this.locked;
    let resolve = () => {};
    const locked = new Promise<void>((done) => {
      resolve = done;
    });
    this.locked = locked;
    return () => {
      // Somebody else may be inside by now.
      if (this.locked === locked) this.locked = undefined;
      resolve();
    };
  }
}
