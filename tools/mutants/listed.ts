/**
 * Mutants made by hand: each undoes one safeguard, and each has a case that must fail with it, through a client.
 * Those of delivery are the model's; it finds them too, among random histories.
 */
import { allScripts } from "@sluice/lua-scripts";
import {
  broken,
  type Mutant as ModelMutant,
  MUTANTS,
} from "../../packages/lua-scripts/tests/model/mutants.js";
import type { Breakage } from "./bench.js";
import { dropTenantPrefix } from "./tenant-prefix.js";

export interface ListedMutant extends Breakage {
  /** What the broken scripts, or clients, do. */
  readonly name: string;
  /** The ID of the case, or vector, that must fail. */
  readonly foundBy: string;
  /** Why only a vector can show it; undefined where a case does. */
  readonly noCase?: string;
}

type ScriptChange = Omit<ModelMutant, "breaks"> & Pick<ListedMutant, "foundBy" | "noCase">;

/** Of what the model does not go into: publishing, operations, and what belongs together. */
const CHANGES: readonly ScriptChange[] = [
  {
    // Where the acknowledgement is a command of its own, it happens whatever the script then decides.
    name: "an attempt is acknowledged before, and outside, the call that settles it",
    scripts: ["settle"],
    from: "local attempts = endings_from(HEAD + 1)",
    to: `local attempts = endings_from(HEAD + 1)
  for n, id in ipairs(attempts.ids) do
    if attempts.endings[n].outcome ~= "RETRY" then
      redis.call("XACK", stream, group, id)
    end
  end`,
    foundBy: "fencing/a-refused-result-acknowledges-nothing",
  },
  {
    name: "the first ID is not remembered: published again, an event is there twice",
    scripts: ["publish"],
    from: "window_add(publish_window, meta, remembered)",
    to: "",
    foundBy: "publishing/published-again",
  },
  {
    name: "another payload under a known key passes in silence",
    scripts: ["publish"],
    from: 'fingerprint == ARGV[HEAD + n * WIDTH] and "DUPLICATE" or "MISMATCH"',
    to: '"DUPLICATE"',
    foundBy: "errors/mismatch",
  },
  {
    name: "a full stream takes more",
    scripts: ["publish"],
    from: "elseif room <= 0 then",
    to: "elseif false then",
    foundBy: "retention/a-full-stream",
  },
  {
    name: "a refused batch is published in part",
    scripts: ["publish"],
    from: "refused = refused and atomic",
    to: "refused = false",
    foundBy: "publishing/all-or-nothing",
  },
  {
    name: "a dead letter is without its entry",
    scripts: ["settle"],
    from: "ending.fields = entries_read(stream, ids[n])",
    to: "",
    foundBy: "dead-letters/kept-whole",
  },
  {
    name: "a replayed letter stays a dead letter",
    scripts: ["replay"],
    from: 'redis.call("XDEL", dead, letter_id)',
    to: "",
    foundBy: "dead-letters/replayed-twice-means-once",
  },
  {
    name: "a letter that is replayed anew is every group's",
    scripts: ["replay"],
    from: 'fields[4], "group", group)',
    to: "fields[4])",
    foundBy: "dead-letters/replayed-when-the-entry-is-gone",
  },
  {
    name: "trimming asks the groups that are there only",
    scripts: ["trim"],
    from: "if name and not live[name] then",
    to: "if false then",
    foundBy: "retention/a-lost-group-holds-trimming-up",
  },
  {
    name: "trimming drops what was read, settled or not",
    scripts: ["trim"],
    from: "return below and ids_less(below, group.last_delivered) and below or group.last_delivered",
    to: "return group.last_delivered",
    foundBy: "retention/nothing-unsettled-is-dropped",
  },
  {
    name: "a consumer is removed with what it has pending",
    scripts: ["retire"],
    from: "if asked and held == 0 and",
    to: "if asked and",
    foundBy: "vectors/retire/one-that-has-an-entry",
    noCase: "consumers of others are removed after ten minutes without a sign, for which no case waits",
  },
  {
    name: "consumers of other settings join",
    scripts: ["open"],
    from: "if #other > 0 and not change then",
    to: "if false then",
    foundBy: "idempotency/settings",
  },
  {
    name: "what a newer protocol wrote is written to",
    scripts: ["publish", "open", "lease", "settle", "recover"],
    from: "if recorded and recorded ~= protocol_CURRENT then",
    to: "if false then",
    foundBy: "errors/newer-protocol",
  },
  {
    name: "release makes a retry of a suspect",
    scripts: ["release"],
    from: "due_at = entry.id == suspect and pending_SUSPECT or now,",
    to: "due_at = now,",
    foundBy: "vectors/release/a-suspect-stays-one",
    noCase: "only another death beside it would show it, and that at random",
  },
  {
    name: "recovery returns as many bytes as there are",
    scripts: ["recover"],
    from: "self.bytes = self.bytes - #fields[at]",
    to: "",
    foundBy: "vectors/recover/as-many-bytes-as-asked",
    noCase: "a client that gets more than it asked for takes it",
  },
  {
    name: "recovery starts with a write that grows, which a full server refuses",
    scripts: ["recover"],
    from: 'if scope == "ALL" then\n    pending_be_heard',
    to: 'redis.call("HSET", state, "seenAt", self.now)\n  if scope == "ALL" then\n    pending_be_heard',
    foundBy: "outages/maxmemory-recovery",
  },
];

