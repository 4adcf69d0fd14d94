/** Our consumer, on a stream that it has to itself. */

import type { OpenContender } from "../../contender.js";
import { type ConsumerOptions, openConsumer } from "../our-consumer.js";

export type Options = ConsumerOptions;

export const open: OpenContender<Options> = (setting, options) => openConsumer(setting, options);
