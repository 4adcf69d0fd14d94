/** How clients read replies that name only some of the items asked about. */
import { leaseAfterReply, leaseReply, settleReply, UnexpectedReplyError } from "@sluice/lua-scripts";
import { describe, expect, test } from "vitest";

const NOW = 1_764_000_000_000;

test("what the reply of a lease does not name is LEASED", () => {
  expect(leaseReply(["OK", -1, NOW, 2, "DEFERRED", 3, "LOST"], 4)).toEqual({
    status: "OK",
    nextDueInMs: undefined,
    now: NOW,
    verdicts: ["LEASED", "DEFERRED", "LOST", "LEASED"],
  });
});

test("what the reply of a settle does not name is SETTLED", () => {
  expect(settleReply(["OK", 25, NOW, 1, "FENCED"], 2)).toEqual({
    status: "OK",
    nextDueInMs: 25,
    now: NOW,
    verdicts: ["FENCED", "SETTLED"],
  });
});

test("a lease of what nobody has named yet names all that it found", () => {
  expect(leaseAfterReply(["OK", -1, NOW, "1-0", "LEASED", "2-0", "DUPLICATE"])).toEqual({
    status: "OK",
    nextDueInMs: undefined,
    now: NOW,
    verdicts: new Map([
      ["1-0", "LEASED"],
      ["2-0", "DUPLICATE"],
    ]),
  });
});

test("a refusal names nothing", () => {
  expect(leaseReply(["NOGROUP"], 2)).toEqual({ status: "NOGROUP" });
  expect(leaseAfterReply(["NOGROUP"])).toEqual({ status: "NOGROUP" });
});

describe("a reply is refused", () => {
  test.each([
    ["whose position is none of those asked about", [3, "LOST"]],
    ["whose position is 0", [0, "LOST"]],
    ["whose position is there twice", [1, "LOST", 1, "LOST"]],
    ["whose positions descend", [2, "LOST", 1, "LOST"]],
    ["whose position is no integer", [1.5, "LOST"]],
    ["whose position is no number", ["x", "LOST"]],
    ["that names what it should not", [1, "LEASED"]],
    ["with a word of another script", [1, "FENCED"]],
    ["that ends within a pair", [1]],
  ])("%s", (_, named) => {
    expect(() => leaseReply(["OK", -1, NOW, ...named], 2)).toThrow(UnexpectedReplyError);
  });

  test("that gives an entry a word of another script", () => {
    expect(() => leaseAfterReply(["OK", -1, NOW, "1-0", "FENCED"])).toThrow(
      'reply of a script: "FENCED": wanted LEASED | DUPLICATE | DEFERRED | LOST',
    );
  });

  test("with a text that says what is wanted", () => {
    expect(() => settleReply(["OK", -1, NOW, 2, "FENCED", 3, "DEAD"], 2)).toThrow(
      'reply of a script: [2,"FENCED",3,"DEAD"]: wanted positions that ascend from 1 to 2, each with WAITING | DEAD | FENCED',
    );
  });
});
