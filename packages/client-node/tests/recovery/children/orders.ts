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
      /** Handling this one ends the process; of several, every one of them. */
      readonly poison?: number | readonly number[];
      /** How it does: at once by a signal, unless another way is given. */
      readonly dies?: "SIGKILL" | "exit" | "soon";
      /** A file that each attempt at them is noted in, in time whatever then happens to the process. */
      readonly journal?: string;
      /** Further streams that the process works on, without poison, each by a bus of its own. */
      readonly beside?: readonly string[];
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
