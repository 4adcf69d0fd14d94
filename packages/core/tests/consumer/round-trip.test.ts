/** A round trip: what it carries as requests, in order, and what its replies say, part by part. */
import { groupKeys, UnexpectedReplyError } from "@sluice/lua-scripts";
import { describe, expect, test } from "vitest";
import type { Request } from "../../src/connection.js";
import { Requests } from "../../src/consumer/requests.js";
import {
  decodeRoundTrip,
  describeRoundTrip,
  encodeRoundTrip,
  RequestFailure,
  type RoundTrip,
} from "../../src/consumer/round-trip.js";
import { ConnectionError, ServerError } from "../../src/errors.js";
import { entries, inFlight, running, succeeded } from "./support.js";

const member = { group: "billing", consumer: "c1", incarnation: "p" };
const requests = new Requests("orders", groupKeys("orders", "billing"), member, 0);
const nothing: RoundTrip = {
  settle: undefined,
  lease: undefined,
  recover: undefined,
  pass: undefined,
  nonce: "",
  read: 0,
};

function settling(...ids: readonly string[]): RoundTrip["settle"] {
  const flight = inFlight();
  for (const attempt of running(flight, 0, ...ids)) flight.finish(succeeded(attempt));
  return flight.takeToSettle();
}

const full: RoundTrip = {
  ...nothing,
  settle: settling("1-0", "2-0"),
  lease: entries("3-0", "4-0"),
  nonce: "p_7",
  read: 5,
};
const nameOf = (request: Request) => (request.kind === "script" ? request.script.name : request.name);

describe("encoding", () => {
  test("asks to settle, then to lease, then to read", () => {
    const encoded = encodeRoundTrip(full, requests);
    expect(encoded.map(nameOf)).toEqual(["settle", "lease", "XREADGROUP"]);
    expect(encoded[2]).toMatchObject({
      args: ["GROUP", "billing", "c1", "COUNT", 5, "STREAMS", "orders", ">"],
    });
  });

  test("asks to recover in place of a lease, with what is in flight and what is under way", () => {
    const recover = {
      scope: "ALL",
      max: 3,
      maxBytes: 100,
      ownAfter: "0-0",
      inFlight: ["1-0"],
      underWay: ["p_6"],
    } as const;
    const encoded = encodeRoundTrip({ ...nothing, nonce: "p_7", recover }, requests);
    expect(encoded.map(nameOf)).toEqual(["recover"]);
    expect(encoded[0]).toMatchObject({
      args: ["billing", "c1", "p", "p_7", 3, 100, "ALL", "0-0", "1-0", "@p_6"],
    });
  });

  test("asks nothing for nothing", () => {
    expect(encodeRoundTrip(nothing, requests)).toEqual([]);
  });
});

describe("decoding", () => {
  const read = [["orders", [["5-0", ["key", "order.placed:o5", "event", "{}"]]]]];
  const replies = [
    ["OK", 40, 1_764_000_000_000, 2, "FENCED"],
    ["OK", -1, 1_764_000_000_000, 1, "DUPLICATE"],
    read,
  ];

  test("gives what each part was answered, wherever its replies stand among those of one write", () => {
    const result = decodeRoundTrip(full, ["of another group", ...replies], requests, 1);
    expect(result).toMatchObject({
      settled: { verdicts: ["SETTLED", "FENCED"], nextDueInMs: 40 },
      leased: { verdicts: ["DUPLICATE", "LEASED"], nextDueInMs: undefined },
      recovered: undefined,
      read: [{ id: "5-0", key: "order.placed:o5" }],
      failure: undefined,
    });
    expect(describeRoundTrip(full, result)).toEqual({ settled: 2, leased: 1, recovered: 0, read: 1 });
  });

  test("of a read that brought nothing gives no entries", () => {
    expect(decodeRoundTrip({ ...nothing, read: 5 }, [null], requests)).toMatchObject({ read: [] });
  });

  const lost = new ConnectionError({ attempted: "settle", reason: "gone", maybeExecuted: true });
  const unsent = new ConnectionError({ attempted: "lease", reason: "gone", maybeExecuted: false });

  test("tells of each part by itself why it failed, and whether it may have run", () => {
    const result = decodeRoundTrip(full, [lost, unsent, "what is this"], requests);
    expect(result.settled).toMatchObject({ error: lost, kind: "failed", mayHaveRun: true });
    expect(result.leased).toMatchObject({ error: unsent, kind: "failed", mayHaveRun: false });
    expect(result.read).toEqual([]);
    expect(result.failure).toBe(result.settled);
  });

  test("tells a refusal, which changed nothing, by its error", () => {
    const { leased, failure } = decodeRoundTrip(full, [replies[0], ["NOGROUP"], read], requests);
    expect(leased).toMatchObject({ kind: "refused", mayHaveRun: false, error: expect.any(ServerError) });
    expect(failure).toBe(leased);
  });

  test("takes a reply that no script of ours gives for one that may have run", () => {
    const { settled, leased } = decodeRoundTrip(full, ["no", ["OK", -1, 0, 9, "LEASED"], read], requests);
    for (const part of [settled, leased]) {
      expect(part).toBeInstanceOf(RequestFailure);
      expect(part).toMatchObject({
        kind: "unexpected",
        mayHaveRun: true,
        error: expect.any(UnexpectedReplyError),
      });
    }
  });
});
