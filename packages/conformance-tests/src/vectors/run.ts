/** Runs a vector against a server: on keys of its own names, which are removed afterwards. */
import { allScripts, type Script } from "@sluice/lua-scripts";
import { mismatch, show } from "../matching.js";
import { evaluate, type Replacements, type VectorConnection, type Word } from "./connection.js";
import type {
  BadArgument,
  CallStep,
  RedisStep,
  RefusesStep,
  Vector,
  VectorStep,
  Words,
  WrongTypesStep,
} from "./format.js";
import { changedKeys, type Snapshot, snapshot } from "./unchanged.js";
import { numbersIn, textsIn, VectorValues } from "./values.js";

/** A user who exists for one vector. */
export interface VectorUser {
  readonly connection: VectorConnection;
  /** Closes the connection and deletes the user. */
  remove(): Promise<void>;
}

export interface RunOptions {
  readonly redis: VectorConnection;
  /** Makes a name that nothing else has, of a prefix: `uniqueName` of @sluice/test-server. */
  readonly names: (prefix: string) => string;
  readonly scripts?: Replacements;
  /** Makes a user with these rules, as ACL SETUSER takes them. Only vectors that need `users` ask for one. */
  readonly users?: (rules: readonly string[]) => Promise<VectorUser>;
}

/** @throws {VectorFailure} naming the step, what was sent, what came and what was wanted. */
export async function runVector(vector: Vector, options: RunOptions): Promise<void> {
  const run = await VectorRun.begin(vector, options);
  try {
    for (const [at, step] of vector.steps.entries()) await run.step(step, at + 1);
  } finally {
    await run.end();
  }
}

/** The server did something else than the vector promises. */
export class VectorFailure extends Error {
  override readonly name = "VectorFailure";
}

/** What a server answered: a reply with texts for bytes, or the text of its error. */
type Answer = { readonly reply: unknown } | { readonly error: string };

class VectorRun {
  readonly #vector: Vector;
  readonly #script: Script;
  readonly #redis: VectorConnection;
  readonly #user: VectorUser | undefined;
  readonly #scripts: Replacements | undefined;
  readonly #values: VectorValues;
  #at = 0;

  private constructor(
    vector: Vector,
    options: RunOptions,
    values: VectorValues,
    user: VectorUser | undefined,
  ) {
    const script = allScripts.find(({ name }) => name === vector.script);
    if (script === undefined) throw new TypeError(`run ${vector.id}: there is no script "${vector.script}"`);
    this.#vector = vector;
    this.#script = script;
    this.#redis = options.redis;
    this.#scripts = options.scripts;
    this.#values = values;
    this.#user = user;
  }

  static async begin(vector: Vector, options: RunOptions): Promise<VectorRun> {
    const [seconds, micros] = (await options.redis.callBuffer("TIME")) as [unknown, unknown]; // TIME's reply
    const now = Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
    const values = new VectorValues(options.names("vector"), now);
    if (vector.user === undefined) return new VectorRun(vector, options, values, undefined);
    if (options.users === undefined) throw new TypeError(`run ${vector.id}: it needs a way to make users`);
    return new VectorRun(vector, options, values, await options.users(vector.user));
  }

