/** Error replies that the servers of one test run do not give: those of other versions, and Sentinel's. */

import { describe, expect, test } from "vitest";
import { OutOfMemoryError, PermissionError, ServerError } from "../src/errors.js";
import { errorOfReply, refusalIn } from "../src/ioredis/replies.js";

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
