/**
 * Errors about who may still act: consumers that were replaced or stopped, leases that were lost, things that
 * were closed, and the error with which a handler says that trying again is of no use.
 */

import { brand, SluiceError } from "./base.js";
import { quote } from "./describe.js";

/**
 * A newer process runs a consumer of the same name in the same group and has taken over. The older consumer
 * stops with this error; give each process a name of its own (the default) to run both.
 */
export class SupersededError extends SluiceError {
  static {
    brand(SupersededError, "SupersededError");
  }

  readonly code = "SUPERSEDED";
  readonly retryable = false;
  readonly consumer: string;

  constructor(fields: { readonly group: string; readonly consumer: string }) {
    const { group, consumer } = fields;
    super(
      `run consumer ${quote(consumer)} of group ${quote(group)}: ` +
        `a newer process runs a consumer of this name and has taken over`,
    );
    this.consumer = consumer;
  }
}

/**
 * Reason of `context.signal`: the lease of the event in hand went to another consumer, because this one was
 * paused or cut off for longer than `leaseMs`. What the handler returns will not count.
 */
export class LeaseLostError extends SluiceError {
  static {
    brand(LeaseLostError, "LeaseLostError");
  }

  readonly code = "LEASE_LOST";
  readonly retryable = false;

  constructor(fields: { readonly group: string; readonly entryId: string; readonly attempt: number }) {
    const { group, entryId, attempt } = fields;
    super(
      `hold the lease of entry ${quote(entryId)} in group ${quote(group)} for attempt ${attempt}: ` +
        `it went to a newer attempt`,
    );
  }
}

/**
 * Reason of `context.signal`: the handler has run for longer than the consumer's `handlerTimeoutMs`. The attempt has
 * ended as a retry with this error's message, or, if it was the last one, as a dead letter; what the handler still does
 * is of no consequence.
 */
export class HandlerTimeoutError extends SluiceError {
  static {
    brand(HandlerTimeoutError, "HandlerTimeoutError");
  }

  readonly code = "HANDLER_TIMEOUT";
  readonly retryable = true;
  readonly handlerTimeoutMs: number;

  constructor(fields: {
    readonly type: string | undefined;
    readonly entryId: string;
    readonly attempt: number;
    readonly handlerTimeoutMs: number;
  }) {
    const { type, entryId, attempt, handlerTimeoutMs } = fields;
    const event = type === undefined ? `entry ${quote(entryId)}` : `${quote(type)} (entry ${quote(entryId)})`;
    super(
      `handle ${event}, attempt ${attempt}: the handler ran for longer than handlerTimeoutMs, ${handlerTimeoutMs} ms`,
    );
    this.handlerTimeoutMs = handlerTimeoutMs;
  }
}

/**
 * Reason of `context.signal`: the consumer has stopped, and the handler did not end within `drainTimeoutMs`. Its event
 * is given back, at no cost of an attempt; what the handler still does is of no consequence. Also what `start` and
 * `recovery` reject with when the consumer is stopped meanwhile.
 */
export class ConsumerStoppedError extends SluiceError {
  static {
    brand(ConsumerStoppedError, "ConsumerStoppedError");
  }

  readonly code = "STOPPED";
  readonly retryable = false;

  constructor(fields: { readonly group: string; readonly consumer: string }) {
    const { group, consumer } = fields;
    super(`handle events with consumer ${quote(consumer)} of group ${quote(group)}: it is stopping`);
  }
}

/** `start` or `runOnce` of a consumer that is running: stop it first, or make a second one with a name of its own. */
export class AlreadyRunningError extends SluiceError {
  static {
    brand(AlreadyRunningError, "AlreadyRunningError");
  }

  readonly code = "ALREADY_RUNNING";
  readonly retryable = false;

  constructor(fields: { readonly group: string; readonly consumer: string }) {
    const { group, consumer } = fields;
    super(`start consumer ${quote(consumer)} of group ${quote(group)}: it is already running`);
  }
}

/** The bus, consumer or connection was closed before or while the call was made. */
export class ClosedError extends SluiceError {
  static {
    brand(ClosedError, "ClosedError");
  }

  readonly code = "CLOSED";
  readonly retryable = false;

  constructor(fields: {
    /** The call, e.g. `"publish"`. */
    readonly attempted: string;
    /** What is closed, e.g. `"bus"`. */
    readonly closed: string;
    readonly cause?: unknown;
  }) {
    super(`${fields.attempted}: the ${fields.closed} is closed`, fields);
  }
}

/**
 * Thrown by a handler to say that another attempt is of no use: the event becomes a dead letter at once, with
 * this message as its reason. `return failure({ reason })` says the same without a throw. May be extended.
 *
 * @example
 * throw new NonRetryableError("the account was deleted", { cause: error });
 */
export class NonRetryableError extends SluiceError {
  static {
    brand(NonRetryableError, "NonRetryableError");
  }

  readonly code = "NON_RETRYABLE";
  readonly retryable = false;
}
