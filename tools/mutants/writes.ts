/**
 * Every write of a Lua file: each command that changes something in Redis, and each call, as a statement, of a
 * function that runs such a command.
 */
import { parseModule } from "../../packages/lua-scripts/build/module.js";
import { type LuaFile, SourceError } from "../../packages/lua-scripts/build/source-error.js";
import { type Block, type Call, type Expression, type Extent, pathOf, stringOf } from "./lua/syntax.js";
import { walkBlock } from "./lua/walk.js";

/** A file and what is in it. */
export interface ParsedFile {
  readonly file: LuaFile;
  readonly body: Block;
}

/** A call that writes. */
export interface Write extends Extent {
  /** What stands for its answer when it is not made; undefined for a statement, whose answer nobody uses. */
  readonly answer?: string;
}

const WRITES: ReadonlySet<string> = new Set(
  (
    "HDEL HINCRBY HSET PEXPIREAT SADD SREM UNLINK XACK XADD XCLAIM XDEL XGROUP XREADGROUP XTRIM " +
    "ZADD ZREM"
  ).split(" "),
);
const READS: ReadonlySet<string> = new Set(
  (
    "HGET HGETALL HLEN HMGET HSCAN MEMORY SCARD SMISMEMBER TIME TYPE XINFO XLEN XPENDING XRANGE XREVRANGE " +
    "ZCARD ZRANGE ZRANGEBYSCORE ZSCORE"
  ).split(" "),
);
/** What a write would answer that did what it was sent for. */
const ANSWERS: ReadonlyMap<string, string> = new Map([
  ["XADD", '"1-1"'],
  ["XDEL", "1"],
  ["XTRIM", "0"],
]);

type Command = { readonly kind: "read" | "computed" } | { readonly kind: "write"; readonly name: string };

/** What a call does in Redis by itself; undefined for one of another function. */
function commandOf(file: LuaFile, call: Call): Command | undefined {
  const callee = pathOf(call.callee);
  if (callee !== "redis.call" && callee !== "redis.pcall") return undefined;
  const name = stringOf(call.args[0]);
  if (name === undefined) return { kind: "computed" };
  if (WRITES.has(name)) return { kind: "write", name };
  if (READS.has(name)) return { kind: "read" };
  return refuse(file, call.start, `whether "${name}" writes is not known: add it to tools/mutants/writes.ts`);
}

/**
 * A command that is not spelt out writes if nobody asks for its answer: `chunks.call`, unlike `chunks.ask`.
 */
function writesItself(file: LuaFile, call: Call, asStatement: boolean): boolean {
  const kind = commandOf(file, call)?.kind;
  return kind === "write" || (kind === "computed" && asStatement);
}

/** The names, `include.function` or `file.function`, of all functions that write. */
export function writersAmong(files: readonly ParsedFile[]): ReadonlySet<string> {
  const functions = files.flatMap(functionsOf);
  const writers = new Set(functions.filter((it) => it.writes).map((it) => it.name));
  for (let before = -1; before < writers.size; ) {
    before = writers.size;
    for (const { name, calls } of functions) if (calls.some((call) => writers.has(call))) writers.add(name);
  }
  return writers;
}

interface LuaFunction {
  readonly name: string;
  readonly writes: boolean;
  /** Full names of what it calls. */
  readonly calls: readonly string[];
}

function functionsOf({ file, body }: ParsedFile): readonly LuaFunction[] {
  const found: LuaFunction[] = [];
  const fullName = namesIn({ file, body });
  walkBlock(body, {
    statement(statement) {
      if (statement.kind !== "function") return;
      const calls: string[] = [];
      let writes = false;
      walkBlock(statement.body, {
        statement(inner) {
          if (inner.kind === "call" && writesItself(file, inner.call, true)) writes = true;
        },
        expression(inner) {
          if (inner.kind !== "call") return;
          if (writesItself(file, inner, false)) writes = true;
          const callee = pathOf(inner.callee);
          if (callee !== undefined) calls.push(fullName(callee));
        },
      });
      found.push({ name: fullName(statement.name), writes, calls });
    },
  });
  return found;
}

/** How a name in the file reads elsewhere: `group_state.join` is `group.join`, a local `expire` is `ring.expire`. */
function namesIn({ file, body }: ParsedFile): (path: string) => string {
  const aliases = new Map<string, string>();
  for (const { name, alias } of parseModule(file).requires) aliases.set(alias, name);
  const last = body.at(-1);
  const module = last?.kind === "return" && last.values[0] !== undefined ? pathOf(last.values[0]) : undefined;
  if (module !== undefined) aliases.set(module, file.name);
  return (path) => {
    const [first = "", ...rest] = path.split(".");
    if (rest.length === 0) return `${file.name}.${first}`;
    return [aliases.get(first) ?? `${file.name}.${first}`, ...rest].join(".");
  };
}

/** @param writers what `writersAmong` found in all files that the file includes */
export function writesIn(parsed: ParsedFile, writers: ReadonlySet<string>): readonly Write[] {
  const { file, body } = parsed;
  const fullName = namesIn(parsed);
  const callsWriter = (call: Call): boolean => writers.has(fullName(pathOf(call.callee) ?? ""));
  const found: Write[] = [];
  /** Calls that were dealt with as statements. */
  const statements = new Set<Expression>();

  walkBlock(body, {
    statement(statement) {
      if (statement.kind === "call") {
        const { call } = statement;
        if (!writesItself(file, call, true) && !callsWriter(call)) return;
        statements.add(call);
        found.push({ start: call.start, end: call.end });
      } else if (statement.kind === "return") {
        const [value] = statement.values;
        if (value?.kind === "call" && callsWriter(value)) {
          found.push({ start: value.start, end: value.end, answer: "nil" });
        }
      }
    },
    expression(expression) {
      if (expression.kind !== "call" || statements.has(expression)) return;
      const command = commandOf(file, expression);
      if (command?.kind !== "write") return;
      found.push({
        start: expression.start,
        end: expression.end,
        answer: answerOf(file, expression, command.name),
      });
    },
  });
  return found;
}

function answerOf(file: LuaFile, { start }: Extent, command: string): string {
  const answer = ANSWERS.get(command);
  return (
    answer ??
    refuse(file, start, `the answer of ${command} is used: say in tools/mutants/writes.ts what it may be`)
  );
}

function refuse(file: LuaFile, at: number, problem: string): never {
  throw new SourceError(file.path, file.text.slice(0, at).split("\n").length, problem);
}
