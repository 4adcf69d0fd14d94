/** What the demo and its worker processes say to each other. */
/**
 * The first message to a worker. Not its arguments: everybody can read those, and a URL may hold a password.
 */
export interface Order {
  readonly redisUrl: string;
  readonly stream: string;
  readonly group: string;
  /** Name of its consumers, one for each tenant. */
  readonly consumer: string;
  readonly tenants: readonly string[];
  /** Hold the first events in hand, unhandled, until told to go on: one of those who do is killed then. */
  readonly holds: boolean;
}

export type ToWorker =
  | { readonly kind: "work"; readonly order: Order }
  /** Handle what is held. */
  | { readonly kind: "go" }
  | { readonly kind: "stop" };

export type FromWorker =
  /** Every consumer has started. */
  | { readonly kind: "ready" }
  /** It has events in hand, and holds them. */
  | { readonly kind: "holding" }
  /** It took over so many entries of consumers that were gone. */
  | { readonly kind: "recovered"; readonly stale: number }
  /** It goes on after this. */
  | { readonly kind: "trouble"; readonly message: string }
  /** It cannot go on, and ends. */
  | { readonly kind: "failed"; readonly message: string };
