/**
 * One call of `send` on its way: which of its requests were sent, which have their reply, and the deadline
 * that settles what is left. It knows no connection; `link.ts` moves it.
 */

import type { Request, SendOptions } from "../connection.js";
import type { SluiceError } from "../errors.js";
import { clearTimeout, MAX_TIMER_MS, performance, setTimeout } from "../timing.js";
import { patienceMs } from "./silence.js";
import type { WireArg } from "./types.js";

/**
 * How a script is asked for: by its hash; with its source, once the server said that it does not know the
 * hash; or loaded first, if the user may not EVAL.
 */
export type Form = "hash" | "source" | "load";

export type Stage = "waiting" | "sent" | "answered";

/** From when on a timer that fires late shows that the process itself stood still, in milliseconds. */
const LATE_MS = 50;

/** How long replies may take to be read after that, in milliseconds. */
const CATCH_UP_MS = 20;

export interface ExchangeOptions extends SendOptions {
  /** What is left of `deadlineMs`, if not all. */
  readonly leftMs?: number;
  /** Put ASKING before each request: their slot is on its way to this server. */
  readonly asking?: boolean;
  /** For how long it puts up with nothing arriving, in milliseconds, if not for a part of the deadline. */
  readonly patienceMs?: number;
}

export class Exchange {
  readonly requests: readonly Request[];
  /** What the caller gave, in milliseconds; for the text of an error. */
  readonly deadlineMs: number;
  readonly asking: boolean;
  readonly settled: Promise<unknown[]>;
  /** How long it puts up with nothing arriving, in milliseconds. */
  readonly patienceMs: number;
  readonly #startedAt: number;
  readonly #stages: Stage[];
  readonly #replies: unknown[];
  /** Only scripts that a server did not know have one. */
  #forms: Map<number, Form> | undefined;
  #unanswered: number;
  #resolve: (replies: unknown[]) => void = () => {};
  readonly #onDeadline: (exchange: Exchange) => void;
  readonly #onSettled: (exchange: Exchange) => void;
  readonly #endsAt: number;
  #timer: ReturnType<typeof setTimeout>;

  constructor(
    requests: readonly Request[],
    options: ExchangeOptions,
    onDeadline: (exchange: Exchange) => void,
    onSettled: (exchange: Exchange) => void,
  ) {
    const { deadlineMs, leftMs = deadlineMs, asking = false, blockMs = 0 } = options;
    this.requests = requests;
    this.deadlineMs = deadlineMs;
    this.asking = asking;
    this.#stages = new Array<Stage>(requests.length).fill("waiting");
    this.#replies = new Array<unknown>(requests.length);
    this.#unanswered = requests.length;
    this.#onSettled = onSettled;
    this.settled = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.#onDeadline = onDeadline;
    const waitMs = Math.min(Math.max(0, leftMs), MAX_TIMER_MS);
    this.#startedAt = performance.now();
    this.#endsAt = this.#startedAt + waitMs;
    this.patienceMs = options.patienceMs ?? patienceMs(waitMs, blockMs);
    this.#timer = setTimeout(expire, waitMs, this);
  }

  /** When it runs out of patience, by performance.now(), if something arrived last at `heardAt`. */
  impatientAt(heardAt = 0): number {
    return Math.max(this.#startedAt, heardAt) + this.patienceMs;
  }

  stage(index: number): Stage {
    return this.#stages[index] ?? "answered";
  }

  /** Whether any request was sent whose reply has not come. */
  get underWay(): boolean {
    return this.#stages.includes("sent");
  }

  form(index: number): Form {
    return this.#forms?.get(index) ?? "hash";
  }

  sent(index: number): void {
    this.#stages[index] = "sent";
  }

  /** Takes a request back that did not leave, or that the server refused without running it. */
  again(index: number, form: Form = this.form(index)): void {
    this.#stages[index] = "waiting";
    if (form !== "hash") {
      this.#forms ??= new Map();
      this.#forms.set(index, form);
    }
  }

  /** Notes a reply, or the error in its place; later ones for the same request are ignored. */
  answer(index: number, reply: unknown): void {
    if (this.stage(index) === "answered") return;
    this.#stages[index] = "answered";
    this.#replies[index] = reply;
    this.#unanswered -= 1;
    if (this.#unanswered > 0) return;
    clearTimeout(this.#timer);
    this.#onSettled(this);
    this.#resolve(this.#replies);
  }

  /**
   * Time is up. After a pause of the process (a handler that computes, SIGSTOP) timers fire before sockets
   * are read, so the reply may be there already.
   */
  expire(): void {
    const late = performance.now() - this.#endsAt > LATE_MS;
    if (late) this.#timer = setTimeout(this.#onDeadline, CATCH_UP_MS, this);
    else this.#onDeadline(this);
  }

  /** Gives it more time, in milliseconds. */
  putOff(ms: number): void {
    this.#timer = setTimeout(this.#onDeadline, ms, this);
  }

  /** Puts an error in the place of every reply that is missing; `wasSent` says whether the request left. */
  fail(error: (request: Request, wasSent: boolean) => SluiceError): void {
    for (const [index, request] of this.requests.entries()) {
      const stage = this.stage(index);
      if (stage !== "answered") this.answer(index, error(request, stage === "sent"));
    }
  }

  /** Puts an error in the place of every reply whose request did not leave. */
  failWaiting(error: (request: Request) => SluiceError): void {
    for (const [index, request] of this.requests.entries()) {
      if (this.stage(index) === "waiting") this.answer(index, error(request));
    }
  }
}

// A function of its own, so that a timer costs no closure.
function expire(exchange: Exchange): void {
  exchange.expire();
}

/** What a request is called in errors: the script's name or the command's. */
export function nameOf(request: Request): string {
  return request.kind === "script" ? request.script.name : request.name;
}

/** The words after the command's name. */
export function wireArgs(
  request: Request,
  form: Form,
  toBuffer: (bytes: Uint8Array) => Uint8Array,
): WireArg[] {
  const words: WireArg[] =
    request.kind === "command"
      ? [...request.args]
      : [
          form === "source" ? request.script.source : request.script.sha1,
          request.keys.length,
          ...request.keys,
          ...request.args,
        ];
  // Indices rather than entries(): a batch has thousands of words.
  for (let index = 0; index < words.length; index++) {
    const word = words[index];
    // ioredis takes bytes as a Buffer only, and writes any other array as text.
    if (typeof word === "object") words[index] = toBuffer(word);
  }
  return words;
}
