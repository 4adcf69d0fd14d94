/** The logger of a bus that was given none: what needs somebody's attention should not pass unseen. */
import type { Logger } from "./logger.js";

const ignore = () => {};

export const warningsOnConsole: Logger & { isLevelEnabled(level: string): boolean } = Object.freeze({
  isLevelEnabled: (level: string) => level === "warn" || level === "error",
  debug: ignore,
  info: ignore,
  warn: (message: string, fields?: object) => console.warn(`sluice: ${message}`, fields ?? ""),
  error: (message: string, fields?: object) => console.error(`sluice: ${message}`, fields ?? ""),
});
