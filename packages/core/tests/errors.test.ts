import { inspect } from "node:util";
import { describe, expect, test, vi } from "vitest";
import * as errors from "../src/errors.js";
import {
  ConnectionError,
  DeadlineError,
  InvalidNameError,
  InvalidOptionError,
  isPermissionReply,
  isRetryable,
  NonRetryableError,
  PermissionError,
  ProtocolError,
  ServerError,
  SluiceError,
  ValidationError,
} from "../src/errors.js";
import { knownOptions } from "../src/options.js";

const attempted = "publish";

/** One error of each class: code, whether it is retryable, the whole text. */
const table: readonly (readonly [SluiceError, code: string, retryable: boolean, message: string])[] = [
  [
    new ValidationError({
      eventType: "order.placed",
      issues: [
        { path: ["items", 0, "sku"], message: "expected a string" },
        { path: ["my key"], message: "unknown" },
        { path: [], message: "too many" },
      ],
    }),
    "VALIDATION",
    false,
    'validate data of "order.placed": items[0].sku: expected a string; ["my key"]: unknown; too many',
  ],
  [
    new errors.UnknownEventTypeError({ eventType: "order.lost", known: ["order.placed", "order.shipped"] }),
    "UNKNOWN_EVENT_TYPE",
    false,
    'find event type "order.lost": the catalog knows "order.placed", "order.shipped"',
  ],
  [
    new InvalidNameError({ field: "tenant", value: "a:b", wanted: "letters" }),
    "INVALID_NAME",
    false,
    'use "a:b" as tenant: wanted letters',
  ],
  [
    new InvalidOptionError({ option: "leaseMs", value: -1, wanted: "an integer from 1" }),
    "INVALID_OPTION",
    false,
    "use -1 as leaseMs: wanted an integer from 1",
  ],
  [
    new errors.TenantRequiredError({ attempted }),
    "TENANT_REQUIRED",
    false,
    "publish without a tenant: this bus is multi-tenant, so name one with " +
      'bus.tenant("…") or run the call inside withTenant("…", fn)',
  ],
  [
    new errors.SingleTenantError({ attempted }),
    "SINGLE_TENANT",
    false,
    'publish: this bus is single-tenant; connect with tenancy: "multi"',
  ],
  [
    new errors.IdempotencyMismatchError({
      eventType: "order.placed",
      idempotencyKey: "o1",
      firstId: "5-0",
      index: 3,
    }),
    "IDEMPOTENCY_MISMATCH",
    false,
    'publish "order.placed" under idempotency key "o1" at index 3: entry "5-0" of this type was published under it with another payload',
  ],
  [
    new errors.PayloadTooLargeError({ eventType: "order.placed", bytes: 11, maxBytes: 10 }),
    "PAYLOAD_TOO_LARGE",
    false,
    'send data of "order.placed", 11 bytes of JSON: maxPayloadBytes is 10',
  ],
  [
    new errors.StreamFullError({ stream: "orders", length: 10, maxLength: 10, slowestGroup: "billing" }),
    "STREAM_FULL",
    true,
    'publish to stream "orders": it is full with a length of 10, maxLength is 10; the slowest group is "billing"',
  ],
  [
    new errors.StreamExhaustedError({ stream: "orders" }),
    "STREAM_EXHAUSTED",
    false,
    'publish to stream "orders": its last ID is the greatest possible, no entry can follow',
  ],
  [
    new errors.GroupSettingsError({
      group: "billing",
      differences: [{ setting: "leaseMs", recorded: 30_000, asked: 5_000 }],
    }),
    "GROUP_SETTINGS",
    false,
    'join group "billing" with other settings than it has: leaseMs is 30000, asked for 5000',
  ],
  [
    new ProtocolError({ stream: "orders", found: 3, supported: 1 }),
    "PROTOCOL",
    false,
    'use stream "orders" of protocol 3: this client supports protocol 1; ' +
      "upgrade the @sluice packages to a version that supports protocol 3",
  ],
  [
    new errors.TenantInUseError({ stream: "orders", tenantId: "acme" }),
    "TENANT_IN_USE",
    false,
    'forget tenant "acme" of stream "orders": it has a stream, remove its keys first',
  ],
  [
    new errors.WrongTypeError({ key: "tenant:{acme}:orders", found: "string", wanted: "stream" }),
    "WRONG_TYPE",
    false,
    'use key "tenant:{acme}:orders": it holds a string, wanted a stream',
  ],
  [
    new PermissionError({ attempted, reply: "NOPERM No permissions to access a key" }),
    "PERMISSION",
    false,
    "run publish: the Redis user may not access a key of this stream; ACL rule ~pattern allows it " +
      "(the Redis server answered NOPERM No permissions to access a key)",
  ],
  [
    new errors.RuntimePermissionError({
      attempted: "connect to Redis at [::1]:6379",
      flags: ["--allow-net=[::1]:6379", "--allow-env"],
    }),
    "RUNTIME_PERMISSION",
    false,
    "connect to Redis at [::1]:6379: the runtime does not permit it, " +
      "run with --allow-net=[::1]:6379 --allow-env",
  ],
  [
    new ConnectionError({ attempted, reason: "read ECONNRESET", maybeExecuted: true }),
    "CONNECTION",
    true,
    "send publish to Redis: read ECONNRESET; it may have run",
  ],
  [
    new DeadlineError({ attempted, deadlineMs: 5_000, maybeExecuted: false }),
    "DEADLINE",
    true,
    "send publish to Redis: the connection was not ready within 5000 ms; it did not run",
  ],
  [
    new errors.PublishBackpressureError({ stream: "orders", waiting: 100_000 }),
    "PUBLISH_BACKPRESSURE",
    true,
    'publish to stream "orders": 100000 events of this bus wait to be sent already; ' +
      "it did not run, await receipts before publishing more",
  ],
  [
    new errors.OutOfMemoryError({ attempted }),
    "OUT_OF_MEMORY",
    true,
    "run publish: the Redis server is at maxmemory and takes no writes",
  ],
  [
    new ServerError({ attempted, reply: "READONLY You can't write against a read only replica." }),
    "SERVER",
    true,
    "run publish: the Redis server answered READONLY You can't write against a read only replica.",
  ],
  [
    new errors.SupersededError({ group: "billing", consumer: "c1" }),
    "SUPERSEDED",
    false,
    'run consumer "c1" of group "billing": a newer process runs a consumer of this name and has taken over',
  ],
  [
    new errors.LeaseLostError({ group: "billing", entryId: "5-0", attempt: 2 }),
    "LEASE_LOST",
    false,
    'hold the lease of entry "5-0" in group "billing" for attempt 2: it went to a newer attempt',
  ],
  [
    new errors.HandlerTimeoutError({
      ...{ type: "order.placed", entryId: "5-0", attempt: 2, handlerTimeoutMs: 500 },
    }),
    "HANDLER_TIMEOUT",
    true,
    'handle "order.placed" (entry "5-0"), attempt 2: the handler ran for longer than handlerTimeoutMs, 500 ms',
  ],
  [
    new errors.ConsumerStoppedError({ group: "billing", consumer: "c1" }),
    "STOPPED",
    false,
    'handle events with consumer "c1" of group "billing": it is stopping',
  ],
  [
    new errors.AlreadyRunningError({ group: "billing", consumer: "c1" }),
    "ALREADY_RUNNING",
    false,
    'start consumer "c1" of group "billing": it is already running',
  ],
  [new errors.ClosedError({ attempted, closed: "bus" }), "CLOSED", false, "publish: the bus is closed"],
  [new NonRetryableError("the account was deleted"), "NON_RETRYABLE", false, "the account was deleted"],
];

