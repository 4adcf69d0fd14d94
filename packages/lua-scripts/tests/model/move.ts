/** One step made concrete: what is sent, and how the answer is judged. */
import type { Request } from "./link.js";
import type { Scene } from "./scene.js";

export interface Move {
  /** For people, as the history is told. */
  readonly text: string;
  readonly requests: readonly Request[];
  /** Judges the replies and says what was answered; throws Violation. */
  readonly judge: (scene: Scene, replies: readonly unknown[]) => string;
}
