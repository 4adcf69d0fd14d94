/**
 * Functions to call when something happens, in the order they were added.
 */
export class Listeners {
  readonly #listeners = new Set<{ readonly call: () => void }>();

  /** @returns the way to stop. A function that is added twice is called twice. */
  add(call: () => void): () => void {
    const listener = { call };
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Calls them all. They must not throw: nobody is there to catch it. */
  call(): void {
    for (const { call } of [...this.#listeners]) call();
  }
}
