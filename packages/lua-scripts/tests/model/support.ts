/** The server that the model's histories play on, and how many there are. */
import type { Script } from "@sluice/lua-scripts";
import {
  sharedServerUrl,
  startServer,
  type TestServer,
  TestServerError,
  uniqueName,
} from "@sluice/test-server";
import { Link } from "./link.js";
import { observeScript } from "./observation.js";

/**
 * A server of its own, since hundreds of thousands of calls would slow down the tests beside it; the shared one where
 * no other can be had.
 */
export async function modelServer(): Promise<{ readonly url: string; stop(): Promise<void> }> {
  try {
    const server: TestServer = await startServer();
    return { url: server.url, stop: () => server.stop() };
  } catch (error) {
    if (!(error instanceof TestServerError)) throw error;
    return { url: sharedServerUrl(), stop: async () => {} };
  }
}

export function openLink(url: string, scripts: readonly Script[]): Promise<Link> {
  return Link.open(url, [...scripts, observeScript]);
}

/** What the names of a run's streams begin with. */
export function streamPrefix(): string {
  return uniqueName("model");
}

/** An integer from the environment. */
export function numberFrom(variable: string): number | undefined {
  const text = process.env[variable];
  if (text === undefined || text === "") return undefined;
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0) {
    throw new Error(`read ${variable} "${text}": wanted an integer of 0 or more`);
  }
  return number;
}
