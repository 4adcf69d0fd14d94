/**
 * Errors about what the stream or the group holds already: the call was well formed, and what is in Redis
 * speaks against it. Nothing was written.
 */

import { brand, SluiceError } from "./base.js";
import { describe, quote } from "./describe.js";

/**
 * An event of this type was published under the idempotency key before, within the publish window, with another subject
 * or other data. `firstId` is the ID of that entry. An event of another type under the key is another event.
 */
export class IdempotencyMismatchError extends SluiceError {
  static {
    brand(IdempotencyMismatchError, "IdempotencyMismatchError");
  }

  readonly code = "IDEMPOTENCY_MISMATCH";
  readonly retryable = false;
  readonly eventType: string;
  readonly idempotencyKey: string;
  readonly firstId: string;
  /** Position in the list given to `publishMany`, from 0; absent otherwise. */
  declare readonly index?: number;

  constructor(fields: {
    readonly eventType: string;
    readonly idempotencyKey: string;
    readonly firstId: string;
    readonly index?: number | undefined;
  }) {
    const { eventType, idempotencyKey, firstId, index } = fields;
    const where = index === undefined ? "" : ` at index ${index}`;
    super(
      `publish ${quote(eventType)} under idempotency key ${quote(idempotencyKey)}${where}: ` +
        `entry ${quote(firstId)} of this type was published under it with another payload`,
    );
    this.eventType = eventType;
    this.idempotencyKey = idempotencyKey;
    this.firstId = firstId;
    if (index !== undefined) this.index = index;
  }
}

/**
 * The stream holds `maxLength` entries, and publishing refuses rather than dropping any. It goes away as
 * consumers settle entries and `trim` drops them; `slowestGroup` is the group that holds the trimming up.
 */
export class StreamFullError extends SluiceError {
  static {
    brand(StreamFullError, "StreamFullError");
  }

  readonly code = "STREAM_FULL";
  readonly retryable = true;
  readonly length: number;
  readonly maxLength: number;
  declare readonly slowestGroup?: string;

  constructor(fields: {
    readonly stream: string;
    readonly length: number;
    readonly maxLength: number;
    readonly slowestGroup?: string | undefined;
  }) {
    const { stream, length, maxLength, slowestGroup } = fields;
    const slowest = slowestGroup === undefined ? "" : `; the slowest group is ${quote(slowestGroup)}`;
    super(
      `publish to stream ${quote(stream)}: it is full with a length of ${length}, ` +
        `maxLength is ${maxLength}${slowest}`,
    );
    this.length = length;
    this.maxLength = maxLength;
    if (slowestGroup !== undefined) this.slowestGroup = slowestGroup;
  }
}

/**
 * The stream's last ID is the greatest that Redis has, so that no entry can follow it. Only a foreign XADD or
 * XSETID with an explicit ID brings a stream there; it takes an operator (XSETID, or another stream) to get
 * out.
 */
export class StreamExhaustedError extends SluiceError {
  static {
    brand(StreamExhaustedError, "StreamExhaustedError");
  }

  readonly code = "STREAM_EXHAUSTED";
  readonly retryable = false;

  constructor(fields: { readonly stream: string }) {
    super(
      `publish to stream ${quote(fields.stream)}: its last ID is the greatest possible, no entry can follow`,
    );
  }
}

/** A setting of a group as it is recorded in Redis, and as a consumer asked for it. */
export interface GroupSettingDifference {
  readonly setting: string;
  readonly recorded: number | string;
  readonly asked: number | string;
}

/**
 * A consumer came with other settings than its group has recorded. Settings belong to the group: either use
 * the recorded ones, or ask to change them for everyone.
 */
export class GroupSettingsError extends SluiceError {
  static {
    brand(GroupSettingsError, "GroupSettingsError");
  }

  readonly code = "GROUP_SETTINGS";
  readonly retryable = false;
  readonly group: string;
  readonly differences: readonly GroupSettingDifference[];

  constructor(fields: { readonly group: string; readonly differences: readonly GroupSettingDifference[] }) {
    const list = fields.differences.map(
      ({ setting, recorded, asked }) => `${setting} is ${describe(recorded)}, asked for ${describe(asked)}`,
    );
    super(`join group ${quote(fields.group)} with other settings than it has: ${list.join("; ")}`);
    this.group = fields.group;
    this.differences = fields.differences;
  }
}

/**
 * The stream was written by a client of a protocol (key layout, script arguments, replies) that this client
 * does not know. Found before anything is written.
 */
export class ProtocolError extends SluiceError {
  static {
    brand(ProtocolError, "ProtocolError");
  }

  readonly code = "PROTOCOL";
  readonly retryable = false;
  readonly found: number;
  readonly supported: number;

  constructor(fields: {
    readonly stream: string;
    readonly found: number;
    readonly supported: number;
    readonly cause?: unknown;
  }) {
    const { stream, found, supported } = fields;
    const remedy =
      found > supported
        ? `upgrade the @sluice packages to a version that supports protocol ${found}`
        : `it was written by an older version; use that version, or a stream of another name`;
    super(
      `use stream ${quote(stream)} of protocol ${found}: ` +
        `this client supports protocol ${supported}; ${remedy}`,
      fields,
    );
    this.found = found;
    this.supported = supported;
  }
}

/**
 * `forgetTenant` was asked to forget a tenant that has a stream: its events would wait for workers that no longer know it.
 * Remove the tenant's keys first.
 */
export class TenantInUseError extends SluiceError {
  static {
    brand(TenantInUseError, "TenantInUseError");
  }

  readonly code = "TENANT_IN_USE";
  readonly retryable = false;
  readonly tenantId: string;

  constructor(fields: { readonly stream: string; readonly tenantId: string }) {
    const { stream, tenantId } = fields;
    super(
      `forget tenant ${quote(tenantId)} of stream ${quote(stream)}: it has a stream, remove its keys first`,
    );
    this.tenantId = tenantId;
  }
}

/**
 * A key that Sluice uses holds a value of another Redis type, so that something else writes under that name.
 */
export class WrongTypeError extends SluiceError {
  static {
    brand(WrongTypeError, "WrongTypeError");
  }

  readonly code = "WRONG_TYPE";
  readonly retryable = false;
  /** The whole key; it is one of the caller's own tenant. */
  readonly key: string;
  /** Redis type found, e.g. `"string"`. */
  readonly found: string;
  /** Redis type wanted, e.g. `"stream"`. */
  readonly wanted: string;

  constructor(fields: {
    readonly key: string;
    readonly found: string;
    readonly wanted: string;
    readonly cause?: unknown;
  }) {
    const { key, found, wanted } = fields;
    super(`use key ${quote(key)}: it holds a ${found}, wanted a ${wanted}`, fields);
    this.key = key;
    this.found = found;
    this.wanted = wanted;
  }
}
