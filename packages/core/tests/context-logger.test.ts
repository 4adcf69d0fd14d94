import { describe, expect, test, vi } from "vitest";
import { InvalidOptionError } from "../src/errors.js";
import { type Logger, silentLogger, toLogger, withFields } from "../src/logger.js";

const levels = ["debug", "info", "warn", "error"] as const;

type Call = readonly [level: string, ...args: unknown[]];

/** A logger that keeps its calls, on a class so that a method taken off its object would fail. */
class Recorder {
  readonly calls: Call[] = [];
  debug(...args: unknown[]) {
    this.calls.push(["debug", ...args]);
  }
  info(...args: unknown[]) {
    this.calls.push(["info", ...args]);
  }
  warn(...args: unknown[]) {
    this.calls.push(["warn", ...args]);
  }
  error(...args: unknown[]) {
    this.calls.push(["error", ...args]);
  }
}

/** What pino has that Sluice tells it by. */
class PinoLike extends Recorder {
  level = "info";
  child() {
    return this;
  }
  bindings() {
    return {};
  }
}

/** What bunyan has that Sluice tells it by. */
class BunyanLike extends Recorder {
  child() {
    return this;
  }
  addStream() {}
}

/** What winston has in common with pino. */
class WinstonLike extends Recorder {
  level = "info";
  child() {
    return this;
  }
}

describe("a logger", () => {
  test.each([
    ["with methods of its own", new Recorder()],
    ["like winston", new WinstonLike()],
  ])("%s gets the message, then the fields", (_, recorder) => {
    const logger = toLogger(recorder);
    for (const level of levels) logger[level]("settled", { group: "billing" });
    expect(recorder.calls).toEqual(levels.map((level) => [level, "settled", { group: "billing" }]));
  });

  test.each([
    ["pino", new PinoLike()],
    ["bunyan", new BunyanLike()],
  ])("like %s gets the fields, then the message", (_, recorder) => {
    const logger = toLogger(recorder);
    for (const level of levels) logger[level]("settled", { group: "billing" });
    expect(recorder.calls).toEqual(levels.map((level) => [level, { group: "billing" }, "settled"]));
    logger.info("alone");
    expect(recorder.calls.at(-1)).toEqual(["info", "alone"]);
  });

  test("may be console", () => {
    const info = vi.spyOn(console, "info").mockImplementation(() => {});
    // The type of console is that of a logger.
    const fits: Logger = console;
    toLogger(fits).info("settled", { group: "billing" });
    expect(info).toHaveBeenCalledWith("settled", { group: "billing" });
    info.mockRestore();
  });

  test("that throws or rejects does no harm", async () => {
    const rejections = vi.fn();
    process.on("unhandledRejection", rejections);
    const thrower = () => {
      throw new Error("disk full");
    };
    const logger = toLogger({ debug: thrower, info: async () => thrower(), warn: thrower, error: thrower });
    for (const level of levels) expect(() => logger[level]("settled", { group: "billing" })).not.toThrow();
    await new Promise(setImmediate);
    process.off("unhandledRejection", rejections);
    expect(rejections).not.toHaveBeenCalled();
  });

  test("that is missing writes nothing", () => {
    expect(toLogger(undefined)).toBe(silentLogger);
    for (const level of levels) silentLogger[level]("settled");
  });

  test.each([
    [null, "logger"],
    [5, "logger"],
    ["console", "logger"],
    [{}, "logger.debug"],
    [{ debug() {}, info() {}, warn() {} }, "logger.error"],
    [{ debug() {}, info: "info", warn() {}, error() {} }, "logger.info"],
  ])("is refused with what is wrong with it: %j", (value, option) => {
    expect(() => toLogger(value)).toThrow(InvalidOptionError);
    expect(() => toLogger(value)).toThrow(expect.objectContaining({ option }));
  });
});

describe("a logger with fields", () => {
  test("adds them to each line", () => {
    const recorder = new Recorder();
    const logger = withFields(withFields(toLogger(recorder), { tenantId: "acme" }), { group: "billing" });
    logger.info("settled");
    logger.warn("retried", { attempt: 2 });
    expect(recorder.calls).toEqual([
      ["info", "settled", { tenantId: "acme", group: "billing" }],
      ["warn", "retried", { tenantId: "acme", group: "billing", attempt: 2 }],
    ]);
  });

  test("lets a line's own win", () => {
    const recorder = new Recorder();
    withFields(toLogger(recorder), { attempt: 1 }).info("retried", { attempt: 2 });
    expect(recorder.calls).toEqual([["info", "retried", { attempt: 2 }]]);
  });
});
