/** Reads the text of a vector file, and refuses what is not in the form that `format.ts` tells. */
import { allScripts, type KeyName } from "@sluice/lua-scripts";
import { parse as parseYaml } from "yaml";
import { LEVELS, type Level, NEEDS, type Need } from "../case.js";
import { show } from "../matching.js";
import type { CallStep, RedisStep, RefusesStep, Vector, VectorFile, VectorStep, Words } from "./format.js";
import { allKeys } from "./values.js";

/** A mistake in a vector file: the file, the vector if it is in one, the field, the value and what is wanted. */
export class VectorFormatError extends Error {
  override readonly name = "VectorFormatError";
}

type Fields = Readonly<Record<string, unknown>>;

/** Where a value is: the file, then the vector, then fields and positions. */
class Place {
  readonly #file: string;
  readonly #vector: string;
  readonly #path: string;

  constructor(file: string, vector = "", path = "") {
    this.#file = file;
    this.#vector = vector;
    this.#path = path;
  }

  in(name: string | number): Place {
    return new Place(this.#file, this.#vector, this.#path === "" ? String(name) : `${this.#path}.${name}`);
  }

  inVector(name: string): Place {
    return new Place(this.#file, ` vector "${name}"`);
  }

  fail(value: unknown, wanted: string): never {
    const path = this.#path === "" ? "" : ` ${this.#path}`;
    throw new VectorFormatError(`read ${this.#file}:${this.#vector}${path} ${show(value)}: wanted ${wanted}`);
  }
}

/**
 * @param name of the script that the file is named after
 * @param text YAML
 * @param file how errors call it
 * @throws {VectorFormatError}
 */
export function parseVectors(name: string, text: string, file: string): VectorFile {
  const place = new Place(file);
  const top = fieldsOf(yamlOf(text, file), place, [
    "script",
    "level",
    "keys",
    "groupKeys",
    "given",
    "vectors",
  ]);
  const script = allScripts.find((known) => known.name === name);
  if (script === undefined) {
    return place.in("script").fail(name, `one of ${allScripts.map((known) => known.name).join(" ")}`);
  }
  if (top.script !== name) place.in("script").fail(top.script, `${name}, as the file is called`);
  const level = levelOf(top.level, place.in("level"));
  sameKeys(top.keys, script.keys, place.in("keys"));
  sameKeys(top.groupKeys ?? [], script.groupKeys, place.in("groupKeys"));
  const given = new Map<string, readonly VectorStep[]>();
  for (const [title, steps] of Object.entries(mapOf(top.given ?? {}, place.in("given")))) {
    given.set(title, stepsOf(steps, place.in("given").in(title)));
  }
  const vectors: Vector[] = [];
  for (const [at, value] of listOf(top.vectors, place.in("vectors")).entries()) {
    const vector = vectorOf(value, place, at, { script: name, level, given });
    if (vectors.some(({ id }) => id === vector.id))
      place.in("vectors").in(at).fail(vector.id, "a name of its own");
    vectors.push(vector);
  }
  return { script: name, level, keys: script.keys, groupKeys: script.groupKeys, given, vectors };
}

function yamlOf(text: string, file: string): unknown {
  try {
    return parseYaml(text);
  } catch (error) {
    throw new VectorFormatError(`read ${file}: wanted YAML 1.2`, { cause: error });
  }
}

interface FileContext {
  readonly script: string;
  readonly level: Level;
  readonly given: ReadonlyMap<string, readonly VectorStep[]>;
}

const VECTOR_FIELDS = ["name", "title", "example", "given", "needs", "user", "steps"];

function vectorOf(value: unknown, file: Place, at: number, { script, level, given }: FileContext): Vector {
  const unnamed = file.in("vectors").in(at);
  const { name } = mapOf(value, unnamed);
  if (typeof name !== "string" || !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name)) {
    return unnamed.in("name").fail(name, "lower-case words with hyphens between");
  }
  const place = file.inVector(name);
  const fields = fieldsOf(value, place, VECTOR_FIELDS);
  const named = textsOf(fields.given ?? [], place.in("given"));
  const prepared = named.flatMap((name, n) => {
    const known = [...given.keys()].join(" ") || "none";
    return given.get(name) ?? place.in("given").in(n).fail(name, `one of ${known}`);
  });
  const title = textOf(fields.title, place.in("title"));
  if (!/^[A-Z`].*[^.]$/.test(title)) place.in("title").fail(title, "a sentence without its period");
  const own = stepsOf(fields.steps, place.in("steps"));
  if (!own.some(({ kind }) => kind !== "redis")) place.in("steps").fail(own.length, "at least one call");
  const user = fields.user === undefined ? undefined : textsOf(fields.user, place.in("user"));
  const strangers = own.some((step) => step.kind === "call" && step.byUser);
  if (strangers !== (user !== undefined)) {
    place.in("user").fail(fields.user, "rules of a user, if and only if a call is made by it");
  }
  return {
    id: `vectors/${script}/${name}`,
    title,
    level: user === undefined ? level : "acl",
    needs: [...needsOf(fields.needs ?? [], place.in("needs")), ...(user ? (["users"] as const) : [])],
    script,
    example: fields.example === undefined ? false : flagOf(fields.example, place.in("example")),
    ...(user && { user }),
    given: named,
    steps: [...prepared, ...own],
  };
}

function stepsOf(value: unknown, place: Place): VectorStep[] {
  return listOf(value, place).map((step, at) => stepOf(step, place.in(at)));
}

function stepOf(value: unknown, place: Place): VectorStep {
  if (Array.isArray(value)) return { kind: "redis", command: commandOf(value, place), times: 1 };
  const fields = mapOf(value, place);
  if ("redis" in fields) return redisStepOf(value, place);
  if (!("call" in fields)) return place.fail(value, "a command, or a map with redis or call");
  if ("refuses" in fields) return refusesStepOf(value, place);
  if (!("wrongTypes" in fields)) return callStepOf(value, place);
  const { call, wrongTypes } = fieldsOf(value, place, ["call", "wrongTypes"]);
  const types = Object.entries(mapOf(wrongTypes, place.in("wrongTypes")));
  return {
    kind: "wrongTypes",
    args: argsOf(call, place.in("call")),
    types: new Map(types.map(([role, type]) => [role, textOf(type, place.in("wrongTypes").in(role))])),
  };
}

function redisStepOf(value: unknown, place: Place): RedisStep {
  const { redis, reply, as, times } = fieldsOf(value, place, ["redis", "reply", "as", "times"]);
  return {
    kind: "redis",
    command: commandOf(redis, place.in("redis")),
    times: countOf(times, place.in("times")),
    ...(reply !== undefined && { reply }),
    ...nameOf(as, place),
  };
}

function callStepOf(value: unknown, place: Place): CallStep {
  const known = ["call", "reply", "error", "as", "keys", "by", "unchanged", "times"];
  const { call, reply, error, as, keys, by, unchanged, times } = fieldsOf(value, place, known);
  if ((reply === undefined) === (error === undefined)) place.fail(value, "either reply or error");
  if (by !== undefined && by !== "user") place.in("by").fail(by, "user");
  const flatReply = Array.isArray(reply) ? reply.flat() : reply;
  const refused = error !== undefined || (Array.isArray(flatReply) && flatReply[0] !== "OK");
  return {
    kind: "call",
    args: argsOf(call, place.in("call")),
    times: countOf(times, place.in("times")),
    ...(keys !== undefined && { keys: textsOf(keys, place.in("keys")) }),
    outcome: error === undefined ? { reply: flatReply } : { error },
    ...nameOf(as, place),
    byUser: by === "user",
    unchanged: unchanged === undefined ? refused : flagOf(unchanged, place.in("unchanged")),
  };
}

function refusesStepOf(value: unknown, place: Place): RefusesStep {
  const { call, refuses } = fieldsOf(value, place, ["call", "refuses"]);
  const good = argsOf(call, place.in("call"));
  const rows = listOf(refuses, place.in("refuses"));
  return {
    kind: "refuses",
    calls: rows.flatMap((row, n) => refusedCalls(row, good, place.in("refuses").in(n))),
  };
}

function refusedCalls(value: unknown, good: Words, place: Place): RefusesStep["calls"] {
  if ("call" in mapOf(value, place)) {
    const { call, error } = fieldsOf(value, place, ["call", "error"]);
    return [{ args: argsOf(call, place.in("call")), error: { text: textOf(error, place.in("error")) } }];
  }
  const { at, field, values, wanted } = fieldsOf(value, place, ["at", "field", "values", "wanted"]);
  if (typeof at !== "number" || !(at in good))
    return place.in("at").fail(at, "a position of the call, from 0");
  const about = { field: textOf(field, place.in("field")), wanted: textOf(wanted, place.in("wanted")) };
  return listOf(values, place.in("values")).map((wrong) => {
    return { args: good.with(at, wrong), error: { ...about, at } };
  });
}

function commandOf(value: unknown, place: Place): Words {
  const words = argsOf(value, place);
  return typeof words[0] === "string" ? words : place.in(0).fail(words[0], "the name of a command");
}

/** Lists within what is sent group what belongs together; it is sent flat. */
function argsOf(value: unknown, place: Place): Words {
  return listOf(value, place).flat(2);
}

/** Words that stand for something else behind a `$`. */
const RESERVED = [
  "now",
  "i",
  ...Object.keys(allKeys("stream", "group")).map((role) => role.split(".")[0] ?? ""),
];

function nameOf(as: unknown, place: Place): { readonly as?: string } {
  if (as === undefined) return {};
  const name = textOf(as, place.in("as"));
  const taken = RESERVED.includes(name) || !/^[a-z]\w*$/i.test(name);
  return taken ? place.in("as").fail(name, `a word that is not ${RESERVED.join(" ")}`) : { as: name };
}

function levelOf(value: unknown, place: Place): Level {
  return LEVELS.find((level) => level === value) ?? place.fail(value, `one of ${LEVELS.join(" ")}`);
}

function needsOf(value: unknown, place: Place): readonly Need[] {
  return textsOf(value, place).map((text, at) => {
    return NEEDS.find((need) => need === text) ?? place.in(at).fail(text, `one of ${NEEDS.join(" ")}`);
  });
}

function sameKeys(value: unknown, wanted: readonly KeyName[], place: Place): void {
  if (textsOf(value, place).join(" ") !== wanted.join(" ")) {
    place.fail(value, `${wanted.join(" ") || "none"}, as the script's header says`);
  }
}

/** The members of a map that may have these and no others. */
function fieldsOf(value: unknown, place: Place, known: readonly string[]): Fields {
  const fields = mapOf(value, place);
  const stranger = Object.keys(fields).find((name) => !known.includes(name));
  return stranger === undefined
    ? fields
    : place.in(stranger).fail(fields[stranger], `one of ${known.join(" ")}`);
}

function mapOf(value: unknown, place: Place): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return place.fail(value, "a map");
  // An object that is no array has string keys; what its members are is looked at one by one.
  return value as Fields;
}

function listOf(value: unknown, place: Place): readonly unknown[] {
  return Array.isArray(value) ? value : place.fail(value, "a list");
}

function textsOf(value: unknown, place: Place): readonly string[] {
  return listOf(value, place).map((text, at) => textOf(text, place.in(at)));
}

function textOf(value: unknown, place: Place): string {
  return typeof value === "string" && value !== "" ? value : place.fail(value, "a text");
}

function countOf(value: unknown, place: Place): number {
  if (value === undefined) return 1;
  return Number.isSafeInteger(value) && Number(value) > 0
    ? Number(value)
    : place.fail(value, "an integer from 1");
}

function flagOf(value: unknown, place: Place): boolean {
  return typeof value === "boolean" ? value : place.fail(value, "true or false");
}
