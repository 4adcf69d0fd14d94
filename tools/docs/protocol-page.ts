/**
 * docs/internals/protocol.md, for the author of a client in another language: made of the headers and registries of the Lua, of
 * the script vectors that are marked as examples, and of what is said here about how they belong together.
 *
 *     npx tsx tools/docs/protocol-page.ts            writes it
 *     npx tsx tools/docs/protocol-page.ts --check    writes nothing; exit 1 if it is not as this makes it
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Vector, VectorFile } from "../../packages/conformance-tests/src/vectors/format.js";
import { stepLines } from "../../packages/conformance-tests/src/vectors/lines.js";
import { loadVectorFiles } from "../../packages/conformance-tests/src/vectors/load.js";
import { emitKey, Fingerprints } from "../../packages/core/src/fingerprint.js";
import { type Header, type KeyDoc, parseHeader } from "../../packages/lua-scripts/build/header.js";
import { readLuaFolder } from "../../packages/lua-scripts/build/outputs.js";
import { type Entry, parseRegistry } from "../../packages/lua-scripts/build/registry.js";
import {
  allScripts,
  groupKeys,
  type KeyName,
  peerKeys,
  registryKeys,
} from "../../packages/lua-scripts/src/index.js";

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));
const LUA = join(REPOSITORY, "packages/lua-scripts");
const VECTORS = "../../packages/conformance-tests/vectors";
export const PROTOCOL_PAGE = join(REPOSITORY, "docs/internals/protocol.md");

/** In the order in which a client comes to need them; a script that is not here is an error. */
const ORDER = [
  "publish",
  "open",
  "recover",
  "lease",
  "extend",
  "settle",
  "release",
  "replay",
  "discard",
  "trim",
  "retire",
  "info",
  "enroll",
  "beat",
];

/** @throws Error when a script has no place, no vectors, or no example. */
export async function renderProtocolPage(): Promise<string> {
  const headers = new Map(
    [...readLuaFolder(LUA, "src/scripts")].map(([name, file]) => [name, parseHeader(file)]),
  );
  const forgotten = [...headers.keys()].filter((name) => !ORDER.includes(name));
  if (forgotten.length > 0) throw new Error(`render the protocol page: ${forgotten.join(", ")} has no place`);
  const files = new Map(loadVectorFiles().map((file) => [file.script, file]));
  const sections = [
    "<!-- Generated from packages/lua-scripts/src and packages/conformance-tests/vectors by " +
      "`npx tsx tools/docs/protocol-page.ts`. Do not edit. -->",
    `# Protocol ${registry("constants").find(({ name }) => name === "PROTOCOL")?.value}`,
    INTRODUCTION,
    "## Keys",
    KEYS,
    keyTable(),
    "## Entries",
    ENTRIES,
    "## Calling a script",
    CALLING,
    shaTable(),
    "## What a client makes up",
    await madeUp(),
    "## A publisher",
    PUBLISHER,
    "## A consumer",
    CONSUMER,
    "## Status words",
    "A refusal of a whole call comes first in the reply, and nothing was written then. The others are per item.",
    wordTable(),
    "## Bounds",
    constantTable(),
    "## Scripts",
    EXAMPLES,
    ...ORDER.flatMap((name) => scriptSections(headers.get(name), files.get(name), name)),
  ];
  return `${sections.join("\n\n")}\n`;
}

const INTRODUCTION = [
  "For whoever writes a client in another language. Sluice's logic is in the Lua scripts; a client loads them, sends",
  "arguments, reads replies and runs handlers. [scripts.md](scripts.md) says what each script does and why; here is how",
  "to call them, in which order, and what comes back.",
  "",
  "The examples on this page are run by the tests, and so are many more: the",
  `[script vectors](${VECTORS}) are raw calls with keys, arguments and expected replies,`,
  "and with what is in Redis afterwards, as data for the tests of a client in any language.",
  "[Their format](../../packages/conformance-tests/src/vectors/format.ts) is YAML.",
].join("\n");

const KEYS = [
  "Names: tenant `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`; stream `[A-Za-z0-9][A-Za-z0-9._:-]{0,127}`; group and consumer",
  "`[A-Za-z0-9][A-Za-z0-9._-]{0,127}`. A client refuses anything else before it sends a command: `/` is in no name, so a",
  "derived key is never another stream's. The scripts are given full key names and do not look at them. All keys of a",
  "stream share one hash slot, and so do all streams of one tenant. The number of keys is fixed; none is made per event.",
  "The last four belong to all tenants of a stream, and lie in the slot of the stream's name.",
].join("\n");

