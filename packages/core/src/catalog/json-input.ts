/**
 * The compile-time half of "what is published must be JSON": looks through the input type of a schema for
 * what `JSON.stringify` would lose or change. Publishing stores the schema's input, and a consumer validates
 * what it reads back; a `Date` would come back as a string and be refused there, too late.
 *
 * The run-time half is in `json-schema.ts`.
 */

import type { StandardSchemaV1 } from "@standard-schema/spec";

type JsonPrimitive = string | number | boolean | null;

// biome-ignore lint/suspicious/noConfusingVoidType: undefined is assignable to void, and void to nothing else
type Nothing = void;

/** What looks like a plain object to the compiler, or has a name worth showing. */
type NamedNonJson = bigint | symbol | Nothing | AnyFunction | Date | Error | AnyMap | AnySet;

type AnyFunction = (...args: never[]) => unknown;
type AnyMap = ReadonlyMap<unknown, unknown>;
type AnySet = ReadonlySet<unknown>;

/**
 * `T` with everything replaced by `never` that JSON does not keep; `T` is JSON if it is assignable to this.
 * `any` and `unknown` pass. Arrays and objects become arrays and mapped types, which the compiler looks
 * into lazily, so that recursive types do not recurse here.
 *
 * Class instances are found by their methods: a class with data only is a plain object to the compiler, and
 * to JSON.
 */
type Json<T> = unknown extends T
  ? T
  : T extends JsonPrimitive
    ? T
    : T extends NamedNonJson
      ? never
      : T extends readonly unknown[]
        ? readonly Json<T[number]>[]
        : { [K in keyof T]: K extends symbol ? never : JsonMember<T, K> };

/** An optional property may be undefined, because JSON leaves it out; a required one would go missing. */
type JsonMember<T, K extends keyof T> =
  IsOptional<T, K> extends true ? Json<Exclude<T[K], undefined>> | undefined : Json<T[K]>;

type IsOptional<T, K extends keyof T> = Record<never, never> extends Pick<T, K> ? true : false;

/**
 * Where and why `T` is not JSON, as text; never if it is. Looks at most 6 levels deep: only the text depends
 * on it.
 */
type Problem<T, Path extends string, Depth extends 0[] = []> = [T] extends [Json<T>]
  ? never
  : Depth["length"] extends 6
    ? `${Path} is not JSON`
    : T extends JsonPrimitive
      ? never
      : T extends NamedNonJson
        ? `${Path} ${Fault<T>}`
        : T extends readonly (infer Element)[]
          ? Problem<Element, `${Path}[]`, [...Depth, 0]>
          : T extends object
            ? ObjectProblem<T, Path, Depth>
            : `${Path} is not JSON`;

type ObjectProblem<T extends object, Path extends string, Depth extends 0[]> =
  HasMethod<T> extends true
    ? `${Path} has methods`
    : { [K in keyof T]-?: MemberProblem<T, K, Path, Depth> }[keyof T];

type MemberProblem<T, K extends keyof T, Path extends string, Depth extends 0[]> = K extends string | number
  ? Problem<IsOptional<T, K> extends true ? Exclude<T[K], undefined> : T[K], `${Path}.${K}`, [...Depth, 0]>
  : `${Path} has a symbol as a key`;

type HasMethod<T> = true extends { [K in keyof T]-?: T[K] extends AnyFunction ? true : false }[keyof T]
  ? true
  : false;

type Fault<T> = T extends bigint
  ? "is a bigint"
  : T extends symbol
    ? "is a symbol"
    : T extends Nothing
      ? "may be undefined (make it optional, or null)"
      : T extends AnyFunction
        ? "is a function"
        : T extends Date
          ? "is a Date"
          : T extends Error
            ? "is an Error"
            : T extends AnyMap
              ? "is a Map"
              : "is a Set";

/** What a schema is wanted to be that is refused: its only property has the reason for a name. */
type Refused<Reason extends string> = {
  readonly [R in Reason as `the input of this schema must be JSON: ${R}`]: never;
};

/** The schema if its input is JSON, otherwise a type that no schema has and that names what is not JSON. */
export type JsonInputSchema<S> = S extends StandardSchemaV1
  ? [StandardSchemaV1.InferInput<S>] extends [Json<StandardSchemaV1.InferInput<S>>]
    ? S
    : Refused<Problem<StandardSchemaV1.InferInput<S>, "data">>
  : never;

/** A catalog's schemas, each as {@link JsonInputSchema}. */
export type JsonInputSchemas<C> = { readonly [K in keyof C]: JsonInputSchema<C[K]> };