/** The case for each of the model's mutants, by its name. */
const CASES: ReadonlyMap<string, string> = new Map([
  ["settle does not ask for the token", "fencing/while-the-other-has-it-in-hand"],
  ["settle does not mark the key as processed", "idempotency/second-entry"],
  ["settle emits for attempts that it refuses", "fencing/while-the-other-has-it-in-hand"],
  ["settle leaves the token of an attempt that ended", "handlers/retry"],
  ["settle acknowledges what is to be tried again", "handlers/retry"],
  ["settle retries without end", "retries/exhausted-at-once"],
  ["lease does not ask who the entry was delivered to", "recovery/read-ahead-and-settled-elsewhere"],
  ["lease hands out a key that another entry holds", "idempotency/waits-for-a-dead-holder"],
  ["lease hands out two entries of one key in a batch", "idempotency/race-in-one-batch"],
  ["a token counts after its entry was settled or deleted", "recovery/left-behind-by-an-entry-that-is-gone"],
  [
    "lease runs dead letters again in a group that was made again",
    "groups/group-deleted-with-letters-and-retries",
  ],
  [
    "recovery runs dead letters again in a group that was made again",
    "groups/group-deleted-and-its-reader-died",
  ],
  ["recovery runs what is processed", "recovery/processed-and-still-pending"],
  ["recovery hands out a key that another entry holds", "idempotency/waits-for-a-dead-holder"],
  ["recovery does not replace the token", "fencing/while-the-other-has-it-in-hand"],
  ["recovery does not count a crash as an attempt", "recovery/killed-in-mid-handler"],
  ["recovery gives poison company", "recovery/a-suspect-begins-alone"],
  ["recovery counts what never began", "recovery/granted-and-never-delivered"],
  [
    "recovery counts what a suspect's process died of to everything beside it",
    "recovery/a-suspect-takes-no-neighbour-along",
  ],
  ["release counts a take-over as a death", "recovery/one-name-taken-over-again-and-again"],
  ["recovery takes waiting entries early", "retries/not-early-for-who-comes-later"],
  ["recovery takes what the process has in hand", "handlers/a-long-handler-keeps-its-event"],
  ["recovery takes entries whose lease is not over", "handlers/a-long-handler-keeps-its-event"],
  ["recovery passes over stale entries", "recovery/killed-in-mid-handler"],
  ["recovery does not remember whom it buried", "recovery/poison-is-buried"],
  ["recovery sweeps tokens whose entry is pending", "recovery/killed-in-mid-handler"],
  ["recovery does not find waiting entries without a due time", "recovery/waiting-without-a-due-time"],
  ["recovery notes a low-water ID above what is pending", "groups/group-deleted-with-letters-and-retries"],
  ["an entry waits without a due time", "handlers/retry"],
  ["release counts an attempt", "recovery/stop-gives-back-in-hand-and-read-ahead"],
  ["release leaves the token", "recovery/stop-gives-back-in-hand-and-read-ahead"],
  ["extend does not ask for the token", "recovery/lost-lease-aborts-the-signal"],
  ["extend does not restart the lease clock", "recovery/heartbeats-restart-the-lease-clock"],
  ["a group that was lost begins at the stream's end", "groups/group-deleted-while-nobody-was-there"],
  [
    "a group that was lost says and begins at the stream's end",
    "groups/group-deleted-while-nobody-was-there",
  ],
  ["a group that was lost keeps its tokens", "groups/group-deleted-with-hundreds-in-dead-hands"],
  ["a group that was lost forgets how far it had read", "groups/group-deleted-with-letters-and-retries"],
  ["a process whose name another has taken goes on", "recovery/one-name-newer-works-on"],
  ["the ring forgets a key after a third of its time", "idempotency/ttl"],
]);

