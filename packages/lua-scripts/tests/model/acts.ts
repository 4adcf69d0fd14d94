/**
 * What a consumer's process does: the calls of the consumer loop, in any order, on any part of what it has in hand.
 *
 * A process may be paused between any two: it then simply has no turn, while others go on. A call may also be lost on
 * the way, or its reply; what the process makes of that is what a client would: forget, or ask again.
 */
import type { RecoverInput } from "@sluice/lua-scripts";
import { type Call, extend, lease, read, recover, release, settle } from "./calls.js";
import type { Consumer, Held, Sent } from "./consumer.js";
import type { Move } from "./move.js";
import { type Pending, WAITING } from "./observation.js";
import type { Random } from "./random.js";
import type { Scene } from "./scene.js";
import { settlementOf } from "./settlements.js";
import { openMove, type World } from "./world.js";

/** What became of a call: `unsent` never reached the server, `unheard` ran, and the process did not learn of it. */
type Fate = "heard" | "unheard" | "unsent";

/** The process's next call, among those that make sense for it now, and what becomes of it. */
export function act(world: World, process: Consumer, random: Random): Move {
  const { delivered, held, doubtful } = process;
  const choices: [number, () => Call][] = [
    [hasWork(world) ? 7 : 1, () => recover(world, process, randomRecovery(process, random))],
    [world.ledger.hasNew ? 5 : 0, () => read(world, process, 1 + random.below(4))],
    [delivered.length > 0 ? 9 : 0, () => lease(world, process, random.some(delivered), random.chance(0.5))],
    [
      held.length > 0 ? 9 : 0,
      () => settle(world, process, chooseSettlements(world, held, random), random.chance(0.5)),
    ],
    [doubtful.length > 0 ? 4 : 0, () => settle(world, process, random.some(doubtful), random.chance(0.5))],
    [held.length > 0 ? 0.8 : 0, () => extend(world, process, random.some(held), random.chance(0.5))],
    [
      delivered.length + held.length > 0 ? (process.suspect === undefined ? 0.8 : 4) : 0,
      () => release(world, process, random.some([...delivered, ...held])),
    ],
    [process.groupIsGone ? 8 : 0, () => openMove(world, process, "REJOIN")],
  ];
  const chosen = random.weighted(choices)();
  const fate: Fate = random.weighted([
    [90, "heard"],
    [7, "unheard"],
    [3, "unsent"],
  ] as const);
  if (fate === "unsent") {
    chosen.lost?.();
    return { text: chosen.text, requests: [], judge: () => "(lost on the way)" };
  }
  const judge = (scene: Scene, replies: readonly unknown[]) => {
    const answer = chosen.judge(scene, replies);
    if (fate === "heard") {
      chosen.heard?.();
      return answer;
    }
    chosen.lost?.();
    return `${answer} (reply lost)`;
  };
  return { text: chosen.text, requests: chosen.requests, judge };
}

/** Whether recovery has something to take: an entry that is due, or one whose lease is over. */
function hasWork({ before, settings }: World): boolean {
  const due = [...before.waiting.values()].some((dueAt) => dueAt <= before.now);
  return due || [...before.pending.values()].some((about) => isStale(about, before.now - settings.leaseMs));
}

function isStale({ consumer, deliveredAt }: Pending, before: number): boolean {
  return consumer !== WAITING && deliveredAt < before;
}

function chooseSettlements(world: World, held: readonly Held[], random: Random): Sent[] {
  const sent = random.some(held).map((entry) => settlementOf(entry, world.ledger.entry(entry.id), random));
  const [first] = sent;
  return first && random.chance(0.03) ? [...sent, first] : sent;
}

function randomRecovery(process: Consumer, random: Random): RecoverInput {
  return {
    nonce: process.nonce(),
    max: random.pick([0, 1, 1, 2, 10, 100]),
    maxBytes: 1_000_000,
    scope: random.weighted([
      [3, "DUE"],
      [6, "ALL"],
      [process.suspect === undefined ? 2 : 0, "SUSPECT"],
    ] as const),
    ownAfter: random.weighted([
      [6, "0-0"],
      [2, undefined],
      [2, process.ownAfter],
    ] as const),
    inHand: process.inHand,
  };
}
