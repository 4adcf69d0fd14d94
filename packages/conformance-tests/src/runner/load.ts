/** Reads cases from `cases/`, and refuses what is not one with its file and field. */

import { readdir, readFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { type Actor, type Case, LEVELS, NEEDS, type Step } from "../case.js";
import { CASES_FOLDER } from "../folders.js";
import { opensConsumers, throughWorkers } from "./through.js";

const actor = z.strictObject({
  runtime: z.enum(["first", "second", "third"]).default("first"),
  own: z.boolean().default(false),
});

const file = z.strictObject({
  title: z.string().min(1),
  level: z.enum(LEVELS),
  covers: z.array(z.string()).min(1),
  needs: z.array(z.enum(NEEDS)).default([]),
  /** Why the case is not run a second time through workers. */
  consumerOnly: z.string().min(1).optional(),
  /** Options of redis.conf for the server of a case that needs one of its own. */
  server: z.array(z.string()).default([]),
  actors: z.record(z.string(), actor.nullable()).default({ main: null }),
  timeoutMs: z.int().min(1).max(600_000).default(120_000),
  steps: z.array(z.record(z.string(), z.unknown())).min(1),
});

const MODIFIERS = ["on", "as", "expect", "fails", "eventually"];

/**
 * All cases whose ID holds the pattern, sorted by ID. A pattern that ends with "(worker)" is of second runs: of cases with
 * consumers, through workers.
 *
 * @param pattern a part of the ID, or a glob in which `*` stands for anything.
 * @throws {TypeError} naming the file and what is wrong in it.
 */
export async function loadCases(pattern = "", folder = CASES_FOLDER): Promise<Case[]> {
  const found = await readdir(folder, { recursive: true });
  const files = found.filter((name) => name.endsWith(".yaml")).sort();
  const wanted = toExpression(pattern);
  const cases: Case[] = [];
  for (const name of files) {
    const file = relative(".", name).slice(0, -".yaml".length).split(sep).join("/");
    const one = readCase(file, await readFile(join(folder, name), "utf8"));
    const runs = pattern.endsWith("(worker)") ? throughWorkers(one) : [one];
    cases.push(...runs.filter(({ id }) => wanted.test(id)));
  }
  return cases;
}

/** A part of an ID as it is, or with `*` for anything in it. */
export function toExpression(pattern: string): RegExp {
  const parts = pattern.split("*").map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return parts.length > 1 ? new RegExp(`^${parts.join(".*")}$`) : new RegExp(parts.join(""));
}

/** @throws {TypeError} naming the case and what is wrong in it. */
export function readCase(id: string, text: string): Case {
  const parsed = file.safeParse(parse(text));
  if (!parsed.success) throw new TypeError(`read the case "${id}": ${z.prettifyError(parsed.error)}`);
  const { actors, steps, needs, consumerOnly, ...rest } = parsed.data;
  const actorsByName = new Map<string, Actor>();
  for (const [name, given] of Object.entries(actors)) {
    const { runtime, own } = given ?? { runtime: "first", own: false };
    // A server or a proxy of its own is one that shared processes have no permission for.
    const apart = needs.includes("proxy") || needs.includes("own-server");
    actorsByName.set(name, { runtime, own: own || apart });
  }
  const [first = "main"] = actorsByName.keys();
  const read = steps.map((step, index) => readStep(step, first, actorsByName, `${id}, step ${index + 1}`));
  if (consumerOnly !== undefined && !opensConsumers(read)) {
    throw new TypeError(`read the case "${id}": it has "consumerOnly" and no consumer`);
  }
  return {
    ...{ id, file: id, through: "consumer", ...rest, needs },
    ...(consumerOnly !== undefined && { consumerOnly }),
    ...{ actors: actorsByName, steps: read },
  };
}

function readStep(
  step: Readonly<Record<string, unknown>>,
  first: string,
  actors: ReadonlyMap<string, Actor>,
  where: string,
): Step {
  const verbs = Object.keys(step).filter((name) => !MODIFIERS.includes(name));
  const [verb] = verbs;
  if (verb === undefined || verbs.length !== 1) {
    throw new TypeError(`read the case "${where}": wanted one verb, found ${verbs.join(", ") || "none"}`);
  }
  // Inside of the verb's own fields an expectation would be compared with nothing.
  if (Object.hasOwn(Object(step[verb]), "expect")) {
    throw new TypeError(`read the case "${where}": wanted "expect" beside "${verb}", found it inside`);
  }
  const { on = first, as, eventually } = step;
  if (typeof on !== "string" || !actors.has(on)) {
    throw new TypeError(`read the case "${where}": there is no actor "${on}"`);
  }
  return {
    verb,
    input: nested(verb, step[verb], on, actors, where),
    on,
    ...(as !== undefined && { as: String(as) }),
    ...("expect" in step && { expect: step.expect }),
    ...("fails" in step && { fails: step.fails }),
    ...(eventually === true && { eventually }),
  };
}

/** The steps inside of `together` and `repeat` are steps too. */
function nested(
  verb: string,
  input: unknown,
  on: string,
  actors: ReadonlyMap<string, Actor>,
  where: string,
): unknown {
  const stepsOf = (value: unknown) => {
    if (!Array.isArray(value)) throw new TypeError(`read the case "${where}": ${verb} wants a list of steps`);
    return value.map((step, index) => readStep(step, on, actors, `${where}.${index + 1}`));
  };
  if (verb === "together") return stepsOf(input);
  if (verb !== "repeat") return input;
  const { times, steps }: { times?: unknown; steps?: unknown } = Object(input);
  return { times: Number(times), steps: stepsOf(steps) };
}
