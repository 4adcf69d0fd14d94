/** The command `npm run bench`. All it does is in `command.ts`. */

import { setMaxListeners } from "node:events";
import { main } from "./command.js";

const interrupted = new AbortController();
// Each process of a contender listens.
setMaxListeners(0, interrupted.signal);
process.once("SIGINT", () => interrupted.abort()).once("SIGTERM", () => interrupted.abort());

const { stdout, stderr } = process;
process.exitCode = await main(process.argv.slice(2), { stdout, stderr, signal: interrupted.signal });
