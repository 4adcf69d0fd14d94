/**
 * Reads the comment block at the top of a script: the contract that bindings and reference page are generated
 * from.
 *
 *     --- settle: end a batch of attempts.          name and summary, up to the first empty line
 *     --
 *     -- Why it is so.                              description, up to the first tag
 *     --
 *     -- @key   stream     STREAM  what it holds    keys in the order of KEYS
 *     -- @key   processed.0..4  SET                 a series of keys
 *     -- @groupkey state   HASH                     keys repeated per group, behind the fixed ones
 *     -- @arg   group      string                   arguments in the order of ARGV
 *     -- @reply list of OK | FENCED                 one or more
 *     -- @error SLUICE_BADARG  when                 any number
 *     -- @invariant what stays true                 any number
 *     -- @cost  O(N) in the attempts                exactly one
 *     -- @since protocol 1                          exactly one
 *
 * Text indented by more than one space goes on with the tag above it.
 */
import type { KeyName } from "../src/script.js";
import { expandSeries, isKeyName, KEY_NAMES_IN_WORDS, KEY_TYPES, type RedisType } from "./key-names.js";
import { type LuaFile, SourceError } from "./source-error.js";

export interface KeyDoc {
  readonly name: KeyName;
  readonly type: RedisType;
  /** Empty where the header says nothing beyond name and type. */
  readonly doc: string;
}

export interface NamedDoc {
  readonly name: string;
  /**
   * Kind and meaning, which the header may set off by two spaces, are joined by a colon: `string: which
   * process`.
   */
  readonly doc: string;
}

export interface Header {
  readonly name: string;
  /** One sentence, beginning in lower case. */
  readonly summary: string;
  /** Markdown; paragraphs are separated by an empty line. */
  readonly description: string;
  readonly keys: readonly KeyDoc[];
  /** Keys that follow `keys` once per group. */
  readonly groupKeys: readonly KeyDoc[];
  readonly args: readonly NamedDoc[];
  readonly replies: readonly string[];
  /** `name` is the first word of the error reply. */
  readonly errors: readonly NamedDoc[];
  readonly invariants: readonly string[];
  readonly cost: string;
  /** The protocol number that brought the script. */
  readonly since: number;
}

const TAGS = ["key", "groupkey", "arg", "reply", "error", "invariant", "cost", "since"] as const;
type TagName = (typeof TAGS)[number];

interface Line {
  readonly number: number;
  readonly text: string;
}

interface Tag {
  readonly name: TagName;
  readonly line: number;
  text: string;
}

/** @throws SourceError naming file and line of the first mistake in the header */
export function parseHeader(file: LuaFile): Header {
  const fail: Fail = (line, problem) => {
    throw new SourceError(file.path, line, problem);
  };
  const lines = headerLines(file, fail);
  const title = takeParagraph(lines).map((line) => line.text.trim());
  const [, name, summary] = /^([a-z][a-z0-9_]*): (.+)$/.exec(title.join(" ")) ?? [];
  if (name === undefined || summary === undefined) {
    return fail(1, `the first line must read "--- ${file.name}: what it does", found "${title[0] ?? ""}"`);
  }
  if (name !== file.name) fail(1, `the header is about "${name}", the file is "${file.name}"`);

  const firstTag = lines.findIndex((line) => line.text.trimStart().startsWith("@"));
  const prose = lines.slice(0, firstTag < 0 ? lines.length : firstTag);
  const tags = readTags(firstTag < 0 ? [] : lines.slice(firstTag), fail);
  const texts = (wanted: TagName): Tag[] => tags.filter((tag) => tag.name === wanted);
  const lastLine = lines.at(-1)?.number ?? 1;

  const keys = readKeys(texts("key"), fail);
  const groupKeys = readKeys(texts("groupkey"), fail);
  const misplaced = texts("key").find(
    (tag) => tag.line > (texts("groupkey")[0]?.line ?? Number.POSITIVE_INFINITY),
  );
  if (misplaced !== undefined)
    fail(misplaced.line, "@key stands behind @groupkey: KEYS holds the fixed keys first");
  const replies = texts("reply").map((tag) => tag.text);
  if (replies.length === 0) fail(lastLine, "@reply is missing: say what the script answers");
  const args = readNamed(
    texts("arg"),
    /^[a-z][A-Za-z0-9_]*$/,
    "an argument's name begins in lower case",
    fail,
  );
  const repeated = args.findIndex(({ name }, at) =>
    args.some((other, before) => before < at && other.name === name),
  );
  if (repeated >= 0)
    fail(texts("arg")[repeated]?.line ?? 1, `argument "${args[repeated]?.name}" is there twice`);
  const since = single(texts("since"), "since", lastLine, fail);
  const protocol = /^protocol ([1-9]\d*)$/.exec(since.text)?.[1];
  if (protocol === undefined) fail(since.line, `@since must read "protocol N", found "${since.text}"`);
  return {
    name,
    summary,
    description: prose
      .map((line) => line.text.trimEnd())
      .join("\n")
      .trim(),
    keys,
    groupKeys,
    args,
    replies,
    errors: readNamed(
      texts("error"),
      /^[A-Z][A-Z0-9_]*$/,
      "an error begins with its code in UPPER_CASE",
      fail,
    ),
    invariants: texts("invariant").map((tag) => tag.text),
    cost: single(texts("cost"), "cost", lastLine, fail).text,
    since: Number(protocol),
  };
}

