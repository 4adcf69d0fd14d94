/** How clients read replies that name only some of the items asked about. */
import {
  beatCall,
  beatReply,
  groupKeys,
  leaseAfterReply,
  leaseReply,
  leaveCall,
  peerKeys,
  publishReply,
  settleCall,
  settleReply,
  UnexpectedReplyError,
} from "@sluice/lua-scripts";
import { describe, expect, test } from "vitest";
import { skip, success } from "./support/attempts.js";

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
  expect(
    settleReply(
      ["OK", 25, NOW, 1, "FENCED"],
      [skip({ key: "k1", token: "1-0|c|1|n.5" }), skip({ key: "k2", token: "2-0|c|1|n.5" })],
    ),
  ).toEqual({
    status: "OK",
    nextDueInMs: 25,
    now: NOW,
    verdicts: ["FENCED", "SETTLED"],
  });
});

test("settle is told of the successes of one lease together, and the reply is read in the order given", () => {
  const attempts = [
    success({ key: "k1", token: "1-0|c|1|n2.5" }),
    success({ key: "k2", token: "2-0|c|1|n1.5" }),
    success({ key: "k3", token: "3-0|c|1|n2.5" }, [{ key: "~1", event: "{}" }]),
    success({ key: "k4", token: "4-0|c|1|n2.5" }),
    skip({ key: "k5", token: "5-0|c|1|n.5" }),
    success({ key: "k6", token: "6-0|c|1|n1.5" }),
  ];
  const { args } = settleCall(
    groupKeys("orders", "g"),
    { group: "g", consumer: "c", incarnation: "i" },
    0,
    attempts,
  );
  expect(args.slice(4)).toEqual([
    ...["SUCCESS", "k3", "3-0|c|1|n2.5", 1, "~1", "{}", ""],
    ...["SKIP", "k5", "5-0|c|1|n.5"],
    ...["SUCCESSES", "|c|1|n2.5", 2, "k1", "1-0", "k4", "4-0"],
    ...["SUCCESSES", "|c|1|n1.5", 2, "k2", "2-0", "k6", "6-0"],
  ]);
  const reply = settleReply(["OK", -1, NOW, 1, "DEAD", 3, "FENCED", 6, "FENCED"], attempts);
  expect(reply).toMatchObject({ verdicts: ["FENCED", "SETTLED", "DEAD", "SETTLED", "SETTLED", "FENCED"] });
});

test("what the reply of a publish does not name is NEW", () => {
  const reply = ["OK", 3, 9, "", "1-0", "2-0", "", 1, "DUPLICATE", 3, "FULL"];
  expect(publishReply(reply, 3)).toMatchObject({
    status: "OK",
    length: 3,
    maxLength: 9,
    results: [
      { verdict: "DUPLICATE", id: "1-0" },
      { verdict: "NEW", id: "2-0" },
      { verdict: "FULL", id: "" },
    ],
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

test("a beat tells names of workers first, and then of tenants", () => {
  expect(beatReply(["OK", NOW, NOW - 5, 2, "w1", "w2", "acme"])).toEqual({
    status: "OK",
    now: NOW,
    born: NOW - 5,
    workers: ["w1", "w2"],
    needHelp: ["acme"],
  });
  expect(beatReply(["OK", NOW, -1, 0])).toMatchObject({ born: undefined, workers: [], needHelp: [] });
  expect(beatReply(["WRONGTYPE", "k", "string", "zset"])).toMatchObject({ status: "WRONGTYPE", key: "k" });
});

test("a beat names the tenants that need help, and those that need none any more", () => {
  const keys = peerKeys("orders", "billing");
  const beat = beatCall(keys, { worker: "w1", spare: true, needHelp: ["acme"], helped: ["globex"] });
  expect(beat.keys).toEqual(["{orders}/billing/workers", "{orders}/billing/help", "{orders}/billing/born"]);
  expect(beat.args).toEqual(["w1", "BEAT", 1, "acme", 1, "globex", 0]);
  expect(leaveCall(keys, { worker: "w1", helped: ["acme"] }).args).toEqual(["w1", "LEAVE", 0, "acme", 0]);
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
    const attempts = [skip({ key: "k1", token: "1-0|c|1|n.5" }), skip({ key: "k2", token: "2-0|c|1|n.5" })];
    expect(() => settleReply(["OK", -1, NOW, 2, "FENCED", 3, "DEAD"], attempts)).toThrow(
      'reply of a script: [2,"FENCED",3,"DEAD"]: wanted positions that ascend from 1 to 2, each with WAITING | HANDED_BACK | DEAD | FENCED',
    );
  });

  test("that has fewer workers than it says", () => {
    expect(() => beatReply(["OK", NOW, NOW, 2, "w1"])).toThrow(
      "reply of a script: 1 names: wanted 2 workers first",
    );
  });

  test("that has fewer IDs than there were events", () => {
    expect(() => publishReply(["OK", 0, 0, "", "1-0"], 2)).toThrow(
      "reply of a script: 1 entry IDs: wanted 2",
    );
  });
});
