/**
 * The events of an agentic software life cycle: sessions in which agents work, tasks, gates at which somebody
 * has to agree, and the patches that come of it. What a git history has to do with them is in `history.ts`.
 */
import { defineEvents, type EventInput, type EventType } from "@sluice/node";
import { z } from "zod";

/**
 * What every event of the life cycle says. Defaults are filled in for handlers; what is stored is what was
 * given.
 */
const lifeCycle = z.object({
  /** The session that the event happened in. */
  session_id: z.string().regex(/\S/, "must not be blank"),
  /** The larger undertaking that the task belongs to. */
  epic_id: z.string().optional(),
  task_id: z.string().optional(),
  git_sha: z.string().optional(),
  /** Files that the event is about. */
  artifact_paths: z.array(z.string()).default([]),
  /** `rlm`: a recursive language model, for work that is too much for one context. */
  mode: z.enum(["normal", "rlm"]).default("normal"),
  metadata: z.record(z.string(), z.json()).optional(),
});

export const events = defineEvents({
  session_started: lifeCycle,
  session_completed: lifeCycle,
  task_created: lifeCycle,
  task_dispatched: lifeCycle,
  task_completed: lifeCycle,
  task_failed: lifeCycle,
  gate_requested: lifeCycle,
  gate_approved: lifeCycle,
  gate_rejected: lifeCycle,
  gate_expired: lifeCycle,
  agent_started: lifeCycle,
  agent_completed: lifeCycle,
  agent_error: lifeCycle,
  patch_created: lifeCycle,
  patch_applied: lifeCycle,
  patch_rejected: lifeCycle,
});

export type LifeCycleSchemas = typeof events.schemas;
export type LifeCycleType = EventType<LifeCycleSchemas>;
/** The data of an event, as it is published. */
export type LifeCycleInput = EventInput<LifeCycleSchemas, LifeCycleType>;
