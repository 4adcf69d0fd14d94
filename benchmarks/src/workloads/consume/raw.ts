/** The raw loop, on a stream that it has to itself. */

import type { OpenContender } from "../../contender.js";
import { openLoop, type RawOptions } from "./raw-loop.js";

export type Options = RawOptions;

export const open: OpenContender<Options> = (setting, options) => openLoop(setting, options);
