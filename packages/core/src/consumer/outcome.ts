/** How an attempt ended, as far as that is up to its handler: what `settle` is told, without the entry that it is about. */
import type { Emit } from "@sluice/lua-scripts";
import { cut } from "../thrown.js";
import type { SkipReason, UntoldLine } from "./finished-attempt.js";

export type Outcome =
  | { readonly outcome: "SUCCESS"; readonly emits: readonly Emit[] }
  | { readonly outcome: "SKIP"; readonly skipped: SkipReason }
  | (Untold & { readonly outcome: "UNHANDLED"; readonly type: string; readonly message: string })
  | (Untold & { readonly outcome: "RETRY"; readonly delayMs: number; readonly message: string })
  | (Untold & { readonly outcome: "FAILURE"; readonly reason: string; readonly message: string });

type Untold = { readonly untold?: UntoldLine | undefined };

const NO_EMITS: readonly Emit[] = [];

export const SUCCEEDED: Outcome & { readonly outcome: "SUCCESS" } = { outcome: "SUCCESS", emits: NO_EMITS };

export function succeeded(emits: readonly Emit[]): Outcome {
  return { outcome: "SUCCESS", emits };
}

export function failed(reason: string, message: string): Outcome & { readonly outcome: "FAILURE" } {
  return { outcome: "FAILURE", reason, message: cut(message) };
}