const ENTRIES = [
  "An entry has two fields, in this order: `key` and `event`, a CloudEvents 1.0 JSON document (`specversion id source type",
  "time datacontenttype data`, `tenantid` if there is a tenant, and where given `subject correlationid causationid",
  "traceparent`). CloudEvents `id` is the value of `key`; `time` is RFC 3339 in UTC. Scripts never look into `event`: the",
  "bytes that come out are those that went in.",
  "",
  "- An idempotency key identifies one event of one type. Of a key that the publisher named, `key` is the event's type, a",
  "  colon and that key: `order.placed:o1`. The first colon ends the type: a colon within the type is stored as `/`, which",
  "  is in no type (`order:placed` under `o1` is `order/placed:o1`). A key that the client generated has no colon and is",
  "  stored as it is: a UUID, or `~` and the hash of an emitted event.",
  "- To a user, the idempotency key is what the publisher named: the value of `key` without the type of its document, or",
  "  the whole value if it does not begin with that type and a colon.",
  "- A user's key has 1 to 256 bytes of UTF-8 without control characters (U+0000 to U+001F, U+007F) and without U+FFFD.",
  "  Refuse keys that begin with `~` from callers: users know by it the keys of emitted events.",
  "- A stored key has up to 385 bytes, those of the longest type, a colon and the longest key, of the same characters, and",
  "  does not begin with `#`. Scripts and clients must read keys by the same rule: an entry with anything else is one",
  "  **without a key**, which calls name by an empty text.",
  "- A third field, `group`, is on an entry that was replayed for one group: other groups skip it (`SKIP`).",
  "- An entry that is not in this layout, or whose `event` cannot be read, is settled as `FAILURE` with the reason",
  "  `MALFORMED`, one that does not match the catalog as `INVALID`: it never blocks the group.",
  "- Scripts hold an entry without a key under `#entryId`. Calls name keys as they are stored.",
].join("\n");

const CALLING = [
  "1. `EVALSHA sha1 numkeys key… arg…`, with the SHA-1 of the source's bytes. On `NOSCRIPT`, send `EVAL` with the source",
  "   (or, where a user may not, `SCRIPT LOAD`, on a Cluster to every node), which loads it. On a Cluster any key names",
  "   the node.",
  "2. KEYS are exactly those of the script, in the order of its table: a script touches no other key.",
  "3. Numbers are sent in plain decimal: no sign, no leading zero, no exponent. Keys, events and messages are sent as",
  "   the bytes that they are: read replies as bytes too, or payloads that are not UTF-8 change on the way.",
  "4. A batch has 1 to 1,000 items. Longer ones are several calls. What a call answers is in the order asked; `lease`",
  "   and `settle` name only the items that are not LEASED, not SETTLED, by their position in that order, from 1.",
  "5. A reply is one flat list of texts and integers; the first is `OK` (of `publish` also `REFUSED`) or a refusal.",
  "6. An error reply that begins with `SLUICE_BADARG` names an argument that is not in its form: a mistake of the",
  "   client. `OOM` says that the server is at `maxmemory`. Nothing was written by either.",
  "7. A call whose reply was lost may have run. Send a publish again under the same keys, within the publish window, and",
  "   take DUPLICATE for your own; after any other call, recover.",
  "",
  "On a stream of a newer protocol every call but `info` answers `PROTOCOL`; the client says that it is to be upgraded.",
  "Two clients of one protocol may run different versions of the scripts side by side, since each calls its own by SHA-1.",
].join("\n");

const PUBLISHER = [
  "`publish` with the window in milliseconds (120,000 by default), the length limit of this publisher or 0, and whether",
  "the batch is all or nothing. NEW and DUPLICATE carry the ID to report; MISMATCH is an error, with the ID of the first",
  "entry; FULL is one too, to be tried again later. With a window of 0 nothing is remembered: do not publish again by",
  "yourself then.",
  "",
  "Where there are tenants, call `enroll` before the first publish of a tenant, once an hour after that, and again after a",
  "reconnect, or no worker finds the tenant. Whatever comes of it, publish: a user who is held to the keys of one tenant may",
  "not touch the registry. What a handler emits goes to a tenant that is known, and so does what `replay` brings back.",
].join("\n");

