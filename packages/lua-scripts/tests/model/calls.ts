/**
 * The calls of a consumer's process: what each sends, how its answer is judged, and what the process then knows.
 *
 * What a process has in hand goes out of its hands when it is sent; `heard` is what it makes of the answer, `lost` of
 * there being none.
 */
import {
  entryOf,
  extendCall,
  extendReply,
  leaseCall,
  leaseReply,
  type RecoverInput,
  recoverCall,
  recoverReply,
  releaseCall,
  releaseReply,
  settleCall,
  settleReply,
} from "@sluice/lua-scripts";
import type { Consumer, Delivered, Held, Sent } from "./consumer.js";
import { keyOf } from "./ids.js";
import { judgeExtend, judgeLease, judgeRefusal, judgeRelease, judgeSettle } from "./judge.js";
import { judgeRecover } from "./judge-recover.js";
import type { Move } from "./move.js";
import type { Scene } from "./scene.js";
import { demand } from "./violation.js";
import type { World } from "./world.js";

/** A call as the process makes it. */
export interface Call extends Move {
  readonly heard?: () => void;
  readonly lost?: () => void;
}

/** What a process does when it is refused: it stops, or it opens the group again. */
function refused(scene: Scene, world: World, process: Consumer, status: string): boolean {
  if (!judgeRefusal(scene, process, status)) return false;
  if (status === "SUPERSEDED") world.superseded.add(process);
  else process.groupIsGone = true;
  return true;
}

function replyOf(replies: readonly unknown[]): unknown {
  const [reply] = replies;
  demand(!(reply instanceof Error), "no errors", () => String(reply));
  return reply;
}

function idsOf(items: readonly { readonly id: string }[]): string {
  return items.map(({ id }) => id).join(" ");
}

export function read(world: World, process: Consumer, count: number): Call {
  let found: Delivered[] = [];
  return {
    text: `${process.incarnation} reads ${count}`,
    requests: [
      [
        "XREADGROUP",
        "GROUP",
        world.group,
        process.consumer,
        "COUNT",
        count,
        "STREAMS",
        world.keys.stream,
        ">",
      ],
    ],
    judge({ before, after, expected, ledger }, [reply]) {
      if (reply instanceof Error) {
        demand(!before.groupExists && reply.message.startsWith("NOGROUP"), "no errors", () => reply.message);
        process.groupIsGone = true;
        return "NOGROUP";
      }
      found = entriesIn(reply);
      for (const { id } of found) {
        ledger.deliver(id);
        expected.pending.set(id, { consumer: process.consumer, attempt: 1, deliveredAt: after.now });
      }
      return idsOf(found);
    },
    heard() {
      // A group that was made again delivers once more what the process still has in hand.
      const known = new Set(process.delivered.map(({ id }) => id));
      process.delivered.push(...found.filter(({ id }) => !known.has(id)));
    },
  };
}

/** The entries of the one stream that was asked for; null if there were none. */
function entriesIn(reply: unknown): Delivered[] {
  // XREADGROUP answers (stream, entries) for each stream, and each entry as (id, fields).
  const [stream] = (reply ?? []) as [string, [string, string[]][]][];
  return (stream?.[1] ?? []).map(([id, fields]) => ({ id, key: keyOf(fields) }));
}

export function lease(world: World, process: Consumer, asked: readonly Delivered[], insist: boolean): Call {
  const nonce = process.nonce();
  let leased: Held[] = [];
  const forget = () => {
    process.delivered = process.delivered.filter((entry) => !asked.includes(entry));
  };
  return {
    text: `${process.incarnation} leases ${idsOf(asked)}`,
    requests: [leaseCall(world.keys, process, nonce, asked)],
    judge(scene, replies) {
      const reply = leaseReply(replyOf(replies), asked.length);
      if (refused(scene, world, process, reply.status) || reply.status !== "OK") return reply.status;
      judgeLease(scene, process, nonce, asked, reply);
      leased = asked
        .filter((_, n) => reply.verdicts[n] === "LEASED")
        .map(({ id, key }) => ({
          id,
          key,
          token: scene.ledger.holders.get(scene.ledger.entry(id).mark) ?? "",
        }));
      return reply.verdicts.join(" ");
    },
    heard() {
      forget();
      process.hears(nonce, leased.length > 0);
      process.held.push(...leased);
    },
    // A client may ask again for what it was not answered; it is then told that all of it is LOST, and recovers.
    lost: () => insist || forget(),
  };
}

