/**
 * Scripts broken on purpose, to show that the model sees it: each is one change to the bundled source that undoes
 * something a promise rests on.
 */
import { createHash } from "node:crypto";
import { allScripts, type Script } from "@sluice/lua-scripts";
import type { Rule } from "./violation.js";

export interface Mutant {
  /** What the broken scripts do. */
  readonly name: string;
  /** The scripts whose bundles are changed. */
  readonly scripts: readonly string[];
  /** Occurs once in each of them. */
  readonly from: string;
  readonly to: string;
  /** Promises of which the first that is seen to break is one. */
  readonly breaks: readonly Rule[];
  /** True if only what is left in Redis shows it, before it has led to a broken promise. */
  readonly byEffects?: true;
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: "settle does not ask for the token",
    scripts: ["settle"],
    from: "if current[n] ~= token then",
    to: "if false then",
    breaks: ["a token's entry is pending", "all others are fenced"],
  },
  {
    name: "settle takes one token twice in a batch",
    scripts: ["settle"],
    from: "elseif spent[token] then",
    to: "elseif false then",
    breaks: ["all others are fenced"],
  },
  {
    name: "settle does not mark the key as processed",
    scripts: ["settle"],
    from: "todo.members = ids, held_as, held_as",
    to: "todo.members = ids, held_as, {}",
    breaks: ["no lease of a processed key", "nothing is stuck"],
  },
  {
    name: "settle emits for attempts that it refuses",
    scripts: ["settle"],
    from: "check(attempts, n)\n      endings[n] = FENCED",
    to: 'check(attempts, n)\n      for _, emit in ipairs(endings[n].emits or {}) do\n        redis.call("XADD", stream, "*", "key", emit.key, "event", emit.event)\n      end\n      endings[n] = FENCED',
    breaks: ["emitted with the acknowledgement"],
  },
  {
    name: "settle leaves the token of an attempt that ended",
    scripts: ["settle"],
    from: 'chunks_call(todo.released, 1, "HDEL", leases)',
    to: "",
    breaks: ["a token's entry is pending", "all others are fenced", "attempts", "nothing is stuck"],
  },
  {
    name: "settle acknowledges what is to be tried again",
    scripts: ["settle"],
    from: 'exception = "WAITING"',
    to: 'exception = "WAITING"\n        acknowledged[#acknowledged + 1] = ids[n]',
    breaks: ["acknowledged means settled"],
  },
  {
    name: "settle retries without end",
    scripts: ["settle"],
    from: "if attempt >= max_attempts then",
    to: "if false then",
    breaks: ["attempts"],
  },
  {
    name: "lease does not ask who the entry was delivered to",
    scripts: ["lease"],
    from: "if not idle[n] or token and tokens_entry(token) == id then",
    to: "idle[n] = idle[n] or 0\n    if token and tokens_entry(token) == id then",
    breaks: ["only what may be taken"],
  },
  {
    name: "lease hands out a key that another entry holds",
    scripts: ["lease"],
    from: "local holder = taken[key] or token and deferral_holder(stream, group, token, id)",
    to: "local holder = taken[key]",
    breaks: ["one holder per key"],
  },
  {
    name: "lease hands out two entries of one key in a batch",
    scripts: ["lease"],
    from: "local token = taken[key] or held[n]",
    to: "local token = held[n]\n    taken = {}",
    breaks: ["one holder per key"],
  },
  {
    name: "a token counts after its entry was settled or deleted",
    scripts: ["lease", "recover"],
    from: "if holder and holder ~= id and pending_entry(stream, group, holder) then",
    to: "if holder and holder ~= id then",
    breaks: ["nothing is stuck"],
  },
  {
    name: "lease runs dead letters again in a group that was made again",
    scripts: ["lease"],
    from: "settled[key] or settled[marks_of_entry(id)]",
    to: "settled[key]",
    breaks: ["nothing is stuck", "no lease of a processed key"],
  },
  {
    name: "recovery runs dead letters again in a group that was made again",
    scripts: ["recover"],
    from: "if settled[held_as] or (is_dead and settled[is_dead]) then",
    to: "if settled[held_as] then",
    breaks: ["no lease of a processed key", "dead letters"],
  },
  {
    name: "recovery runs what is processed",
    scripts: ["recover"],
    from: "if settled[held_as] or (is_dead and settled[is_dead]) then",
    to: "if is_dead and settled[is_dead] then",
    breaks: ["no lease of a processed key"],
  },
  {
    name: "recovery hands out a key that another entry holds",
    scripts: ["recover"],
    from: "local holder = deferral_holder(stream, self.group, token, id)",
    to: "local holder = nil",
    breaks: ["one holder per key"],
  },
  {
    name: "recovery does not replace the token",
    scripts: ["recover"],
    from: 'redis.call("HSET", leases, held_as, token)',
    to: 'redis.call("HSETNX", leases, held_as, token)',
    breaks: ["the holder is not fenced", "all others are fenced"],
  },
  {
    name: "recovery does not count a crash as an attempt",
    scripts: ["recover"],
    from: "attempt = attempt + 1",
    to: "",
    breaks: ["attempts", "nothing is stuck"],
  },
  {
    name: "recovery takes waiting entries early",
    scripts: ["recover"],
    from: "recover_waiting(self, 0, self.now, false)",
    to: 'recover_waiting(self, 0, "+inf", false)',
    breaks: ["only what may be taken"],
  },
  {
    name: "recovery takes what the process has in hand",
    scripts: ["recover"],
    from: "if not self.in_hand[page[at][1]] then",
    to: "if true then",
    breaks: ["only what may be taken"],
  },
  {
    name: "recovery takes entries whose lease is not over",
    scripts: ["recover"],
    from: "local idle = self.loaded.lease_ms + 1",
    to: "local idle = 0",
    breaks: ["only what may be taken"],
  },
  {
    name: "recovery passes over stale entries",
    scripts: ["recover"],
    from: "if held > 0 and name ~= self.consumer and name ~= pending_WAITING then",
    to: "if false then",
    breaks: ["nothing is stuck"],
  },
  {
    name: "recovery gives poison company",
    scripts: ["recover"],
    from: "if was_granted and attempt == max_attempts and attempt > 1 then",
    to: "if false then",
    breaks: ["suspects"],
  },
  {
    name: "recovery gives out more than one suspect",
    scripts: ["recover"],
    from: "self.room = math.min(self.room, 1)",
    to: "",
    breaks: ["suspects"],
  },
  {
    name: "recovery counts what never began",
    scripts: ["recover"],
    from: "return not is_mine and begun_counts(state, token)",
    to: "return true",
    breaks: ["attempts", "suspects", "dead letters"],
  },
  {
    name: "recovery counts what a suspect's process died of to everything beside it",
    scripts: ["recover"],
    from: 'return suspect == "" or suspect == tokens_entry(token)',
    to: "return true",
    breaks: ["attempts", "suspects", "dead letters", "nothing is stuck"],
  },
  {
    name: "recovery sweeps records that are still needed",
    scripts: ["recover"],
    from: "if not held then",
    to: "if true then",
    breaks: ["attempts", "nothing is stuck", "suspects"],
  },
  {
    name: "release counts a take-over as a death",
    scripts: ["release"],
    from: "pending_recount(stream, group, about, about[4] - 1)",
    to: "",
    breaks: ["attempts"],
  },
  {
    name: "recovery does not remember whom it buried",
    scripts: ["recover"],
    from: "ring_add(self.ring, state, { marks_of_entry(id) })",
    to: "",
    breaks: ["no lease of a processed key", "dead letters", "nothing is stuck"],
  },
  {
    name: "recovery sweeps tokens whose entry is pending",
    scripts: ["recover"],
    from: "if not pending_entry(scene.stream, scene.group, tokens_entry(token)) then",
    to: "if true then",
    breaks: ["the holder is not fenced", "attempts", "one holder per key", "nothing is stuck"],
  },
  {
    name: "recovery does not find waiting entries without a due time",
    scripts: ["recover"],
    from: 'redis.call("ZADD", retries, now, page[at][1])',
    to: "",
    breaks: ["nothing is stuck"],
  },
  {
    name: "recovery notes a low-water ID above what is pending",
    scripts: ["recover"],
    from: "return below and ids_less(below, group.last_delivered) and below or group.last_delivered",
    to: "return group.last_delivered",
    breaks: ["nothing is passed over"],
  },
  {
    name: "an entry waits without a due time",
    scripts: ["lease", "settle", "recover", "release"],
    from: 'redis.call("ZADD", retries, due_at, id)',
    to: "",
    breaks: ["nothing is stuck"],
  },
  {
    name: "release counts an attempt",
    scripts: ["release"],
    from: "attempt = about[4],",
    to: "attempt = about[4] + 1,",
    breaks: ["attempts"],
  },
  {
    name: "release leaves the token",
    scripts: ["release"],
    from: 'redis.call("HDEL", leases, entry.held_as)',
    to: "",
    breaks: [
      "dead letters",
      "a token's entry is pending",
      "all others are fenced",
      "attempts",
      "nothing is stuck",
    ],
  },
  {
    name: "release gives back what another process holds",
    scripts: ["release"],
    from: "return current == entry.token",
    to: "return true",
    breaks: ["all others are fenced"],
  },
  {
    name: "extend does not ask for the token",
    scripts: ["extend"],
    from: "local holds = current[n] == token",
    to: "local holds = true",
    breaks: ["all others are fenced"],
  },
  {
    name: "extend does not restart the lease clock",
    scripts: ["extend"],
    from: "pending_touch(stream, group, consumer, kept)",
    to: "",
    breaks: ["effects"],
    byEffects: true,
  },
  {
    name: "a group that was lost begins at the stream's end",
    scripts: ["open"],
    from: 'stream, group, low_water, "MKSTREAM")\n  redis.call("HSET", state, "readTo"',
    to: 'stream, group, "$", "MKSTREAM")\n  redis.call("HSET", state, "readTo"',
    breaks: ["nothing is stuck", "nothing is passed over"],
  },
  {
    name: "a group that was lost says and begins at the stream's end",
    scripts: ["open"],
    from: "if ids_less(last_id, low_water) then",
    to: 'low_water = last_id\n    if last_id == "" then',
    breaks: ["nothing is passed over"],
  },
  {
    name: "a group that was lost keeps its tokens",
    scripts: ["open"],
    from: 'redis.call("UNLINK", leases, retries)',
    to: 'redis.call("UNLINK", retries)',
    breaks: [
      "a token's entry is pending",
      "all others are fenced",
      "the holder is not fenced",
      "nothing is stuck",
    ],
  },
  {
    name: "a group that was lost forgets how far it had read",
    scripts: ["open"],
    from: 'redis.call("HSET", state, "readTo", last_id)',
    to: "",
    breaks: ["nothing is stuck", "no lease of a processed key"],
  },
  {
    name: "a process whose name another has taken goes on",
    scripts: ["lease", "settle", "recover", "extend", "release"],
    from: "if loaded.incarnation ~= incarnation then",
    to: "if false then",
    breaks: ["superseded"],
  },
  {
    name: "the ring forgets a key after a third of its time",
    scripts: ["lease", "recover"],
    from: "for back = 0, REMEMBERED - 1 do",
    to: "for back = 0, 0 do",
    breaks: ["no lease of a processed key", "nothing is stuck"],
  },
];

/** All scripts, those of the mutant changed. Throws if the text to change is not there once: the mutant is outdated. */
export function broken({ name, scripts, from, to }: Mutant): Script[] {
  return allScripts.map((script) => {
    if (!scripts.includes(script.name)) return script;
    const parts = script.source.split(from);
    if (parts.length !== 2) {
      throw new Error(
        `mutant '${name}': '${from}' occurs ${parts.length - 1} times in ${script.name}, wanted once`,
      );
    }
    const source = parts.join(to);
    return { ...script, source, sha1: createHash("sha1").update(source).digest("hex") };
  });
}
