/** A vector's steps as lines for people: commands as one would type them, replies indented. */
import { show } from "../matching.js";
import type { VectorFile, VectorStep, Words } from "./format.js";

const WIDTH = 108;

/** Long lines go on, indented, in the next one. `file` says which script is called, with which keys. */
export function stepLines(step: VectorStep, file: VectorFile): string[] {
  switch (step.kind) {
    case "redis": {
      const often = step.times === 1 ? [] : [`(${step.times} times, i from 1)`];
      const name = step.as === undefined ? [] : [`→ $${step.as}`];
      const reply = step.reply === undefined ? [] : wrapped([textOf(step.reply), ...name], "    ");
      return [...wrapped([...step.command.map(wordOf), ...often]), ...reply];
    }
    case "call": {
      const { keys = keysOf(file, step.args), args, outcome } = step;
      const words = [
        "EVALSHA",
        `sha1(${file.script})`,
        String(keys.length),
        ...keys.map((role) => `$${role}`),
      ];
      const answer = "reply" in outcome ? replyOf(outcome.reply) : [`(error) ${textOf(outcome.error)}`];
      const name = step.as === undefined ? [] : [`→ $${step.as}`];
      return [...wrapped([...words, ...args.map(wordOf)]), ...wrapped([...answer, ...name], "    ")];
    }
    case "refuses":
      return step.calls.flatMap(({ args, error }) => {
        const text = "text" in error ? error.text : `SLUICE_BADARG ${error.field} …: ${error.wanted}`;
        return [...wrapped(args.map(wordOf)), ...wrapped([`(error) ${text}`], "    ")];
      });
    case "wrongTypes":
      return [...step.types].map(
        ([role, type]) => `$${role} of another type: WRONGTYPE $${role} string ${type}`,
      );
  }
}

function keysOf({ keys, groupKeys }: VectorFile, args: Words): readonly string[] {
  if (groupKeys.length === 0) return keys;
  return [...keys, ...args.flatMap((group) => groupKeys.map((role) => `${group}/${role}`))];
}

/** The values of a flat reply side by side. */
function replyOf(reply: unknown): readonly string[] {
  return Array.isArray(reply) ? reply.map(textOf) : [textOf(reply)];
}

function wordOf(word: unknown): string {
  return typeof word === "string" ? quoted(word) : textOf(word);
}

/** A value, or what it has to match. */
function textOf(value: unknown): string {
  if (typeof value === "string") return quoted(value);
  if (Array.isArray(value)) return `[${value.map(textOf).join(" ")}]`;
  if (typeof value !== "object" || value === null) return String(value);
  const [[name, operand] = ["", undefined], ...others] = Object.entries(value);
  if ("bytes" in value) return `"${String(value.bytes).replaceAll(/ ?(..)/g, "\\x$1")}"`;
  if ("times" in value && "of" in value) return `(${value.times} times: ${textOf(value.of)})`;
  if (others.length === 0) {
    if (name === "$any") return "…";
    if (name === "$matches") return `/${operand}/`;
    if (name === "$min") return `≥${operand}`;
    if (name === "$max") return `≤${operand}`;
    if (["$pairs", "$exactly", "$unordered"].includes(name)) return textOf(operand);
    if (name === "$at") return `[${pairsOf(operand, "=", " ")} …]`;
  }
  if ("$min" in value && "$max" in value) return `${textOf(value.$min)}…${textOf(value.$max)}`;
  if (name.startsWith("$")) return show(value);
  return `{${pairsOf(value, ": ", ", ")}}`;
}

function pairsOf(value: unknown, is: string, and: string): string {
  return Object.entries(Object(value))
    .map(([name, item]) => `${quoted(name)}${is}${textOf(item)}`)
    .join(and);
}

function quoted(text: string): string {
  if (/^[^\s"'\\[\]]+$/.test(text)) return text;
  return /^[^'\\\p{Cc}]*"[^'\\\p{Cc}]*$/u.test(text) ? `'${text}'` : JSON.stringify(text);
}

function wrapped(words: readonly string[], indent = ""): string[] {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= WIDTH)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(`${lines.length === 0 ? indent : `${indent}    `}${word}`);
  }
  return lines;
}
