/**
 * The part of "what is published must be JSON" that is done for each event: whether JSON gives the data back as it is,
 * and what of it JSON has nothing for. Schemas are no proof of either: most libraries take Infinity for a number, and
 * anything at all where they coerce or preprocess. What types and schemas tell is in `json-input.ts` and
 * `json-schema.ts`.
 */
import { kindOf } from "../errors/describe.js";
import type { Issue } from "../errors.js";

/** Objects within objects that are looked into. What is deeper counts as not plain, as what refers back to itself does. */
const MAX_DEPTH = 100;
/** Most issues that one refusal lists. */
const MAX_ISSUES = 100;

/**
 * Whether JSON gives the data back as it is: text, finite numbers other than -0, booleans, null, and arrays and plain
 * objects of those. For a small event this takes 0.02 µs, a sixth of what writing it as JSON takes.
 */
export function isPlainJson(data: unknown, depth = MAX_DEPTH): boolean {
  switch (typeof data) {
    case "string":
    case "boolean":
      return true;
    case "number":
      return data === 0 ? Object.is(data, 0) : Number.isFinite(data);
    case "object":
      return data === null || (depth > 0 && isPlainObject(data, depth - 1));
    default:
      return false;
  }
}

function isPlainObject(object: object, depth: number): boolean {
  if (Array.isArray(object)) {
    for (let at = 0; at < object.length; at++) {
      if (!isPlainJson(object[at], depth)) return false;
    }
    return true;
  }
  const prototype: unknown = Object.getPrototypeOf(object);
  if (prototype !== Object.prototype && prototype !== null) return false;
  const members = object as Readonly<Record<string, unknown>>; // what it holds is unknown either way
  for (const name in members) {
    if (!isPlainJson(members[name], depth)) return false;
  }
  return true;
}

/**
 * What JSON would silently drop or replace by null: each number that is not finite, each undefined, function and
 * symbol in an array, each object whose content is not in fields of its own. Members that are undefined, functions or
 * symbols are left out of objects, as everybody expects of JSON.
 */
export function lostInJson(data: unknown): readonly Issue[] {
  return findInJson(data, (value, holder) => {
    if (typeof value === "number" && !Number.isFinite(value)) return `is ${value}, which JSON cannot hold`;
    if (typeof value === "object" && value !== null) return lostObject(value);
    if (!Array.isArray(holder) || isJsonPrimitive(value)) return undefined;
    return `is ${value === undefined ? "undefined" : `a ${typeof value}`}, which JSON cannot hold in an array`;
  });
}

function isJsonPrimitive(value: unknown): boolean {
  return (
    value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean"
  );
}

/** Those that JSON writes as what they are, or as what they hold: boxed text, numbers and booleans. */
const WRITTEN = /^\[object (?:Object|Array|String|Number|Boolean)\]$/;

function lostObject(value: object): string | undefined {
  if (WRITTEN.test(Object.prototype.toString.call(value)) || Object.keys(value).length > 0) return undefined;
  return `is ${kindOf(value)}, whose content JSON cannot hold`;
}

/**
 * Goes through the data the way JSON.stringify does (so that toJSON counts), and gives what `faultOf` says of a value,
 * with its path. `holder` is the object that it is in. What is at fault is not looked into.
 *
 * @throws what a toJSON or a getter throws, and RangeError where the data is nested too deeply.
 */
export function findInJson(
  data: unknown,
  faultOf: (
    value: unknown,
    holder: object | undefined,
    isIn: (object: unknown) => boolean,
  ) => string | undefined,
): readonly Issue[] {
  const issues: Issue[] = [];
  const parents: { readonly value: unknown; readonly key: string | number | undefined }[] = [];
  const isIn = (object: unknown) => parents.some((parent) => parent.value === object);
  JSON.stringify(data, function (this: object, name: string, value: unknown) {
    while (parents.length > 0 && parents.at(-1)?.value !== this) parents.pop();
    const isRoot = parents.length === 0;
    const key = isRoot ? undefined : Array.isArray(this) ? Number(name) : name;
    const fault = faultOf(value, isRoot ? undefined : this, isIn);
    if (fault !== undefined) {
      const path = [...parents.map((parent) => parent.key), key].filter((part) => part !== undefined);
      if (issues.length < MAX_ISSUES) issues.push({ path, message: fault });
      return null;
    }
    if (typeof value === "object" && value !== null) parents.push({ value, key });
    return value;
  });
  return issues;
}
