/** Runs the steps of a case on its stage, and says which one failed and how. */

import type { Step } from "../case.js";
import { mismatch, show } from "../matching.js";
import { messageOf } from "../messages.js";
import { fill } from "../variables.js";
import { DriverError } from "./driver-process.js";
import { askDriver, isDriverVerb } from "./driver-verbs.js";
import type { Stage } from "./stage.js";
import { RUNNER_VERBS, serverTimeMs } from "./verbs.js";

/** How often a step that waits for its expectation asks again. */
const ASK_AGAIN_MS = 20;

/** A step that did not do what it should. */
export class StepError extends Error {
  override readonly name = "StepError";
}

type Outcome = { readonly reply: unknown } | { readonly error: unknown };

/** @throws {StepError} for the first step that fails. */
export async function runSteps(stage: Stage, steps: readonly Step[], deadline: number): Promise<void> {
  for (const [index, step] of steps.entries()) await runStep(stage, step, deadline, `step ${index + 1}`);
}

async function runStep(stage: Stage, step: Step, deadline: number, where: string): Promise<void> {
  if (step.verb === "together") {
    const steps = step.input as readonly Step[]; // load.ts has read them
    await Promise.all(steps.map((one, index) => runStep(stage, one, deadline, `${where}.${index + 1}`)));
    return;
  }
  if (step.verb === "repeat") {
    const { times, steps } = step.input as { times: number; steps: readonly Step[] }; // load.ts has read them
    for (let turn = 1; turn <= times; turn += 1) {
      stage.turn = turn;
      for (const [index, one] of steps.entries()) {
        await runStep(stage, one, deadline, `${where}.${index + 1}, turn ${turn}`);
      }
    }
    return;
  }
  const what = `${where}, ${step.verb}${step.on === "main" ? "" : ` on ${step.on}`}`;
  stage.at = what;
  for (;;) {
    stage.assertOpen();
    const outcome = await attempt(stage, step, deadline);
    const wrong = await judge(stage, step, outcome);
    if (wrong === undefined) return;
    if (!step.eventually || performance.now() + ASK_AGAIN_MS > deadline) {
      throw new StepError(`${what}: ${wrong}`);
    }
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
  }
}

async function attempt(stage: Stage, step: Step, deadline: number): Promise<Outcome> {
  try {
    const input = await filled(stage, step.input);
    if (isDriverVerb(step.verb)) return { reply: await askDriver(stage, step.verb, input, step.on) };
    const verb = RUNNER_VERBS[step.verb];
    if (verb === undefined) throw new TypeError(`there is no verb "${step.verb}"`);
    return { reply: await verb(Object(input), { stage, actor: step.on, deadline }, input) };
  } catch (error) {
    return { error };
  }
}

/** What is wrong with an outcome, or undefined. A reply that is as it should be is kept under its name. */
async function judge(stage: Stage, step: Step, outcome: Outcome): Promise<string | undefined> {
  if ("error" in outcome) {
    if (step.fails === undefined) return `it failed with ${showError(outcome.error)}`;
    const wanted = await filled(stage, step.fails);
    keep(stage, step, plain(outcome.error));
    return mismatch(wanted, plain(outcome.error), "the error");
  }
  if (step.fails !== undefined) return `it succeeded with ${show(outcome.reply)}, wanted ${show(step.fails)}`;
  keep(stage, step, outcome.reply);
  if (step.expect === undefined) return undefined;
  return mismatch(await filled(stage, step.expect), outcome.reply, "the reply");
}

function keep(stage: Stage, { as }: Step, value: unknown): void {
  if (as !== undefined) stage.kept.set(as, value);
}

/** The time costs a command, and few steps are about it. */
async function filled(stage: Stage, value: unknown): Promise<unknown> {
  const now = JSON.stringify(value ?? null).includes("${now") ? await serverTimeMs(stage.redis) : 0;
  return fill(value, stage.lookup(now));
}

function plain(error: unknown): unknown {
  if (error instanceof DriverError) return error.fields;
  return error instanceof Error ? { name: error.name, message: error.message } : error;
}

function showError(error: unknown): string {
  return error instanceof DriverError ? show(error.fields) : messageOf(error);
}
