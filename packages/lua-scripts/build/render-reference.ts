/** The reference page of the scripts, in the manner of Redis's own command pages. */
import type { Header, KeyDoc } from "./header.js";
import type { Registry } from "./registry.js";
import { COMMAND } from "./render-typescript.js";

/** @param headers in the order in which they shall stand */
export function renderReference(headers: readonly Header[], status: Registry, constants: Registry): string {
  const sections = [
    `<!-- Generated from packages/lua-scripts/src by \`${COMMAND}\`. Do not edit. -->`,
    "# Scripts",
    INTRODUCTION,
    table(
      ["script", "what it does"],
      headers.map((header) => [`[\`${header.name}\`](#${header.name})`, header.summary]),
    ),
    ...headers.flatMap(renderScript),
    "## Status words",
    status.doc,
    table(
      ["word", "meaning", "named by"],
      status.entries.map(({ name, doc }) => [`\`${name}\``, doc, namedBy(name, headers)]),
    ),
    "## Constants",
    constants.doc,
    table(
      ["name", "value", "meaning"],
      constants.entries.map(({ name, value, doc }) => [`\`${name}\``, `\`${value}\``, doc]),
    ),
  ];
  return `${sections.filter((section) => section !== "").join("\n\n")}\n`;
}

const INTRODUCTION = [
  "Each script is called with EVALSHA. KEYS and ARGV are given in the order of the tables below; the full",
  "name of a key follows from the stream and the group. Replies are flat arrays of strings and integers. A",
  "refusal is a [status word](#status-words) in the reply; an error reply that begins with `SLUICE_` is a",
  "mistake of the caller.",
].join("\n");

function renderScript(header: Header): string[] {
  const { keys, groupKeys, args, replies, errors, invariants } = header;
  return [
    `## ${header.name}`,
    sentence(header.summary),
    `Available since protocol ${header.since}. Cost: ${prose(header.cost)}.`,
    prose(header.description),
    ...titled("Keys", keyTable(keys, 1)),
    ...titled("Keys of each group, behind those above, once per group", keyTable(groupKeys, keys.length + 1)),
    ...titled(
      "Arguments",
      table(
        ["ARGV", "name", "what it is"],
        args.map(({ name, doc }, at) => [position(at, args), `\`${name}\``, doc]),
      ),
    ),
    ...titled("Reply", list(replies)),
    ...titled("Errors", list(errors.map(({ name, doc }) => `\`${name}\`: ${doc}`))),
    ...titled("Invariants", list(invariants)),
  ];
}

/**
 * The place of an argument; behind a list its place depends on the list's length, so only the order is told.
 */
function position(at: number, args: Header["args"]): string {
  const behindList = args.slice(0, at).some(({ doc }) => doc.startsWith("list "));
  if (behindList) return "then";
  return args[at]?.doc.startsWith("list ") ? `${at + 1} …` : String(at + 1);
}

function keyTable(keys: readonly KeyDoc[], first: number): string {
  return table(
    ["KEYS", "name", "type", "what it holds"],
    keys.map(({ name, type, doc }, at) => [String(first + at), `\`${name}\``, type, doc]),
  );
}

/** The scripts that answer the word or take it as an argument. */
function namedBy(word: string, headers: readonly Header[]): string {
  const form = new RegExp(`\\b${word}\\b`);
  return headers
    .filter(({ args, replies }) =>
      [...replies, ...args.map(({ doc }) => doc)].some((text) => form.test(text)),
    )
    .map(({ name }) => `[\`${name}\`](#${name})`)
    .join(" ");
}

/** Nothing at all where there is nothing to tell. */
function titled(title: string, content: string): string[] {
  return content === "" ? [] : [`**${title}**`, content];
}

function list(items: readonly string[]): string {
  return items.map((item) => `- ${prose(item)}`).join("\n");
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "";
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const body = rows.map((cells) => line(cells.map((cell) => prose(cell).replace(/(?<!\\)\|/g, "\\|"))));
  return [line(head), line(head.map(() => "---")), ...body].join("\n");
}

function sentence(text: string): string {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return prose(/[.!?]$/.test(capital) ? capital : `${capital}.`);
}

/** Header text as Markdown: `<group>` outside of code would be taken for HTML and vanish. */
function prose(text: string): string {
  return text
    .split(/(`[^`\n]*`)/)
    .map((part, at) => (at % 2 === 1 ? part : part.replaceAll("<", "&lt;")))
    .join("");
}