describe("every class of error", () => {
  test.each(table.map((row) => [row[0].name, ...row] as const))(
    "%s",
    (name, error, code, retryable, message) => {
      expect(error).toBeInstanceOf(Error);
      expect(error).toBeInstanceOf(SluiceError);
      expect(error.constructor.name).toBe(name);
      expect({ code: error.code, retryable: error.retryable }).toEqual({ code, retryable });
      expect(isRetryable(error)).toBe(retryable);
      expect(error.message).toBe(message);
      expect(error.message).not.toMatch(/\.$(?<!replica\.)/);
      expect(String(error.stack)).toMatch(new RegExp(`^${name}: `));
      expect("cause" in error).toBe(false);
    },
  );

  test("is in the table above, and has a code of its own", () => {
    const classes = Object.values(errors).filter((value) => value.prototype instanceof Error);
    const concrete = classes.filter((value) => value !== SluiceError);
    expect(new Set(table.map(([error]) => error.constructor))).toEqual(new Set(concrete));
    expect(new Set(table.map(([, code]) => code)).size).toBe(table.length);
  });

  test("keeps its cause", () => {
    const cause = new Error("socket");
    expect(new ConnectionError({ attempted, reason: "lost", maybeExecuted: false, cause }).cause).toBe(cause);
    expect(new NonRetryableError("no", { cause }).cause).toBe(cause);
  });
});

