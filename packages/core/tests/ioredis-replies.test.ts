/** Error replies that the servers of one test run do not give: those of other versions, and Sentinel's. */

import { describe, expect, test } from "vitest";
import { OutOfMemoryError, PermissionError, ServerError } from "../src/errors.js";
import { errorOfReply, refusalIn, replyOf } from "../src/ioredis/replies.js";

const call = `(call to f_${"a1".repeat(20)})`;

describe("the errors of scripts on servers up to 6.2 are told apart as on later ones", () => {
  test.each([
    ["-OOM command not allowed when used memory > 'maxmemory'.", OutOfMemoryError, undefined],
    [
      "-NOPERM this user has no permissions to run the 'xadd' command or its subcommand",
      PermissionError,
      undefined,
    ],
    ["-READONLY You can't write against a read only replica.", ServerError, "READONLY"],
    ["WRONGTYPE Operation against a key holding the wrong kind of value", ServerError, "WRONGTYPE"],
  ])("%s", (inner, kind, prefix) => {
    for (const wrapping of ["@user_script:12: ", "@user_script:12: @user_script: 12: "]) {
      const error = errorOfReply("publish", `ERR Error running script ${call}: ${wrapping}${inner}`);
      expect(error).toBeInstanceOf(kind);
      if (prefix !== undefined) expect(error).toMatchObject({ prefix });
    }
  });
});

describe("a connection is turned away by", () => {
  test.each([
    ["NOAUTH Authentication required."],
    ["WRONGPASS invalid username-password pair or user is disabled."],
    ["NOPERM this user has no permissions to run the 'select' command"],
    ["ERR DB index is out of range"],
    ["ERR SELECT is not allowed in cluster mode"],
    ["ERR invalid password"],
    ["DENIED Redis is running in protected mode because protected mode is enabled"],
  ])("%s", (reply) => {
    expect(refusalIn(new Error(reply))).toBe(reply);
    expect(refusalIn(new Error(`Ready check failed: ${reply}`))).toBe(reply);
    expect(refusalIn(new Error(`All sentinels are unreachable. Last error: ${reply}`))).toBe(reply);
  });

  test.each([
    ["connect ECONNREFUSED 127.0.0.1:6379"],
    ["Connection is closed."],
    ["LOADING Redis is loading"],
  ])("nothing in: %s", (text) => {
    expect(refusalIn(new Error(text))).toBeUndefined();
  });
});

describe("an error reply is told by its text, whatever its class is called", () => {
  /** As a minifier leaves a class of redis-errors, and as another realm has it. */
  const errors = (message: string) => {
    class a extends Error {
      override get name() {
        return this.constructor.name;
      }
    }
    return [new a(message), { name: "Error", message }];
  };

  test.each([
    "NOSCRIPT No matching script. Please use EVAL.",
    "ERR unknown command 'MEMORY'",
    "SLUICE_BADARG count: wanted an integer",
    "WORD_OF_TOMORROW",
  ])("%s", (message) => {
    for (const error of errors(message)) expect(replyOf(error)).toBe(message);
  });

  test.each([
    "connect ECONNREFUSED 127.0.0.1:6379",
    "read ECONNRESET",
    "Connection is closed.",
    "Stream isn't writeable and enableOfflineQueue options is false",
    'Protocol error, got "H" as reply type byte',
    "80CB0C0E487F0000:error:0A00010B:SSL routines:ssl3_get_record:wrong version number",
    "",
  ])("and nothing else is one: %s", (message) => {
    for (const error of errors(message)) expect(replyOf(error)).toBeUndefined();
  });

  test("nor what a socket says in upper case", () => {
    expect(replyOf(Object.assign(new Error("EPIPE"), { syscall: "write" }))).toBeUndefined();
  });
});
