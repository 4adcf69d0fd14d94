/** Goes through a tree of Lua, every statement and expression in the order they are written. */
import type { Block, Expression, Statement } from "./syntax.js";

export interface Visitor {
  readonly statement?: (statement: Statement) => void;
  readonly expression?: (expression: Expression) => void;
}

export function walkBlock(block: Block, visitor: Visitor): void {
  for (const statement of block) {
    visitor.statement?.(statement);
    for (const expression of expressionsOf(statement)) walkExpression(expression, visitor);
    for (const inner of blocksOf(statement)) walkBlock(inner, visitor);
  }
}

export function walkExpression(expression: Expression, visitor: Visitor): void {
  visitor.expression?.(expression);
  if (expression.kind === "function") walkBlock(expression.body, visitor);
  for (const part of partsOf(expression)) walkExpression(part, visitor);
}

/** The expressions that stand in the statement itself, not in its blocks. */
export function expressionsOf(statement: Statement): readonly Expression[] {
  switch (statement.kind) {
    case "call":
      return [statement.call];
    case "assign":
      return statement.parts;
    case "if":
      return statement.arms.map((arm) => arm.condition);
    case "while":
    case "repeat":
      return [statement.condition];
    case "for":
      return statement.bounds;
    case "return":
      return statement.values;
    default:
      return [];
  }
}

export function blocksOf(statement: Statement): readonly Block[] {
  if (statement.kind === "if") return [...statement.arms.map((arm) => arm.body), statement.otherwise];
  return "body" in statement ? [statement.body] : [];
}

/** What an expression is made of; nothing for a function, whose body is a block. */
export function partsOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case "index":
      return [expression.object, expression.key];
    case "call":
      return [expression.callee, ...expression.args];
    case "binary":
      return [expression.left, expression.right];
    case "unary":
      return [expression.operand];
    case "group":
      return [expression.inner];
    case "table":
      return expression.parts;
    default:
      return [];
  }
}
