/** Lets one of several through at a time, in no order. */
export class Mutex {
  private entered: Promise<void> | undefined;

  /**
   * Resolves once nobody else is inside.
   *
   * @returns the way out; to take it again changes nothing.
   */
  async enter(): Promise<() => void> {
    while (this.entered !== undefined) await this.entered;
    let resolve = () => {};
    const entered = new Promise<void>((done) => {
      resolve = done;
    });
    this.entered = entered;
    return () => {
      // Somebody else may have entered meanwhile.
      if (this.entered === entered) this.entered = undefined;
      resolve();
    };
  }
}
