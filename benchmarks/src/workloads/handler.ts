/** What every consumer calls for every event. */

export async function handler(_event: unknown): Promise<void> {}
