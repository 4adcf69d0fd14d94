/**
 * The child's half: the process of one contender. It does what it is asked, measures itself while it runs, and ends
 * with the harness.
 *
 * Started by `parent.ts` alone, as compiled by `programs.ts`.
 */

import { type Contender, monotonicMs, type OpenContender } from "../contender.js";
import { profiled } from "./profile.js";
import type { Ran, Reply, Request } from "./protocol.js";
import { RoundTrips } from "./round-trips.js";

// Ctrl-C reaches the whole group of processes: the harness hears it too, and ends its children.
process.on("SIGINT", () => {});
process.on("disconnect", () => process.exit());
process.on("message", (request: Request) => {
  answer(request).then(reply, (error: unknown) => reply({ kind: "failed", error: textOf(error) }));
});

const roundTrips = new RoundTrips();
roundTrips.watch();
let contender: Contender | undefined;

function reply(message: Reply): void {
  // The harness may be gone by now; then so is this process, in a moment.
  process.send?.(message, undefined, undefined, () => {});
}

async function answer(request: Request): Promise<Reply> {
  if (request.kind === "open") {
    contender = await open(request);
    return { kind: "done" };
  }
  if (contender === undefined) throw new Error(`${request.kind}: nothing is open`);
  switch (request.kind) {
    case "run":
      return { kind: "ran", ran: await run(contender, request.events, request.profile) };
    case "fill":
    case "verify":
      await contender[request.kind]?.(request.events);
      return { kind: "done" };
    case "prepare":
      await contender.prepare?.();
      // What was made before, by filling for instance, is not to be collected while the clock runs.
      globalThis.gc?.();
      return { kind: "done" };
    default:
      await contender[request.kind]?.();
      return { kind: "done" };
  }
}

async function open({ module, setting, options }: Request & { readonly kind: "open" }): Promise<Contender> {
  // The plan has checked, by the module's own type, that it exports `open` and takes these options.
  const { open } = (await import(module)) as { readonly open: OpenContender<unknown> };
  return await open(setting, options);
}

async function run(contender: Contender, events: number, profile: string | undefined): Promise<Ran> {
  return await profiled(profile, async () => {
    roundTrips.take();
    const cpuBefore = process.cpuUsage();
    const startedAtMs = monotonicMs();
    const outcome = await contender.run(events);
    const endedAtMs = monotonicMs();
    const { user, system } = process.cpuUsage(cpuBefore);
    return { endedAtMs, ...outcome, startedAtMs, cpuUs: user + system, roundTrips: roundTrips.take() };
  });
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
