/** The worker's settings, from the environment. */

import { z } from "zod";

const names = z.string().transform((text) => text.split(",").map((name) => name.trim()));

const schema = z.object({
  /** Where Redis is. */
  REDIS_URL: z.string().default("redis://127.0.0.1:6379"),
  /** Where to listen; port 0 is any that is free. */
  HOST: z.string().default("127.0.0.1"),
  PORT: z.coerce.number().int().min(0).max(65_535).default(8_000),
  STREAM: z.string().default("orders"),
  /** Those that events are taken and handled for, with commas between. */
  TENANTS: names.default(["acme", "globex"]),
});

export type Settings = z.output<typeof schema>;

/** @throws {Error} naming each variable that is not what it has to be. */
export function settingsOf(environment: Readonly<Record<string, string>>): Settings {
  const { data, error } = schema.safeParse(environment);
  if (error) throw new Error(`read the settings from the environment: ${z.prettifyError(error)}`);
  return data;
}
