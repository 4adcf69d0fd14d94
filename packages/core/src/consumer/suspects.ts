/**
 * One suspect at a time in a process. A suspect is an entry whose run died and that has one attempt left: while it runs,
 * nothing fresh runs beside it, and what the process then dies of is counted to it alone.
 *
 * A process dies as a whole, so all of its consumers have to know: those of other buses, groups and tenants, and those
 * of another copy of this package. So what they share hangs on `globalThis` (`context.ts` has the same exception to "no
 * module state"). The number in its name is that of its shape: `Shared` and `Neighbour` never change under it.
 */
import { clearTimeout, performance, setTimeout, sleep } from "../timing.js";

const SHARED = Symbol.for("sluice.suspect/1");

/**
 * How long nothing fresh runs beside a suspect that begins, and how long whatever runs has to have run by then, in
 * milliseconds: an innocent event that takes less than this is never taken for one that kills its process.
 */
const BOUND_MS = 1_000;

/** How often it is looked whether what runs has ended, in milliseconds. */
const LOOK_MS = 10;

/** A consumer that runs in this process, as the others see it. */
export interface Neighbour {
  /** By performance.now(): when the latest of its attempts that run was begun; undefined if none runs. */
  latestBegun(): number | undefined;
  /** Records what the record has to say of suspects now. Resolves when the server has it, or cannot be reached. */
  record(): Promise<unknown>;
  /** Nothing holds it up any more. */
  goOn(): void;
}

interface Shared {
  readonly neighbours: Set<Neighbour>;
  /** Whose suspect runs, or is about to. */
  holder: Neighbour | undefined;
  /** Nothing may begin. */
  holding: boolean;
  /** It has begun, or is about to: what the process dies of is counted to it. */
  running: boolean;
  /** By performance.now(): the process has worked for as long as it was held up, and may be held up again. */
  restedAt: number;
}

function shared(): Shared {
  const found: unknown = Reflect.get(globalThis, SHARED);
  // The symbol is ours, and only this function puts a value there.
  if (found !== undefined) return found as Shared;
  const made: Shared = {
    neighbours: new Set(),
    holder: undefined,
    holding: false,
    running: false,
    restedAt: Number.NEGATIVE_INFINITY,
  };
  Object.defineProperty(globalThis, SHARED, { value: made });
  return made;
}

/** What one consumer, or one worker of many groups, sees of it. */
export class Suspects {
  private readonly shared = shared();
  /** The one that runs, or is about to: where it is in flight, and its ID. */
  private suspect: { readonly of: object; readonly id: string } | undefined;
  private heldMs = 0;

  constructor(private readonly me: Neighbour) {}

  join(): void {
    this.shared.neighbours.add(this.me);
  }

  /** Also ends what this consumer holds. */
  leave(): void {
    this.shared.neighbours.delete(this.me);
    this.end();
  }

  /** Whether nothing may begin. */
  get holding(): boolean {
    return this.shared.holding;
  }

  /** What the record of a group says of suspects; `of` is where its entries are in flight. */
  mark(of: object): string {
    return this.suspect?.of === of ? this.suspect.id : this.shared.running ? "-" : "";
  }

  /** Takes the process's place for a suspect, unless it is taken, or the process has yet to work as it usually does. */
  take(): boolean {
    const { shared } = this;
    if (shared.holder !== undefined || performance.now() < shared.restedAt) return false;
    shared.holder = this.me;
    this.heldMs = 0;
    return true;
  }

  /**
   * Lets nothing begin, and waits until whatever runs in the process has run for so long that it is none of those that
   * kill their process at once: beside those, a suspect would be taken for what they do. Ends at once if it is `over`.
   */
  async calm(over: () => boolean): Promise<void> {
    const { shared } = this;
    const from = performance.now();
    shared.holding = true;
    while (!over()) {
      const latest = Math.max(...[...shared.neighbours].map((one) => one.latestBegun() ?? 0));
      const leftMs = latest + BOUND_MS - performance.now();
      if (latest === 0 || leftMs <= 0) break;
      await sleep(Math.min(leftMs, LOOK_MS));
    }
    this.heldMs += performance.now() - from;
  }

  /** The suspect is leased. Resolves once every record tells of it, so that it may begin. */
  async announce(of: object, id: string): Promise<void> {
    const { shared } = this;
    this.suspect = { of, id };
    shared.running = true;
    const from = performance.now();
    // A server that one of them cannot reach keeps nobody waiting for longer than that.
    await Promise.race([Promise.all([...shared.neighbours].map((one) => one.record())), sleep(BOUND_MS)]);
    this.heldMs += performance.now() - from;
  }

  /** Resolves when something fresh may run beside the suspect, which has begun; or it is `over`. */
  async begun(over: Promise<void>): Promise<void> {
    const from = performance.now();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const bound = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, BOUND_MS);
    });
    await Promise.race([over, bound]);
    clearTimeout(timer);
    this.heldMs += performance.now() - from;
    if (this.shared.holder === this.me) this.letGo();
  }

  /** There is no suspect, or it is settled. */
  end(): void {
    const { shared } = this;
    if (shared.holder !== this.me) return;
    shared.holder = undefined;
    shared.running = false;
    this.suspect = undefined;
    shared.restedAt = performance.now() + this.heldMs;
    for (const one of shared.neighbours) void one.record();
    this.letGo();
  }

  private letGo(): void {
    if (!this.shared.holding) return;
    this.shared.holding = false;
    for (const one of this.shared.neighbours) one.goOn();
  }
}
