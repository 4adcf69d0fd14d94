/**
 * The run-time half of "what is published must be JSON", for callers without types: a schema that can
 * describe itself as JSON Schema (Standard JSON Schema, which zod has from 4.2 on) is asked to, and refused
 * if its input cannot be. A schema that cannot describe itself passes; for it there is only the compile-time
 * half, in `json-input.ts`.
 */

import type { StandardJSONSchemaV1, StandardSchemaV1 } from "@standard-schema/spec";
import { oneLine, quote } from "../errors/describe.js";
import { InvalidOptionError } from "../errors.js";

/** A library may support one of them only, and is told to throw at the other. */
const TARGETS = ["draft-2020-12", "draft-07"] as const;

/**
 * Whether the schema's input can be described as JSON, as far as the schema tells.
 *
 * @throws {InvalidOptionError} naming the event type and the schema library's reason.
 */
export function checkJsonInput(eventType: string, schema: StandardSchemaV1): void {
  const converter = converterOf(schema);
  if (converter === undefined) return;
  let first: unknown;
  for (const target of TARGETS) {
    try {
      converter.input({ target });
      return;
    } catch (error) {
      first ??= error;
    }
  }
  const reason =
    first instanceof Error ? oneLine(first.message, 200) : "it cannot be described as JSON Schema";
  throw new InvalidOptionError({
    option: `events[${quote(eventType)}]`,
    value: schema,
    shown: "this schema",
    wanted:
      `a schema whose input is JSON (${reason}); ` +
      "describe the data as it is stored, and transform it from there",
    cause: first,
  });
}

function converterOf(schema: StandardSchemaV1): StandardJSONSchemaV1.Converter | undefined {
  const props: Partial<StandardJSONSchemaV1.Props> = schema["~standard"];
  return typeof props.jsonSchema?.input === "function" ? props.jsonSchema : undefined;
}
