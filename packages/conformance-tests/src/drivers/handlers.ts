/** Handlers out of data: what an attempt does follows from rules, by type, key and attempt. */

import type { EventCatalog, EventHandler, HandlerContext, HandlerResult, SluiceEvent } from "@sluice/node";
import type { Client } from "./client.js";

/** What an attempt does, in this order: it waits, emits, and ends in one way. */
export interface Outcome {
  /** Waits for `finish`, which may bring another outcome. */
  readonly hold?: boolean;
  readonly afterMs?: number;
  /** Calls this of its own consumer, or closes its bus, and waits for that. */
  readonly call?: "stop" | "idle" | "close";
  /** Waits until `context.signal` aborts. */
  readonly untilAborted?: boolean;
  readonly emit?: readonly ({ readonly type: string; readonly data: unknown } & Readonly<
    Record<string, unknown>
  >)[];
  readonly succeed?: boolean;
  readonly retry?: { readonly delayMs?: number; readonly reason?: string };
  readonly fail?: { readonly reason?: string };
  readonly throw?: string;
  readonly throwFinal?: string;
  /** Returned as it is: for what is no result. */
  readonly answer?: unknown;
}

export interface Rule {
  readonly when?: { readonly type?: string; readonly key?: string; readonly attempt?: number };
  readonly then: Outcome;
}

export interface HandlerDescription {
  readonly name?: string;
  readonly types: readonly string[];
  readonly as?: "plain" | "catalog" | "class";
  readonly canHandle?: { readonly member: string; readonly min: number };
  readonly does?: readonly Rule[];
}

export interface HandlerParts {
  readonly client: Client;
  readonly events: EventCatalog;
  readonly report: (event: string, fields: Readonly<Record<string, unknown>>) => void;
  readonly held: HeldAttempts;
  readonly call: (what: "stop" | "idle" | "close") => Promise<void>;
}

/** Attempts that wait for the runner. */
export class HeldAttempts {
  private readonly waiting = new Map<string, ((outcome: Outcome | undefined) => void)[]>();

  wait(key: string): Promise<Outcome | undefined> {
    return new Promise((resolve) => {
      this.waiting.set(key, [...(this.waiting.get(key) ?? []), resolve]);
    });
  }

  /** Lets all attempts of the key go on, and returns how many. */
  finish(key: string, outcome: Outcome | undefined): number {
    const found = this.waiting.get(key) ?? [];
    this.waiting.delete(key);
    for (const resolve of found) resolve(outcome);
    return found.length;
  }

  finishAll(): void {
    for (const key of this.waiting.keys()) this.finish(key, {});
  }
}

export function makeHandler(
  description: HandlerDescription,
  index: number,
  parts: HandlerParts,
): EventHandler {
  const { member, min } = description.canHandle ?? {};
  const handler: EventHandler = {
    name: description.name ?? `handler-${index}`,
    eventTypes: description.types,
    handle: (event, context) => attempt(description.does ?? [], event, context, parts),
    ...(member !== undefined && {
      canHandle: ({ data }: SluiceEvent) => Number(Object(data)[member]) >= Number(min),
    }),
  };
  if (description.as === "plain") return handler;
  if (description.as === "class") return new ClassHandler(handler);
  return parts.client.defineHandler(parts.events, handler);
}

/** What it does is found by `this`, as in the classes that users write. */
class ClassHandler implements EventHandler {
  readonly name: string;
  readonly eventTypes: readonly string[];

  constructor(private readonly inner: EventHandler) {
    this.name = inner.name;
    this.eventTypes = inner.eventTypes;
  }

  canHandle(event: SluiceEvent): boolean {
    return this.inner.canHandle?.(event) ?? true;
  }

  handle(event: SluiceEvent, context: HandlerContext): HandlerResult | Promise<HandlerResult> {
    return this.inner.handle(event, context);
  }
}

async function attempt(
  rules: readonly Rule[],
  event: SluiceEvent,
  context: HandlerContext,
  parts: HandlerParts,
): Promise<HandlerResult> {
  const { client, report, held } = parts;
  const { idempotencyKey, attempt: number } = context;
  context.signal.addEventListener("abort", () => {
    report("aborted", { idempotencyKey, attempt: number, reason: Object(context.signal.reason).code });
  });
  // Before anything is awaited, so that attempts are told in the order in which they began; what the context says
  // of the tenant is asked behind a timer.
  const begun = {
    ...event,
    attempt: number,
    contextTenant: client.currentTenant(),
    givenTenant: context.tenantId,
  };
  report("handling", begun);
  const rule = rules.find((one) => applies(one, event, context));
  const outcome = await wait(rule?.then ?? {}, context, held);
  if (outcome.call !== undefined) await parts.call(outcome.call);
  report("ended", { idempotencyKey, attempt: number, contextTenant: client.currentTenant() });
  for (const { type, data, key, ...options } of outcome.emit ?? []) {
    context.emit(type, data, { ...options, ...(key !== undefined && { idempotencyKey: String(key) }) });
  }
  return end(outcome, client);
}

function applies({ when = {} }: Rule, event: SluiceEvent, context: HandlerContext): boolean {
  return (
    (when.type === undefined || when.type === event.type) &&
    (when.key === undefined || when.key === event.idempotencyKey) &&
    (when.attempt === undefined || when.attempt === context.attempt)
  );
}

async function wait(outcome: Outcome, context: HandlerContext, held: HeldAttempts): Promise<Outcome> {
  if (outcome.hold) {
    const told = await held.wait(context.idempotencyKey);
    return told === undefined ? outcome : await wait(told, context, held);
  }
  if (outcome.afterMs !== undefined) {
    await new Promise((resolve) => setTimeout(resolve, outcome.afterMs));
  }
  if (outcome.untilAborted && !context.signal.aborted) {
    await new Promise((resolve) => context.signal.addEventListener("abort", resolve, { once: true }));
  }
  return outcome;
}

function end(outcome: Outcome, { failure, NonRetryableError, retry, success }: Client): HandlerResult {
  if (outcome.throw !== undefined) throw new Error(outcome.throw);
  if (outcome.throwFinal !== undefined) throw new NonRetryableError(outcome.throwFinal);
  if (outcome.retry !== undefined) return retry(outcome.retry);
  if (outcome.fail !== undefined) return failure(outcome.fail);
  // A case may answer with what no type allows: that is what it is about.
  if (outcome.answer !== undefined) return outcome.answer as HandlerResult;
  return outcome.succeed ? success() : undefined;
}
