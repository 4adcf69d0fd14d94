/**
 * The part of a reply that all scripts share: a status for the whole call, first.
 *
 * A refusal changed nothing in Redis. What it means to a user (which error, what to upgrade) is the client's to say.
 */
import { Status } from "./generated/status.js";

/** Why a script refused a whole call. */
export type Refusal =
  | { readonly status: "PROTOCOL" /** protocol recorded in `meta` */; readonly found: string }
  | { readonly status: "WRONGTYPE"; readonly key: string; readonly found: string; readonly wanted: string }
  | { readonly status: "NOGROUP" }
  | { readonly status: "SUPERSEDED" }
  | { readonly status: "EXHAUSTED" }
  | { readonly status: "NOPERM" /** lower case */; readonly command: string }
  | { readonly status: "SETTINGS"; readonly differences: readonly SettingDifference[] };

/** A group setting that differs from the one asked for. */
export interface SettingDifference {
  readonly setting: string;
  readonly recorded: number;
  readonly asked: number;
}

/** A script's reply once it is known not to be a refusal: the values behind the status. */
export type Values = readonly (string | number)[];

/** A reply that is none of ours: another script, or another program, answered. */
export class UnexpectedReplyError extends Error {
  override readonly name = "UnexpectedReplyError";
}

/** The refusal that a reply is, or undefined. Throws UnexpectedReplyError for a reply that no script of ours gives. */
export function refusalIn(reply: unknown): Refusal | undefined {
  if (!Array.isArray(reply)) {
    throw new UnexpectedReplyError(`reply of a script: ${JSON.stringify(reply)}: wanted an array`);
  }
  const text = (at: number) => String(reply[at] ?? "");
  switch (reply[0]) {
    case Status.OK:
    case Status.REFUSED:
      return undefined;
    case Status.PROTOCOL:
      return { status: Status.PROTOCOL, found: text(1) };
    case Status.WRONGTYPE:
      return { status: Status.WRONGTYPE, key: text(1), found: text(2), wanted: text(3) };
    case Status.NOGROUP:
      return { status: Status.NOGROUP };
    case Status.SUPERSEDED:
      return { status: Status.SUPERSEDED };
    case Status.EXHAUSTED:
      return { status: Status.EXHAUSTED };
    case Status.NOPERM:
      return { status: Status.NOPERM, command: text(1) };
    case Status.SETTINGS:
      return { status: Status.SETTINGS, differences: differencesIn(reply) };
    default:
      throw new UnexpectedReplyError(
        `reply of a script: status ${JSON.stringify(reply[0])}: wanted one of ours`,
      );
  }
}

function differencesIn(reply: readonly unknown[]): SettingDifference[] {
  const differences: SettingDifference[] = [];
  for (let at = 1; at + 2 < reply.length; at += 3) {
    differences.push({
      setting: String(reply[at]),
      recorded: Number(reply[at + 1]),
      asked: Number(reply[at + 2]),
    });
  }
  return differences;
}

/** The values of a reply that is not a refusal, or the refusal. */
export function valuesOf(reply: unknown): { readonly refusal: Refusal } | { readonly values: Values } {
  const refusal = refusalIn(reply);
  // refusalIn has seen an array with one of our statuses; scripts reply with strings and integers only.
  return refusal ? { refusal } : { values: reply as Values };
}

/**
 * A word for each of `count` items, from a reply that names only those that are not `usual`: (position, word) pairs.
 * A word for each takes a client half a microsecond to decode, an eighth of what the server takes to judge it.
 *
 * @throws UnexpectedReplyError for positions that do not ascend from 1 to `count`, and for words that are none of these
 */
export function verdictsFrom<V extends string>(
  named: Values,
  count: number,
  usual: V,
  exceptions: readonly V[],
): readonly V[] {
  const verdicts = new Array<V>(count).fill(usual);
  let last = 0;
  for (let at = 0; at < named.length; at += 2) {
    const position = Number(named[at]);
    const verdict = exceptions.find((word) => word === named[at + 1]);
    const ascends = Number.isInteger(position) && position > last && position <= count;
    if (!ascends || verdict === undefined) {
      throw new UnexpectedReplyError(
        `reply of a script: ${JSON.stringify(named)}: wanted positions that ascend from 1 to ${count}, ` +
          `each with ${exceptions.join(" | ")}`,
      );
    }
    verdicts[position - 1] = verdict;
    last = position;
  }
  return verdicts;
}