export function settle(world: World, process: Consumer, sent: readonly Sent[], insist: boolean): Call {
  const tokens = new Set(sent.map(({ token }) => token));
  const settlements = sent.map(({ settlement }) => settlement);
  const others = <T extends Held>(list: readonly T[]) => list.filter(({ token }) => !tokens.has(token));
  process.held = others(process.held);
  process.doubtful = others(process.doubtful);
  if (sent.some(({ id }) => id === process.suspect)) process.runs(undefined);
  let settled = false;
  const keep = () => {
    if (insist) process.doubtful.push(...sent);
  };
  return {
    text: `${process.incarnation} settles ${sent.map(told).join(", ")}`,
    requests: [settleCall(world.keys, process, world.windowMs, settlements)],
    judge(scene, replies) {
      const reply = settleReply(replyOf(replies), settlements);
      if (refused(scene, world, process, reply.status) || reply.status !== "OK") return reply.status;
      judgeSettle(scene, sent, reply);
      settled = true;
      return reply.verdicts.join(" ");
    },
    heard: () => settled || keep(),
    lost: keep,
  };
}

/** As `token SUCCESS +~ +named:f`: an emitted event with its key and payload, or `~` for a key that follows. */
function told({ token, settlement }: Sent): string {
  const emits = settlement.outcome === "SUCCESS" ? settlement.emits : [];
  const keys = emits.map(({ key, fingerprint }) => (fingerprint === "" ? "+~" : `+${key}:${fingerprint}`));
  return [token, settlement.outcome, ...keys].join(" ");
}

export function extend(world: World, process: Consumer, asked: readonly Held[], giveUp: boolean): Call {
  let lost: readonly Held[] = [];
  return {
    text: `${process.incarnation} extends ${asked.map(({ token }) => token).join(" ")}`,
    requests: [extendCall(world.keys, process, asked)],
    judge(scene, replies) {
      const reply = extendReply(replyOf(replies));
      if (refused(scene, world, process, reply.status) || reply.status !== "OK") return reply.status;
      judgeExtend(scene, process, asked, reply.verdicts);
      lost = asked.filter((_, n) => reply.verdicts[n] === "LOST");
      return reply.verdicts.join(" ");
    },
    // A handler that is told of the lost lease may stop, or not notice and settle.
    heard() {
      if (giveUp) process.held = process.held.filter((entry) => !lost.includes(entry));
    },
  };
}

export function release(world: World, process: Consumer, asked: readonly (Delivered | Held)[]): Call {
  const items = asked.map((entry) => ({
    id: entry.id,
    key: entry.key,
    token: "token" in entry ? entry.token : undefined,
  }));
  process.delivered = process.delivered.filter((entry) => !asked.includes(entry));
  process.held = process.held.filter((entry) => !asked.includes(entry));
  return {
    text: `${process.incarnation} releases ${items.map(({ id, token }) => token ?? `${id} (not leased)`).join(" ")}`,
    requests: [releaseCall(world.keys, process, items)],
    judge(scene, replies) {
      const reply = releaseReply(replyOf(replies));
      // One that was superseded may tell what it had.
      const gone = !scene.before.groupExists;
      demand((reply.status === "NOGROUP") === gone, "superseded", () => `release: ${reply.status}`);
      if (gone) process.groupIsGone = true;
      scene.count(reply.status);
      if (reply.status !== "OK") return reply.status;
      judgeRelease(scene, process, items, reply.verdicts);
      return reply.verdicts.join(" ");
    },
  };
}

export function recover(world: World, process: Consumer, input: RecoverInput): Call {
  const { scope, max, ownAfter: after = "-", inHand } = input;
  let leased: Held[] = [];
  let suspect: string | undefined;
  let ownAfter = "0-0";
  return {
    text: `${process.incarnation} recovers ${scope}, max ${max}, own after ${after}, in hand [${inHand.join(" ")}]`,
    requests: [recoverCall(world.keys, process, input)],
    judge(scene, replies) {
      const reply = recoverReply(replyOf(replies));
      if (refused(scene, world, process, reply.status) || reply.status !== "OK") return reply.status;
      judgeRecover(scene, process, input, reply);
      leased = reply.leased.map(({ token, fields }) => ({
        id: entryOf(token),
        key: keyOf(fields),
        token,
      }));
      suspect = reply.leased.filter((entry) => entry.suspect).map(({ token }) => entryOf(token))[0];
      ownAfter = reply.ownAfter ?? "0-0";
      const counts = Object.entries(reply.counts).filter(([, count]) => count > 0);
      return [...leased.map(({ token }) => token), ...counts.map(([what, count]) => `${what} ${count}`)].join(
        " ",
      );
    },
    heard() {
      process.hears(input.nonce, leased.length > 0);
      if (suspect !== undefined) process.runs(suspect);
      process.held.push(...leased);
      process.ownAfter = ownAfter;
    },
  };
}
