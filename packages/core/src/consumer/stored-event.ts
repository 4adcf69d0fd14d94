/** What an entry says: the event that it holds, or how its attempt ends if it holds none that is to be handled here. */
import { Status } from "@sluice/lua-scripts";
import { decodeEvent, type StoredEvent } from "../envelope.js";
import { describeThrown } from "../thrown.js";
import { type Decode, foreignEvent } from "./decode.js";
import type { LeasedAttempt } from "./leased-attempt.js";
import { failed, type Outcome } from "./outcome.js";

export function readEvent(attempt: LeasedAttempt, decode: Decode | undefined): StoredEvent | Outcome {
  const { entry } = attempt;
  const { tenantId, group } = attempt.inFlight.scope;
  const { id, key, fields } = entry;
  if (key === "") return readForeign(attempt, decode);
  const onlyFor = fields[5];
  if (onlyFor !== undefined && onlyFor !== group) return { outcome: "SKIP", skipped: "otherGroup" };
  const decoded = decodeEvent(fields[3] ?? "", entry);
  if (!decoded.ok) return failed(Status.MALFORMED, decoded.message);
  if (decoded.event.tenantId !== tenantId) {
    return failed(Status.MALFORMED, `read entry '${id}': its tenantid is not the tenant of this stream`);
  }
  return decoded.event;
}

/** An entry that another producer wrote. */
function readForeign({ entry, inFlight }: LeasedAttempt, decode: Decode | undefined): StoredEvent | Outcome {
  const attempted = `read entry '${entry.id}'`;
  try {
    const event = decode && foreignEvent(decode, entry, inFlight.scope.tenantId);
    if (event !== undefined) return event;
  } catch (error) {
    return failed(Status.MALFORMED, `${attempted}: decode threw ${describeThrown(error)}`);
  }
  const wanted = "wanted the fields key and event, once each and in this order";
  return failed(Status.MALFORMED, `${attempted}: ${wanted}${decode ? ", or one that decode knows" : ""}`);
}