describe("instanceof", () => {
  test("holds across two copies of the package in one process", async () => {
    vi.resetModules();
    const copy = await import("../src/errors.js");
    expect(copy.ServerError).not.toBe(ServerError);
    const error = new copy.ServerError({ attempted, reply: "BUSY" });
    expect(error instanceof ServerError).toBe(true);
    expect(error instanceof SluiceError).toBe(true);
    expect(error instanceof ValidationError).toBe(false);
    expect(isRetryable(error)).toBe(true);
    expect(new ServerError({ attempted, reply: "BUSY" }) instanceof copy.SluiceError).toBe(true);
  });

  test("tells a class of the user's own from the one it extends", () => {
    class AccountDeleted extends NonRetryableError {}
    const error = new AccountDeleted("gone");
    expect(error instanceof AccountDeleted).toBe(true);
    expect(error instanceof NonRetryableError).toBe(true);
    expect(error instanceof SluiceError).toBe(true);
    expect(new NonRetryableError("gone") instanceof AccountDeleted).toBe(false);
  });

  test.each([[null], [undefined], ["text"], [5], [{}], [new Error("plain")], [Object.create(null)]])(
    "is false for %s",
    (value) => {
      expect(value instanceof SluiceError).toBe(false);
      expect(value instanceof ValidationError).toBe(false);
      expect(isRetryable(value)).toBe(false);
    },
  );
});

describe("retryable", () => {
  test.each([
    "READONLY",
    "LOADING",
    "TRYAGAIN",
    "CLUSTERDOWN",
    "MASTERDOWN",
    "BUSY",
    "UNBLOCKED",
    "NOREPLICAS",
    "MISCONF",
    "FAILOVER",
    "UNKILLABLE",
    "WORD_OF_TOMORROW",
  ])("is a server's %s", (prefix) => {
    expect(new ServerError({ attempted, reply: `${prefix} for a reason` })).toMatchObject({
      prefix,
      retryable: true,
    });
    expect(new ServerError({ attempted, reply: `-${prefix}` })).toMatchObject({ prefix, retryable: true });
  });

  test.each([
    "ERR max number of clients reached",
    "ERR max number of clients + cluster connections reached",
    "ERR server is in maintenance, try again later",
    "max requests limit exceeded",
  ])("is a state of the server without a word of its own: %s", (reply) => {
    expect(new ServerError({ attempted, reply }).retryable).toBe(true);
  });

  test.each(["ERR", "WRONGTYPE", "NOGROUP", "SLUICE_BADARG", "CROSSSLOT", "MOVED"])(
    "is not a server's %j",
    (prefix) => {
      expect(new ServerError({ attempted, reply: `${prefix} text` })).toMatchObject({
        prefix,
        retryable: false,
      });
    },
  );
});

describe("the value that a message shows", () => {
  const shown = (value: unknown) =>
    new InvalidNameError({ field: "f", value, wanted: "w" }).message.slice(
      "use ".length,
      -" as f: wanted w".length,
    );

  const cases: readonly (readonly [unknown, string])[] = [
    ["a\r\nb\0", '"a\\r\\nb\\u0000"'],
    ["\u007f\u0085\u2028\u202e", '"\\u007f\\u0085\\u2028\\u202e"'],
    ["\ud800", '"\\ud800"'],
    ["é日本", '"é日本"'],
    ["x".repeat(81), `"${"x".repeat(80)}…"`],
    ["redis://user:secret@host:6379", '"redis://***@host:6379"'],
    [5, "5"],
    [Number.NaN, "NaN"],
    [5n, "5n"],
    [undefined, "undefined"],
    [null, "null"],
    [true, "true"],
    [Symbol("s"), "a symbol"],
    [() => {}, "a function"],
    [["secret"], "an array"],
    [{ password: "secret" }, "an object"],
    [Object.create(null), "an object"],
    [new Map(), "an instance of Map"],
  ];
  test.each(cases.map(([value, text]) => ({ value, text })))("is shown as $text", ({ value, text }) => {
    expect(shown(value)).toBe(text);
  });

  test("is not written out by console or JSON, so that a password in it stays where it is", () => {
    const value = { password: "secret" };
    const error = new InvalidOptionError({ option: "redis", value, wanted: "a URL" });
    expect(error.value).toBe(value);
    expect(inspect(error)).not.toContain("secret");
    expect(JSON.stringify(error)).not.toContain("secret");
  });

  test("of an option that nobody knows is quoted and cut, its name and its value", () => {
    const refusals: unknown[] = [];
    for (const options of [
      { "leaseMs\r\n\u001b[31m: fine": 1 },
      { ["x".repeat(10_000_000)]: "y".repeat(10_000_000) },
      { "\u202eleaseMs": "a\r\nb" },
    ]) {
      try {
        knownOptions("the options", options, ["leaseMs"]);
      } catch (error) {
        refusals.push(error);
      }
    }
    expect(refusals).toHaveLength(3);
    for (const error of refusals) {
      expect(error).toBeInstanceOf(InvalidOptionError);
      const { message, option } = error as InvalidOptionError;
      expect(message + option).toMatch(/^[ -~…]*$/);
      expect(message.length + option.length).toBeLessThan(500);
    }
  });

  test("is of a known kind where looking at it throws", () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const throwing = Object.defineProperty({}, "constructor", {
      get() {
        throw new Error("no");
      },
    });
    for (const value of [proxy, throwing]) expect(shown(value)).toBe("an object that cannot be read");
  });

  test("shows no credentials of a URL, however they are written and wherever it is cut", () => {
    for (const value of [
      `redis://user:${"secret".repeat(30)}@host:6379`,
      "redis://user:sec/secret@host",
      "redis://user:sec#secret@host",
      "redis://user:sec@secret@host",
    ]) {
      expect(shown(value)).not.toContain("sec");
    }
  });

  test("of a schema's issues is bounded in number and length", () => {
    const issues = Array.from({ length: 12 }, (_, index) => ({ path: [index], message: "m".repeat(300) }));
    const error = new ValidationError({ eventType: "t", issues });
    expect(error.issues).toHaveLength(12);
    expect(error.message.length).toBeLessThan(2_200);
    expect(error.message).toMatch(/; and 2 further issues$/);
  });

  test("of the types of a catalog is bounded in number", () => {
    const known = Array.from({ length: 25 }, (_, index) => `t${index}`);
    const error = new errors.UnknownEventTypeError({ eventType: "x", known });
    expect(error.known).toHaveLength(25);
    expect(error.message).toMatch(/"t19" and 5 more$/);
  });
});

