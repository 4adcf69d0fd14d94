/**
 * Where Sluice writes what happens: any object with `debug`, `info`, `warn` and `error`. A line is a message
 * that is always the same text for the same happening, and fields that tell it apart (tenant, group, IDs,
 * counts); never payload data. An error is passed as the field `err`, the one name under which pino writes
 * errors out.
 */

import { InvalidOptionError } from "./errors.js";
import { type AnyFunction, callGuarded } from "./guard.js";

/** One level of a logger. */
export type LogMethod = (message: string, fields?: object) => void;

/**
 * A logger: `console`, a pino, bunyan or winston logger, or an object of your own. pino and bunyan take the
 * fields before the message; they are recognised by methods that only they have.
 */
export interface Logger {
  readonly debug: LogMethod;
  readonly info: LogMethod;
  readonly warn: LogMethod;
  readonly error: LogMethod;
}

/** A logger that writes nothing. */
export const silentLogger: Logger = Object.freeze(everyLevel(() => () => {}));

/** Where a logger of {@link toLogger} says whether it writes lines at debug level, which may change while it is used. */
const WRITES_DEBUG = Symbol("writes debug");

type Told = Logger & { readonly [WRITES_DEBUG]?: () => boolean };

/**
 * Whether lines at debug level go anywhere, as far as the logger tells (`isLevelEnabled`, of pino and winston): what
 * is costly to say is said only then.
 */
export function writesDebug(logger: Told): boolean {
  return logger !== silentLogger && (logger[WRITES_DEBUG]?.() ?? true);
}

/**
 * Adapts the option `logger`: methods are called on their object, with the arguments in the order that it
 * takes, and a logger that throws or rejects does no harm to what was being logged. Undefined gives {@link
 * silentLogger}.
 *
 * @throws {InvalidOptionError} naming the method that is missing.
 */
export function toLogger(value: unknown): Logger {
  if (value === undefined) return silentLogger;
  if (!isObject(value)) {
    throw new InvalidOptionError({
      option: "logger",
      value,
      wanted: "an object with debug, info, warn and error",
    });
  }
  const fieldsFirst = takesFieldsFirst(value);
  return Object.freeze({
    [WRITES_DEBUG]: () => isDebugEnabled(value),
    ...everyLevel((level) => {
      const method = methodOf(value, level);
      if (method === undefined) {
        throw new InvalidOptionError({
          option: `logger.${level}`,
          value: Reflect.get(value, level),
          wanted: "a function",
        });
      }
      return (message, fields) => {
        const args = fields === undefined ? [message] : fieldsFirst ? [fields, message] : [message, fields];
        callGuarded(method, value, args, sayNothing);
      };
    }),
  });
}

/**
 * A logger that adds the fields to each line; those of the line itself win. `logger` is one from {@link
 * toLogger}.
 */
export function withFields(logger: Logger, fields: object): Logger {
  return Object.freeze({
    [WRITES_DEBUG]: () => writesDebug(logger),
    ...everyLevel((level) => (message, more) => {
      logger[level](message, more === undefined ? fields : { ...fields, ...more });
    }),
  });
}

function isDebugEnabled(logger: object): boolean {
  try {
    return methodOf(logger, "isLevelEnabled")?.call(logger, "debug") !== false;
  } catch {
    return true;
  }
}

function everyLevel(make: (level: keyof Logger) => LogMethod): Logger {
  return { debug: make("debug"), info: make("info"), warn: make("warn"), error: make("error") };
}

/** pino has `bindings`, bunyan has `addStream`, and no logger that takes the message first has either. */
function takesFieldsFirst(logger: object): boolean {
  if (methodOf(logger, "child") === undefined) return false;
  return methodOf(logger, "bindings") !== undefined || methodOf(logger, "addStream") !== undefined;
}

function methodOf(object: object, name: string): AnyFunction | undefined {
  const method: unknown = Reflect.get(object, name);
  // What is passed to it, and what it returns, is unknown either way.
  return typeof method === "function" ? (method as AnyFunction) : undefined;
}

/** There is nowhere left to say that a logger has thrown, or rejected. */
const sayNothing = () => {};

function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}