const CONSUMER = [
  "A consumer has a name, an incarnation, what it has *in hand* (leased, not settled) and some entries that it has read",
  "and not leased. It needs a second connection for blocking reads.",
  "",
  "1. **Come.** `open` with TAKE, and with the event types that there are handlers for. Keep the low-water ID of each",
  "   reply for a REJOIN. `SETTINGS` is an error that names both values, `NOPERM` one that names the command.",
  "2. **Recover before reading.** `recover` with scope ALL, ownAfter `0-0` and everything in hand, again with the ownAfter",
  "   of the reply while it says that there is more. Leased entries come back whole, each with its token.",
  "3. **Read** with `XREADGROUP GROUP group consumer COUNT n STREAMS stream >`, without NOACK, and with BLOCK on the second",
  "   connection only. Never read history (`0` in place of `>`): that raises the count of attempts.",
  "4. **Lease** what was read, by ID and key, as many entries as there are free slots. LEASED is to be handled, as the",
  "   first attempt; DUPLICATE is done; DEFERRED and LOST come back by themselves, to this consumer or to another.",
  "5. **Handle.** While a handler runs, `extend` every third of `leaseMs`. LOST: stop it, its answer would be refused.",
  "6. **Settle** what has ended, as SUCCESS with the events that the handler emitted, SKIP, RETRY or FAILURE. An event",
  "   whose type no handler declares is UNHANDLED, with the type: HANDED_BACK says that another consumer of the group does,",
  "   and has it from now on; otherwise it was skipped, or, with a message, is a dead letter. FENCED: a newer attempt has",
  "   the entry, or this one was settled by a call whose reply was lost.",
  "7. **What is due.** Replies of `lease`, `settle` and `recover` tell when the next waiting entry is due: call `recover`",
  "   with scope DUE then, and at least every 500 ms: no reply tells of what others have handed back.",
  "8. **What others left.** `recover` with scope ALL from time to time (every quarter of a lease, with jitter), without",
  "   own entries (ownAfter empty); with them, as in 2, after every lost reply and every new connection.",
  "9. **Suspects.** An entry whose run died and that has one attempt left waits until a process asks for it. Where a reply",
  "   of `recover` says that suspects wait, begin nothing until all that runs has run for a second; `recover` with scope",
  "   SUSPECT, which leases one; record it in the records of all consumers of the process; run it, and for a second nothing",
  "   fresh beside it. One at a time in a process: what the process dies of meanwhile is counted to the suspect alone.",
  "10. **Go.** Stop reading, let handlers end, `release` what is left (with its token, or without one if it was never",
  "    leased), and `retire` the consumer by its incarnation if its name was made up.",
  "",
  "NOGROUP at any time, from a script or from XREADGROUP: `open` with REJOIN, the same incarnation and, as startFrom, the",
  "low-water ID of the last `open`; then recover as in 2. SUPERSEDED: a newer process has the name; end, and settle",
  "nothing more. In steady state `settle`, `lease` and the next XREADGROUP travel in one write.",
  "",
  "Any consumer of a group now and then calls `trim` and `retire` (consumers idle for ten minutes) for all.",
].join("\n");

const EXAMPLES = [
  "KEYS and ARGV are in the order of the tables. In the examples `$leases` stands for the name of that key, `$now` for",
  "the server's time in milliseconds as they begin, `~20000` for about that, `…` for any value; `[1=c1 3=0 …]` is a list",
  "of which only these are told, from 0. What is indented is the reply; `→ $added` names it, and `$added.5` is a value of",
  "it, from 0.",
].join("\n");

function keyTable(): string {
  const shared = { ...registryKeys("orders"), ...peerKeys("orders", "billing") };
  const acme = { ...groupKeys("orders", "billing", "acme"), ...shared };
  // Without tenants there is nothing to register.
  const single: Partial<typeof acme> = groupKeys("orders", "billing");
  const docs = new Map<string, KeyDoc>();
  for (const file of readLuaFolder(LUA, "src/scripts").values()) {
    const { keys, groupKeys: perGroup } = parseHeader(file);
    for (const key of [...keys, ...perGroup]) docs.set(key.name, key);
  }
  const rows = Object.entries(HELD).map(([name, holds]) => {
    const key = docs.get(name);
    if (key === undefined) throw new Error(`render the protocol page: no script has the key ${name}`);
    const without = single[key.name];
    return [`\`${name}\``, key.type, `\`${acme[key.name]}\``, without ? `\`${without}\`` : "", holds];
  });
  return table(["role", "type", "of tenant `acme`", "without tenants", "what it holds"], rows);
}

