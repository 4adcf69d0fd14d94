/** The two short ways over a connection: one script, one command. */

import { expect, test, vi } from "vitest";
import { type Connection, command, evaluate } from "../src/connection.js";
import { DeadlineError } from "../src/errors.js";

const call = {
  script: { name: "sample", source: "return 1", sha1: "0".repeat(40), keys: [], groupKeys: [] },
  keys: ["k"],
  args: ["a", 1],
};
const failed = new DeadlineError({ attempted: "sample", deadlineMs: 5, maybeExecuted: true });

function answering(reply: unknown) {
  const send = vi.fn<Connection["send"]>(async () => [reply]);
  return {
    ...{ send, nodes: vi.fn(), duplicate: vi.fn(), bells: vi.fn() },
    ...{ onReconnect: vi.fn(), close: vi.fn() },
  };
}

test("evaluate sends one script and resolves with its reply", async () => {
  const connection = answering(["1", null]);
  expect(await evaluate(connection, call, { deadlineMs: 5 })).toEqual(["1", null]);
  expect(connection.send).toHaveBeenCalledExactlyOnceWith([{ kind: "script", ...call }], { deadlineMs: 5 });
});

test("command sends one command and resolves with its reply", async () => {
  const connection = answering(7);
  expect(await command(connection, "XLEN", ["orders"], { deadlineMs: 5 })).toBe(7);
  expect(connection.send).toHaveBeenCalledExactlyOnceWith(
    [{ kind: "command", name: "XLEN", args: ["orders"] }],
    {
      deadlineMs: 5,
    },
  );
});

test("both throw the error that stands in the reply's place", async () => {
  await expect(evaluate(answering(failed), call, { deadlineMs: 5 })).rejects.toBe(failed);
  await expect(command(answering(failed), "PING", [], { deadlineMs: 5 })).rejects.toBe(failed);
});
