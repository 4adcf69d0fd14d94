/**
 * Every condition of a Lua file: what an `if`, `elseif`, `while` or `until` asks, each operand of its `and` and
 * `or`, what stands left of an `and` elsewhere (`x and a or b`), and comparisons whose answer is kept.
 */
import type { Block, Expression } from "./lua/syntax.js";
import { blocksOf, expressionsOf, partsOf } from "./lua/walk.js";

const COMPARISONS: ReadonlySet<string> = new Set(["==", "~=", "<", "<=", ">", ">="]);

export function conditionsIn(block: Block): readonly Expression[] {
  return block.flatMap((statement) => {
    const asked = "arms" in statement || "condition" in statement;
    const own = expressionsOf(statement).flatMap((part) => (asked ? ofTruth(part) : ofValue(part)));
    return [...own, ...blocksOf(statement).flatMap(conditionsIn)];
  });
}

/** Of an expression that is only asked whether it holds: itself, and the conditions that it is made of. */
function ofTruth(expression: Expression): readonly Expression[] {
  const within = operandsOf(expression);
  const inside = within.length > 0 ? within.flatMap(ofTruth) : partsOf(expression).flatMap(ofValue);
  return expression.kind === "group" ? inside : [expression, ...withoutDouble(expression, inside)];
}

/** Of an expression whose value is used. */
function ofValue(expression: Expression): readonly Expression[] {
  if (expression.kind === "function") return conditionsIn(expression.body);
  if (expression.kind === "binary") {
    const { operator, left, right } = expression;
    if (operator === "and") return [...ofTruth(left), ...ofValue(right)];
    if (COMPARISONS.has(operator)) return [expression, ...ofValue(left), ...ofValue(right)];
  }
  if (expression.kind === "unary" && expression.operator === "not") return ofTruth(expression);
  return partsOf(expression).flatMap(ofValue);
}

/** The parts of which the truth of the whole follows: operands of `and` and `or`, what is in parentheses or denied. */
function operandsOf(expression: Expression): readonly Expression[] {
  if (expression.kind === "group") return [expression.inner];
  if (expression.kind === "unary" && expression.operator === "not") return [expression.operand];
  const joins =
    expression.kind === "binary" && (expression.operator === "and" || expression.operator === "or");
  return joins ? chainOf(expression, expression.operator) : [];
}

/** `a`, `b` and `c` of `a and b and c`. */
function chainOf(expression: Expression, operator: string): readonly Expression[] {
  if (expression.kind !== "binary" || expression.operator !== operator) return [expression];
  return [...chainOf(expression.left, operator), ...chainOf(expression.right, operator)];
}

/** Without what is denied as a whole: to negate `x` in `not x` is to negate `not x`. */
function withoutDouble(expression: Expression, inside: readonly Expression[]): readonly Expression[] {
  if (expression.kind !== "unary" || expression.operator !== "not") return inside;
  let denied = expression.operand;
  while (denied.kind === "group") denied = denied.inner;
  return inside.filter((part) => part !== denied);
}