/** What the keys of a stream and a group hold, by role. */
const HELD: Readonly<Record<KeyName, string>> = {
  stream: "the entries",
  meta: "`protocol`; `group:NAME` → low-water ID of each registered group; `maxLength`; `trimmed`; the window's state",
  "published.0": "publish window: key → `entryId\\|fingerprint`",
  "published.1": "its other generation",
  leases: "key → token of the attempt in hand",
  "processed.0": "processed keys, a ring of five",
  "processed.1": "as above",
  "processed.2": "as above",
  "processed.3": "as above",
  "processed.4": "as above",
  retries:
    "IDs of waiting entries, scored by when they are due, or, below zero, by the number of the type for which they were handed back",
  dead: "dead letters: what happened, then the entry's own fields",
  state:
    "settings, ring, `incarnation:CONSUMER`, `begun:CONSUMER/INCARNATION`, cursors, last server time, balance; `types:CONSUMER` → since when, and the types that it declares; `type:TYPE` → its number and how many declare it; `numbered:N` → that type",
  tenants: "of all tenants: each, scored by when it was enrolled last",
  workers: "of all tenants: the group's workers, scored by their last beat",
  help: "of all tenants: those that need more workers, scored by when one said so last",
  born: "of all tenants: `at` → when the group's first worker came",
};

function shaTable(): string {
  const byName = new Map(allScripts.map((script) => [script.name, script]));
  const rows = ORDER.map((name) => [
    `[\`${name}\`](../../packages/lua-scripts/tests/snapshots/${name}.lua)`,
    `\`${byName.get(name)?.sha1}\``,
  ]);
  return table(["source", "SHA-1"], rows);
}

async function madeUp(): Promise<string> {
  const prints = [
    ["order.placed", undefined, '{"orderId":"o1","amount":5}'],
    ["order.placed", "orders/o1", '{"orderId":"o1","amount":5}'],
    ["order.shipped", undefined, '{"name":"Zoë 😀"}'],
  ] as const;
  const fingerprints = new Fingerprints();
  const rows = prints.map(([type, subject, data]) => [
    `\`${type}\``,
    subject === undefined ? "" : `\`${subject}\``,
    `\`${data}\``,
    `\`${fingerprints.of(type, subject, data)}\``,
  ]);
  return [
    "- **Incarnation**: which process goes by a consumer's name. 1 to 64 of `A-Z a-z 0-9 _ -`, unique per process.",
    "- **Nonce**: of each call of `lease` or `recover` the incarnation, `_` and the number of the call, from 1, in decimal:",
    "  so that no token is issued twice, and everybody can tell whether its process has had the reply.",
    "- **Record of what has begun**: a token is a grant; a run counts as an attempt, once its process is gone, only if the",
    "  process may have begun it. Before a client begins anything of a reply that leased something, it has sent",
    "  `HSET <state> begun:CONSUMER/INCARNATION high;unheard;suspect` (no need to await it, but it must have left the",
    "  process): calls up to this number count as begun; except those of these numbers, separated by commas, whose reply it",
    "  has not had, until a recovery pass that began later is complete; and nothing, or the entry that it runs as a suspect,",
    "  or `-` while another consumer in its process runs one. A client may count calls ahead, to write less often, if it",
    "  names those whose reply is late. It sends `HDEL` once it has given back all that it had.",
    "- **Token**: `entryId|consumer|attempt|nonce.firstDeliveredAt`. `recover` returns tokens whole. Of a first attempt",
    "  that `lease` granted, the client puts it together: the attempt is `1`, the time is the reply's *now*.",
    "- **Consumer**: unique per process unless the user names it. `/waiting` is reserved.",
    "- **Key of an emitted event** that the handler did not name: `~` and the SHA-256, in lower-case hexadecimal digits,",
    "  of the UTF-8 of the handled event's key as it is stored (or its entry ID, if it has none), line feed, group, line",
    "  feed, position from 0: every attempt makes the same. For the key `order.placed:o1`, the group `billing` and position",
    `  0: \`${await emitKey("order.placed:o1", "billing", 0)}\`.`,
    "- **Fingerprint** of a published payload: any text that is the same for the same payload. Clients that publish to",
    "  one stream must agree on it, since a published key that comes back with another is a MISMATCH. Ours is in",
    "  [fingerprint.ts](../../packages/core/src/fingerprint.ts), of type, subject and the data's JSON:",
    "",
    table(["type", "subject", "data", "fingerprint"], rows),
  ].join("\n");
}

