/**
 * Lets requests in until it is closed, and knows when the last of them is answered. `shutdown()` of Deno's server
 * waits for answers too, but takes the bodies away that are still coming in.
 */

import { answerTo, Problem } from "./problems.ts";

type Answer = (request: Request) => Promise<Response>;

export class Reception {
  readonly #answer: Answer;
  readonly #inHand = new Set<Promise<unknown>>();
  #closed = false;

  constructor(answer: Answer) {
    this.#answer = answer;
  }

  /** Answers a request; with 503 once closed, on connections that are then closed too. */
  async receive(request: Request): Promise<Response> {
    if (this.#closed) return answerTo(ending());
    const answer = this.#answer(request);
    this.#inHand.add(answer);
    try {
      return await answer;
    } finally {
      this.#inHand.delete(answer);
    }
  }

  /** Resolves when everything that was let in is answered. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#inHand);
  }
}

function ending(): Problem {
  const headers = { connection: "close", "retry-after": "1" };
  return new Problem(503, "ENDING", "take a request: this worker is ending, another one may take it", {
    headers,
  });
}