describe("a position in a batch", () => {
  test("is a field only when there is one", () => {
    const issues = [{ path: [], message: "m" }];
    expect(new ValidationError({ eventType: "t", issues, index: 0 })).toHaveProperty("index", 0);
    expect(new ValidationError({ eventType: "t", issues })).not.toHaveProperty("index");
    expect(new errors.PayloadTooLargeError({ eventType: "t", bytes: 2, maxBytes: 1 })).not.toHaveProperty(
      "index",
    );
    expect(new errors.UnknownEventTypeError({ eventType: "t", known: [], index: 2 }).message).toContain(
      "at index 2",
    );
  });
});

describe("a refusal of the Redis user", () => {
  // The wordings of Redis 6.2, 7.0, 7.2 and 8, and of Valkey, as commands and inside scripts.
  test.each([
    ["NOPERM this user has no permissions to run the 'xadd' command or its subcommand", { command: "xadd" }],
    ["NOPERM User acme has no permissions to run the 'script|load' command", { command: "script|load" }],
    [
      "ERR ACL failure in script: User acme has no permissions to run the 'hset' command script: f, on @user_script:4.",
      { command: "hset" },
    ],
    [
      "NOPERM User acme has no permissions to access the 'tenant:{acme}:orders' key",
      { key: "tenant:{acme}:orders" },
    ],
  ])("names what was refused: %s", (reply, named) => {
    const error = new PermissionError({ attempted: "publish", reply });
    expect(isPermissionReply(reply)).toBe(true);
    expect(error).toMatchObject(named);
    expect(error.message).toMatch(
      /^run publish: the Redis user may not (run|access key) \S+; ACL rule \S+ allows it/,
    );
  });

  test.each([
    [
      "NOPERM this user has no permissions to access one of the keys used as arguments",
      /access a key of this stream/,
    ],
    [
      "ERR The user executing the script can't access at least one of the keys mentioned in the command arguments",
      /access a key of this stream/,
    ],
    [
      "ERR The user executing the script can't run this command or subcommand script: f",
      /answered ERR The user/,
    ],
    ["NOAUTH Authentication required.", /check the user name and the password/],
    ["WRONGPASS invalid username-password pair or user is disabled.", /check the user name and the password/],
  ])("is recognised when nothing is named: %s", (reply, text) => {
    expect(isPermissionReply(reply)).toBe(true);
    const error = new PermissionError({ attempted: "publish", reply });
    expect(error.message).toMatch(text);
    expect(error).not.toHaveProperty("key");
    expect(error).not.toHaveProperty("command");
  });

  test.each(["ERR no such key", "READONLY", "NOSCRIPT No matching script", ""])("is not %j", (reply) => {
    expect(isPermissionReply(reply)).toBe(false);
  });
});

test("a connection's error shows no password", () => {
  const reason = "getaddrinfo ENOTFOUND rediss://:secret@host";
  expect(new ConnectionError({ attempted, reason, maybeExecuted: false }).message).not.toContain("secret");
});

test("an older protocol is not answered with an upgrade", () => {
  expect(new ProtocolError({ stream: "s", found: 1, supported: 2 }).message).not.toContain("upgrade");
});