function wordTable(): string {
  return table(
    ["word", "meaning"],
    registry("status").map(({ name, doc }) => [`\`${name}\``, doc]),
  );
}

function constantTable(): string {
  return table(
    ["name", "value", "meaning"],
    registry("constants").map(({ name, value, doc }) => [`\`${name}\``, `\`${value}\``, doc]),
  );
}

function registry(name: string): readonly Entry[] {
  const file = readLuaFolder(LUA, "src/includes").get(name);
  if (file === undefined) throw new Error(`render the protocol page: there is no include "${name}"`);
  return parseRegistry(file).entries;
}

function scriptSections(header: Header | undefined, file: VectorFile | undefined, name: string): string[] {
  const examples = file?.vectors.filter(({ example }) => example) ?? [];
  if (header === undefined || file === undefined || examples.length === 0) {
    throw new Error(
      `render the protocol page: the script "${name}" has no header, or no vector marked example`,
    );
  }
  const { keys, groupKeys: perGroup, args } = header;
  const keyNames = keys.map((key) => `\`${key.name}\``).join(" ");
  const ofEach = perGroup.map((key) => `\`${key.name}\``).join(" ");
  return [
    `### ${name}`,
    `${header.summary.charAt(0).toUpperCase()}${header.summary.slice(1)} [Why, and what stays true](scripts.md#${name}).`,
    `**KEYS** (${keys.length}): ${keyNames}${ofEach === "" ? "" : `, then for each group ${ofEach}`}`,
    `**ARGV**\n\n${args.map(({ name: argument, doc }) => `1. \`${argument}\`: ${prose(doc)}`).join("\n")}`,
    `**Reply**\n\n${header.replies.map((reply) => `- ${prose(reply)}`).join("\n")}`,
    `**Errors**: ${header.errors.map((error) => `\`${error.name}\` ${prose(error.doc)}`).join("; ")}`,
    ...preparations(file, examples),
    ...examples.map((vector) => exampleOf(file, vector)),
    `[All ${file.vectors.length} vectors of \`${name}\`](${VECTORS}/${name}.yaml)`,
  ];
}

/** What examples build on, once per script. */
function preparations(file: VectorFile, examples: readonly Vector[]): string[] {
  const used = [...file.given].filter(([name]) => examples.some(({ given }) => given.includes(name)));
  if (used.length === 0) return [];
  const blocks = used.map(([name, steps]) => [
    `# ${name}`,
    ...steps.flatMap((step) => stepLines(step, file)),
  ]);
  return [`**Given** in the examples:\n\n${fenced(blocks.flat())}`];
}

function exampleOf(file: VectorFile, { title, given, steps }: Vector): string {
  const prepared = given.reduce((count, name) => count + (file.given.get(name)?.length ?? 0), 0);
  const before = given.length === 0 ? "" : ` (given ${given.join(", ")})`;
  const lines = steps.slice(prepared).flatMap((step) => stepLines(step, file));
  return `${title}${before}:\n\n${fenced(lines)}`;
}

function fenced(lines: readonly string[]): string {
  return ["```text", ...lines, "```"].join("\n");
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const body = rows.map((cells) => line(cells.map((cell) => cell.replace(/(?<!\\)\|/g, "\\|"))));
  return [line(head), line(head.map(() => "---")), ...body].join("\n");
}

/** Header text as Markdown: `<group>` outside of code would be taken for HTML and vanish. */
function prose(text: string): string {
  return text.replaceAll("<", "&lt;");
}

/** @returns the exit code */
async function main(check: boolean): Promise<number> {
  const page = await renderProtocolPage();
  if (!check) {
    writeFileSync(PROTOCOL_PAGE, page);
    return 0;
  }
  if (existsSync(PROTOCOL_PAGE) && readFileSync(PROTOCOL_PAGE, "utf8") === page) return 0;
  console.error("docs/internals/protocol.md: differs from what the Lua and the vectors give");
  console.error("run `npx tsx tools/docs/protocol-page.ts` and commit the result");
  return 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exitCode = await main(process.argv.slice(2).includes("--check"));
}
