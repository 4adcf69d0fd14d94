/** What a script's refusal of a whole call means to the caller: which error, with which words. */
import type { Refusal } from "@sluice/lua-scripts";
import { PROTOCOL } from "@sluice/lua-scripts";
import {
  GroupSettingsError,
  PermissionError,
  ProtocolError,
  ServerError,
  type SluiceError,
  StreamExhaustedError,
  SupersededError,
  WrongTypeError,
} from "./errors.js";

/** Who asked: for the errors' words. */
export interface Asker {
  readonly stream: string;
  readonly group?: string;
  readonly consumer?: string;
}

/** The error that a refusal is. */
export function refusalError(attempted: string, refusal: Refusal, asker: Asker): SluiceError {
  const group = asker.group ?? "";
  switch (refusal.status) {
    case "PROTOCOL":
      return new ProtocolError({ stream: asker.stream, found: Number(refusal.found), supported: PROTOCOL });
    case "WRONGTYPE":
      return new WrongTypeError({ key: refusal.key, found: refusal.found, wanted: refusal.wanted });
    case "SETTINGS":
      return new GroupSettingsError({ group, differences: refusal.differences });
    case "SUPERSEDED":
      return new SupersededError({ group, consumer: asker.consumer ?? "" });
    case "EXHAUSTED":
      // Emitted events without room make a dead letter; it is a dead letter without room that is refused.
      return new StreamExhaustedError({
        stream: attempted === "settle" ? `${asker.stream}/${group}/dead` : asker.stream,
      });
    case "NOPERM":
      return new PermissionError({
        attempted,
        reply: `NOPERM this user has no permissions to run the '${refusal.command}' command`,
      });
    case "NOGROUP":
      return new ServerError({ attempted, reply: `NOGROUP the consumer group '${group}' is not there` });
  }
}
