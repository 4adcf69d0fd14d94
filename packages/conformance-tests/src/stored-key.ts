/** The key as its publisher named it, of one as it is stored: behind its type and a colon. Generated keys hold none. */
export function givenKey(stored: string): string {
  return stored.slice(stored.indexOf(":") + 1);
}
