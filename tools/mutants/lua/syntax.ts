/** Lua 5.1 as a tree: what `parse.ts` makes of a file. Every node knows where in the text it stands. */

/** A stretch of the source text. */
export interface Extent {
  /** Offset of the first character. */
  readonly start: number;
  /** Offset behind the last character. */
  readonly end: number;
}

export type Expression =
  | Literal
  | Name
  | Index
  | Call
  | Binary
  | Unary
  | Group
  | Table
  | (Extent & { readonly kind: "function"; readonly body: Block });

/** A string, number, `nil`, `true`, `false` or `...`, as it is written. */
export interface Literal extends Extent {
  readonly kind: "literal";
  readonly text: string;
}

export interface Name extends Extent {
  readonly kind: "name";
  readonly text: string;
}

/** `object.key` or `object[key]`; a name behind a dot is a literal in quotes. */
export interface Index extends Extent {
  readonly kind: "index";
  readonly object: Expression;
  readonly key: Expression;
}

export interface Call extends Extent {
  readonly kind: "call";
  readonly callee: Expression;
  readonly args: readonly Expression[];
}

export interface Binary extends Extent {
  readonly kind: "binary";
  readonly operator: string;
  readonly left: Expression;
  readonly right: Expression;
}

export interface Unary extends Extent {
  readonly kind: "unary";
  readonly operator: string;
  readonly operand: Expression;
}

/** In parentheses. */
export interface Group extends Extent {
  readonly kind: "group";
  readonly inner: Expression;
}

export interface Table extends Extent {
  readonly kind: "table";
  /** Keys in brackets as well as values. */
  readonly parts: readonly Expression[];
}

export type Block = readonly Statement[];

export type Statement =
  | (Extent & { readonly kind: "call"; readonly call: Call })
  | (Extent & { readonly kind: "assign"; readonly parts: readonly Expression[]; readonly local: boolean })
  | (Extent & { readonly kind: "if"; readonly arms: readonly Arm[]; readonly otherwise: Block })
  | (Extent & { readonly kind: "while" | "repeat"; readonly condition: Expression; readonly body: Block })
  | (Extent & { readonly kind: "for"; readonly bounds: readonly Expression[]; readonly body: Block })
  | (Extent & { readonly kind: "function"; readonly name: string; readonly body: Block })
  | (Extent & { readonly kind: "return"; readonly values: readonly Expression[] })
  | (Extent & { readonly kind: "do"; readonly body: Block })
  | (Extent & { readonly kind: "break" });

/** `if` or `elseif`, up to the next one. */
export interface Arm {
  readonly condition: Expression;
  readonly body: Block;
}

/** `redis.call` of that expression, `nil` if it is no plain path of names. */
export function pathOf(expression: Expression): string | undefined {
  if (expression.kind === "name") return expression.text;
  if (expression.kind !== "index") return undefined;
  const object = pathOf(expression.object);
  const key = stringOf(expression.key);
  return object === undefined || key === undefined ? undefined : `${object}.${key}`;
}

/** The text of a quoted string without escapes, else undefined. */
export function stringOf(expression: Expression | undefined): string | undefined {
  if (expression?.kind !== "literal") return undefined;
  return /^(["'])([^\\]*)\1$/s.exec(expression.text)?.[2];
}
