/** Errors as the runner gets them: every field that an error has of its own, and whether it is a SluiceError. */

import type { Client } from "./client.js";

/** Stacks differ by runtime, and the cause is told by its message. */
const LEFT_OUT = new Set(["stack", "cause"]);

export function plainError(error: unknown, { SluiceError }: Client): Record<string, unknown> {
  if (!(error instanceof Error)) return { name: typeof error, message: String(error), instance: false };
  const own = Object.getOwnPropertyNames(error).filter((name) => !LEFT_OUT.has(name));
  return {
    ...Object.fromEntries(own.map((name) => [name, Reflect.get(error, name)])),
    name: error.name,
    message: error.message,
    instance: error instanceof SluiceError,
    ...(error.cause instanceof Error && { causeMessage: error.cause.message }),
  };
}