/** What of the model's mutants no client can show, with the vector that does. */
const VECTORS: ReadonlyMap<string, Pick<ListedMutant, "foundBy" | "noCase">> = new Map([
  [
    "recovery gives out more than one suspect",
    { foundBy: "vectors/recover/a-suspect-is-asked-for", noCase: "a client asks for one at a time" },
  ],
  [
    "recovery sweeps records that are still needed",
    {
      foundBy: "vectors/recover/records-of-processes-that-are-gone",
      noCase: "which of two consumers looks first at what a dead one left is up to chance",
    },
  ],
  [
    "settle takes one token twice in a batch",
    { foundBy: "vectors/settle/an-attempt-is-ended-once", noCase: "a client ends an attempt once" },
  ],
  [
    "release gives back what another process holds",
    {
      foundBy: "vectors/release/a-leased-entry-needs-its-token",
      noCase: "a client that has lost its lease has lost its entry to another consumer, or its name",
    },
  ],
]);

/** @throws Error for a mutant of the model that has neither */
function foundBy(name: string): Pick<ListedMutant, "foundBy" | "noCase"> {
  const one = CASES.get(name);
  const found = one === undefined ? VECTORS.get(name) : { foundBy: one };
  if (found === undefined)
    throw new Error(`list the mutant "${name}" of the model: name the case that finds it`);
  return found;
}

export const LISTED: readonly ListedMutant[] = [
  ...MUTANTS.map((mutant) => ({ name: mutant.name, scripts: scriptsOf(mutant), ...foundBy(mutant.name) })),
  ...CHANGES.map(({ foundBy, noCase, ...change }) => ({
    name: change.name,
    scripts: scriptsOf({ ...change, breaks: [] }),
    foundBy,
    ...(noCase !== undefined && { noCase }),
  })),
  {
    name: "keys are without the tenant's prefix",
    scripts: new Map(),
    sends: dropTenantPrefix,
    foundBy: "tenancy/a-consumer-sees-its-tenant-only",
  },
];

/** The sources that the mutant changes, by the SHA-1 of ours. */
function scriptsOf(mutant: ModelMutant): ReadonlyMap<string, string> {
  const changed = broken(mutant).flatMap((script, at) => {
    const ours = allScripts[at];
    const same = ours === undefined || script.sha1 === ours.sha1;
    return same ? [] : [[ours.sha1, script.source] as const];
  });
  return new Map(changed);
}