  async end(): Promise<void> {
    try {
      await this.#user?.remove();
    } finally {
      // One by one: no more is asked of a server, or of a Cluster, than that a key can be unlinked.
      await Promise.all(this.#values.keys.map((key) => this.#redis.callBuffer("UNLINK", key)));
    }
  }

  async step(step: VectorStep, at: number): Promise<void> {
    this.#at = at;
    switch (step.kind) {
      case "redis":
        return await this.#redisStep(step);
      case "call":
        for (let i = 1; i <= step.times; i++) await this.#callStep(step, i);
        return;
      case "refuses":
        return await this.#refusesStep(step);
      case "wrongTypes":
        return await this.#wrongTypesStep(step);
    }
  }

  async #redisStep({ command, times, reply, as }: RedisStep): Promise<void> {
    const sent = Array.from({ length: times }, (_, n) => this.#values.words(command, n + 1));
    const answers = await Promise.all(
      sent.map(([name = "", ...args]) => answerOf(this.#redis.callBuffer(String(name), ...args))),
    );
    for (const [n, answer] of answers.entries()) {
      if ("error" in answer) this.#fail(sent[n], `the error ${answer.error}`);
      const found = numbersIn(answer.reply);
      const difference =
        reply === undefined
          ? undefined
          : mismatch(numbersIn(this.#values.expectation(reply)), found, "the reply");
      if (difference !== undefined) this.#fail(sent[n], difference);
      if (as !== undefined) this.#values.keep(as, answer.reply);
    }
  }

  async #callStep({ args, keys, outcome, as, byUser, unchanged }: CallStep, i: number): Promise<void> {
    const before = unchanged ? await this.#snapshot() : undefined;
    const answer = await this.#call(args, { roles: keys, byUser, i });
    this.#compare(args, outcome, answer);
    if (before) await this.#expectUnchanged(before, args);
    if (as !== undefined && "reply" in answer) this.#values.keep(as, answer.reply);
  }

  async #refusesStep({ calls }: RefusesStep): Promise<void> {
    const before = await this.#snapshot();
    const answers = await Promise.all(calls.map(({ args }) => this.#call(args)));
    for (const [n, { args, error }] of calls.entries()) {
      const text = "text" in error ? error.text : badArgumentError(error, this.#values.words(args)[error.at]);
      this.#compare(args, { error: text }, answers[n] ?? { error: "none" });
    }
    await this.#expectUnchanged(
      before,
      calls.flatMap(({ args }) => args),
    );
  }

  async #wrongTypesStep({ args, types }: WrongTypesStep): Promise<void> {
    for (const [role, type] of types) {
      const key = this.#values.key(role);
      if (key === undefined) throw new TypeError(`run ${this.#vector.id}: there is no key "${role}"`);
      const kept = await this.#redis.callBuffer("DUMP", key);
      await this.#redis.callBuffer("SET", key, "a string");
      const before = await this.#snapshot();
      this.#compare(args, { reply: ["WRONGTYPE", key, "string", type] }, await this.#call(args));
      await this.#expectUnchanged(before, args);
      await this.#redis.callBuffer("UNLINK", key);
      if (kept instanceof Uint8Array) await this.#redis.callBuffer("RESTORE", key, "0", Buffer.from(kept));
    }
  }

  async #call(
    args: Words,
    how: {
      readonly roles?: readonly string[] | undefined;
      readonly byUser?: boolean;
      readonly i?: number;
    } = {},
  ): Promise<Answer> {
    const words = this.#values.words(args, how.i);
    const keys = (how.roles ?? this.#rolesFor(words.map(String))).map((role) => {
      return this.#values.key(role) ?? this.#fail(args, `there is no key "${role}"`);
    });
    const connection = how.byUser && this.#user ? this.#user.connection : this.#redis;
    return await answerOf(evaluate(connection, this.#script, keys, words, this.#scripts));
  }

  /** The script's keys; where it has keys of each group, its arguments are the groups. */
  #rolesFor(groups: readonly string[]): readonly string[] {
    const { keys, groupKeys } = this.#script;
    if (groupKeys.length === 0) return keys;
    return [...keys, ...groups.flatMap((group) => groupKeys.map((role) => `${group}/${role}`))];
  }

  #compare(args: Words, wanted: CallStep["outcome"], answer: Answer): void {
    if ("reply" in wanted) {
      if ("error" in answer) this.#fail(args, `the error ${answer.error}, wanted a reply`);
      const difference = mismatch(this.#values.expectation(wanted.reply), answer.reply, "the reply");
      if (difference !== undefined) this.#fail(args, difference);
      return;
    }
    if ("reply" in answer) this.#fail(args, `the reply ${show(answer.reply)}, wanted an error`);
    const difference = mismatch(this.#values.expectation(wanted.error), answer.error, "the error");
    if (difference !== undefined) this.#fail(args, difference);
  }

  async #snapshot(): Promise<Snapshot> {
    return await snapshot(this.#redis, this.#values.keys);
  }

  async #expectUnchanged(before: Snapshot, args: Words): Promise<void> {
    const changed = changedKeys(before, await this.#snapshot());
    if (changed.length > 0)
      this.#fail(args, `these keys were written, and nothing may be: ${changed.join(", ")}`);
  }

  #fail(sent: Words | undefined, difference: string): never {
    throw new VectorFailure(
      `${this.#vector.id} (${this.#vector.title}), step ${this.#at}, ${show(sent)}: ${difference}`,
    );
  }
}

/** How every script refuses an argument: the value is shown so that it can break no line and no terminal. */
function badArgumentError({ field, wanted }: BadArgument, value: Word = ""): string {
  const bytes = [...Buffer.from(value).subarray(0, 80)];
  const shown = bytes.map((byte) => (byte < 32 || byte > 126 ? "?" : String.fromCharCode(byte))).join("");
  return `SLUICE_BADARG ${field} '${shown}': ${wanted}`;
}

/** Only what the server itself answers counts: a lost connection is no answer. */
async function answerOf(sent: Promise<unknown>): Promise<Answer> {
  try {
    return { reply: textsIn(await sent) };
  } catch (error) {
    if (error instanceof Error && error.name === "ReplyError") return { error: error.message };
    throw error;
  }
}
