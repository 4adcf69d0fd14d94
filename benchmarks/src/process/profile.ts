/** CPU profiles of what is measured, and of nothing else: for `--profile`. */

import { writeFile } from "node:fs/promises";
import { Session } from "node:inspector/promises";

/** Does `work`; with a file, under the profiler, whose result opens in the developer tools of Chromium. */
export async function profiled<T>(file: string | undefined, work: () => Promise<T>): Promise<T> {
  if (file === undefined) return await work();
  const session = new Session();
  session.connect();
  try {
    await session.post("Profiler.enable");
    await session.post("Profiler.start");
    const result = await work();
    const { profile } = await session.post("Profiler.stop");
    await writeFile(file, JSON.stringify(profile));
    return result;
  } finally {
    session.disconnect();
  }
}

/** `sluice publish, 64 in flight` → `sluice-publish-64-in-flight` */
export function fileNameOf(name: string): string {
  return name.replace(/[^A-Za-z0-9]+/g, "-");
}
