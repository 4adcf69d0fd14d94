import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** What npm puts in place for the Deno of this repository. */
const INSTALLED = fileURLToPath(new URL("../node_modules/.bin/deno", import.meta.url));

/**
 * The executable of Deno itself. Where the install script of Deno's package has not run, `deno` is a starter that waits
 * for the executable: a signal ends the starter alone, and Deno runs on without a parent.
 *
 * @param command Deno or a starter of it
 */
export function denoExecutable(command = INSTALLED): string {
  const ask = ["eval", "console.log(Deno.execPath())"];
  return execFileSync(command, ask, { encoding: "utf8", env: { ...process.env, NO_COLOR: "1" } }).trim();
}