type Fail = (line: number, problem: string) => never;

/** The comment lines from the top of the file, dashes and one space removed. */
function headerLines(file: LuaFile, fail: Fail): Line[] {
  const all = file.text.split("\n");
  if (!/^--- \S/.test(all[0] ?? ""))
    fail(1, `a script begins with its header: "--- ${file.name}: what it does"`);
  const end = all.findIndex((text) => !text.startsWith("--"));
  return all.slice(0, end < 0 ? all.length : end).map((text, index) => ({
    number: index + 1,
    text: text.replace(/^---? ?/, ""),
  }));
}

/** Takes the lines up to the first empty one or the first tag off the front of `lines`. */
function takeParagraph(lines: Line[]): Line[] {
  const end = lines.findIndex(({ text }) => text.trim() === "" || text.trimStart().startsWith("@"));
  return lines.splice(0, end < 0 ? lines.length : end);
}

function readTags(lines: readonly Line[], fail: Fail): Tag[] {
  const tags: Tag[] = [];
  let open = false;
  for (const { number, text } of lines) {
    const [, word, rest = ""] = /^\s*@(\S*)\s*(.*)$/.exec(text) ?? [];
    if (word !== undefined) {
      const name = TAGS.find((known) => known === word);
      if (name === undefined) return fail(number, `unknown tag @${word}: known are @${TAGS.join(" @")}`);
      tags.push({ name, line: number, text: rest.trim() });
      open = true;
    } else if (text.trim() === "") {
      open = false;
    } else {
      const last = tags.at(-1);
      if (!open || last === undefined || !text.startsWith(" ")) {
        return fail(
          number,
          "text behind the tags: indent it to go on with the tag above, or move it before the tags",
        );
      }
      last.text = `${last.text} ${text.trim()}`.trim();
    }
  }
  for (const tag of tags) if (tag.text === "") fail(tag.line, `@${tag.name} says nothing`);
  return tags;
}

function readKeys(tags: readonly Tag[], fail: Fail): KeyDoc[] {
  const keys: KeyDoc[] = [];
  for (const tag of tags) {
    const [, written = "", type = "", doc = ""] = /^(\S+)\s*(\S*)\s*(.*)$/.exec(tag.text) ?? [];
    const names = expandSeries(written);
    if (names.length === 0) fail(tag.line, `"${written}" runs backwards`);
    for (const name of names) {
      if (!isKeyName(name)) return fail(tag.line, `unknown key "${name}": known are ${KEY_NAMES_IN_WORDS}`);
      const wanted = KEY_TYPES[name];
      if (type !== wanted) return fail(tag.line, `key "${name}" is a ${wanted}, found "${type}"`);
      if (keys.some((key) => key.name === name)) fail(tag.line, `key "${name}" is named twice`);
      keys.push({ name, type: wanted, doc });
    }
  }
  return keys;
}

function readNamed(tags: readonly Tag[], form: RegExp, wanted: string, fail: Fail): NamedDoc[] {
  return tags.map((tag) => {
    const [, name = "", doc = ""] = /^(\S+)\s*(.*)$/.exec(tag.text) ?? [];
    if (!form.test(name)) fail(tag.line, `@${tag.name} "${name}": ${wanted}`);
    if (doc === "") fail(tag.line, `@${tag.name} ${name} says nothing`);
    return { name, doc: doc.replace(/ {2,}/g, ": ") };
  });
}

function single(tags: readonly Tag[], name: TagName, lastLine: number, fail: Fail): Tag {
  const [tag, second] = tags;
  if (tag === undefined) return fail(lastLine, `@${name} is missing`);
  if (second !== undefined) fail(second.line, `@${name} is there twice`);
  return tag;
}
