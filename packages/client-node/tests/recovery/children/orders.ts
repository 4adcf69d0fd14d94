/** What a test says to the consumers that it runs as processes of their own, and what they say back. */
import type { ConsumerEvents, ConsumerOptions, Recovery } from "@sluice/node";

export type Order =
  | {
      readonly do: "start";
      readonly redis: string;
      readonly stream: string;
      readonly options: Omit<ConsumerOptions, "handlers">;
      /** How long each handler takes at most, in milliseconds; it is a random time up to it. */
      readonly handlerMs?: number;
      /** Handling this one kills the process. */
      readonly poison?: number;
    }
  /** The next handler that begins says `held`, and does not end before it is let go. */
  | { readonly do: "hold" }
  | { readonly do: "letGo" };

export type Report =
  /** Everything is loaded: an order will be carried out at once. */
  | { readonly say: "ready" }
  | { readonly say: "started"; readonly recovery: Recovery }
  | { readonly say: "handling" | "held"; readonly n: number; readonly attempt: number; readonly at: number }
  | ({ readonly say: "leaseLost" } & ConsumerEvents["leaseLost"])
  | { readonly say: "aborted"; readonly n: number; readonly code: string }
  | { readonly say: "error"; readonly code: string; readonly fatal: boolean };
