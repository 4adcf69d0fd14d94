/** Log lines of JSON on standard output, one per happening. */

import type { Logger } from "@sluice/deno";

export const log: Logger = {
  debug() {},
  info: (message, fields) => write("info", message, fields),
  warn: (message, fields) => write("warn", message, fields),
  error: (message, fields) => write("error", message, fields),
};

function write(level: string, message: string, fields: object = {}): void {
  console.log(JSON.stringify({ level, message, ...fields }, (_, value) => errorsAsFields(value)));
}

/** Errors have no fields of their own that JSON would show. */
function errorsAsFields(value: unknown): unknown {
  if (!(value instanceof Error)) return value;
  const { name, message, cause } = value;
  return { ...value, name, message, ...(cause === undefined ? {} : { cause }) };
}
