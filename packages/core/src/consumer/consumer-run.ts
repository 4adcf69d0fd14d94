/**
 * One run of a consumer, from opening the group to giving back what is left: its loop, its blocking connection, its
 * heartbeats and its recovery passes.
 */
import { extendCall, extendReply } from "@sluice/lua-scripts";
import { type Connection, command, evaluate } from "../connection.js";
import { ConsumerStoppedError, LeaseLostError, SluiceError, SupersededError } from "../errors.js";
import { clearInterval, clearTimeout, jittered, performance, setInterval, setTimeout } from "../timing.js";
import { entryFrom } from "./entry.js";
import { Loop, type LoopParts } from "./loop.js";
import { MAINTENANCE_INTERVAL_MS, maintain, retireSelf } from "./maintenance.js";
import type { Recovery } from "./recovery.js";
import { Watchdog } from "./watchdog.js";

/** Bounds of the time between two recovery passes of a running consumer, in milliseconds; a quarter of the lease within them. */
const RECOVERY_INTERVAL_MS = { min: 50, max: 30_000 };
/**
 * An older process of the same name may be given entries by the read that it waits in, until it looks at what is due
 * and finds itself superseded. What it was given is taken back after this time, in milliseconds.
 */
const TAKEOVER_MS = 1_000;
/** Own pending entries looked for when a consumer stops. */
const LEFTOVERS = 1_000;

export type ConsumerRunParts = Omit<LoopParts, "blocking">;

export class ConsumerRun {
  readonly loop: Loop;
  /** What the first recovery did. Rejects with what has ended it; nobody has to listen. */
  readonly recovery: Promise<Recovery>;
  readonly watchdog: Watchdog;
  private recovered: (recovery: Recovery) => void = () => {};
  private notRecovered: (error: unknown) => void = () => {};
  private readonly blocking: Connection | undefined;
  private readonly stopListening: () => void;
  private heartbeat: ReturnType<typeof setInterval> | undefined;
  private recoveryTimer: ReturnType<typeof setTimeout> | undefined;
  private maintenanceTimer: ReturnType<typeof setTimeout> | undefined;
  private opened = false;
  private ending: Promise<void> | undefined;

  constructor(
    private readonly parts: ConsumerRunParts,
    incarnation: string,
    blocks: boolean,
  ) {
    this.blocking = blocks ? parts.connection.duplicate() : undefined;
    this.loop = new Loop({ ...parts, blocking: this.blocking }, incarnation);
    this.recovery = new Promise((resolve, reject) => {
      this.recovered = resolve;
      this.notRecovered = reject;
    });
    this.recovery.catch(() => {});
    this.watchdog = this.makeWatchdog();
    const stops = [parts.connection, this.blocking].map((connection) =>
      connection?.onReconnect(() => {
        this.loop.recordAgain();
        this.loop.recover(false).catch(() => {});
      }),
    );
    // A newer process has the name, or a newer protocol the stream: nothing is left to do here.
    this.loop.watch(() => {
      if (this.loop.error !== undefined) void this.end(0);
    });
    this.stopListening = () => {
      for (const stop of stops) stop?.();
    };
  }

  /** Opens the group, and begins to take back everything due, own or stale: before anything new is read. */
  async start(): Promise<void> {
    const { settings } = this.parts;
    try {
      await this.loop.open("TAKE");
      this.opened = true;
      await this.maintainOnce();
      if (this.stopping) throw new ConsumerStoppedError(settings);
    } catch (error) {
      this.notRecovered(error);
      await this.end(0);
      throw error;
    }
    const { leaseMs } = settings;
    this.heartbeat = setInterval(() => void this.beat(), Math.max(1, Math.floor(leaseMs / 3)));
    this.scheduleRecovery(settings.anonymous ? undefined : TAKEOVER_MS);
    this.scheduleMaintenance();
    this.watchdog.start();
    this.loop.recover(true).then(this.recovered, this.notRecovered);
  }

  /** Whether it has begun to end. */
  get stopping(): boolean {
    return this.ending !== undefined;
  }

  /**
   * Lets what runs end for up to `drainTimeoutMs`, then gives the rest back, due at once for others. Idempotent.
   */
  end(drainTimeoutMs: number): Promise<void> {
    this.ending ??= this.wind(drainTimeoutMs);
    return this.ending;
  }

  /** Resolves once `condition` holds; looks again whenever what is in hand changes, and after `everyMs`. */
  async until(condition: () => boolean | Promise<boolean>, everyMs: number): Promise<void> {
    while (!(await condition())) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(done, everyMs);
        const stop = this.loop.watch(done);
        function done() {
          clearTimeout(timer);
          stop();
          resolve();
        }
      });
    }
  }

  private async wind(drainTimeoutMs: number): Promise<void> {
    const { loop } = this;
    clearTimeout(this.recoveryTimer);
    clearTimeout(this.maintenanceTimer);
    this.stopListening();
    loop.drain();
    // Closing it is what ends a blocking read; what it may have delivered meanwhile is given back below.
    await this.blocking?.close();
    if (loop.error === undefined) {
      const deadline = performance.now() + drainTimeoutMs;
      const over = () => loop.error !== undefined || loop.drained || performance.now() >= deadline;
      await this.until(over, Math.max(1, Math.min(drainTimeoutMs, 50)));
    }
    await loop.finish();
    clearInterval(this.heartbeat);
    this.watchdog.stop();
    this.parts.observer.ended();
    const { group, consumer } = this.parts.settings;
    for (const attempt of loop.hand.running.values()) {
      attempt.abort(new ConsumerStoppedError({ group, consumer }));
    }
    if (this.opened && loop.error === undefined) await this.giveBack();
    if (this.opened && loop.error instanceof SupersededError) await this.handOver();
    loop.leave();
  }

  /** Another process has the name: what it took over, or is about to, did not die here. */
  private async handOver(): Promise<void> {
    try {
      await this.loop.release();
      await this.loop.forget();
    } catch (error) {
      this.parts.logger.warn("could not hand over to the newer process of the consumer's name", {
        err: error,
      });
    }
  }

  /** What is still in hand, and what Redis holds as ours though it never arrived. */
  private async giveBack(): Promise<void> {
    const { connection, keys, deadlineMs, logger, settings } = this.parts;
    try {
      const args = [keys.stream, settings.group, "-", "+", LEFTOVERS, settings.consumer];
      const pending = await command(connection, "XPENDING", args, { deadlineMs });
      const inHand = new Set(this.loop.hand.ids());
      // [[id, consumer, idle, deliveries], …]: the command's documented shape.
      for (const [id] of pending as [string][]) {
        if (!inHand.has(id)) this.loop.hand.prefetched.push(entryFrom(id, []));
      }
      const released = await this.loop.release();
      if (released > 0) logger.info("gave back what was not finished", { entries: released });
      await this.loop.noteLowWater();
      await this.loop.forget();
      if (settings.anonymous) await retireSelf(this.parts, this.loop.member);
    } catch (error) {
      // Others take it back once its lease is over.
      logger.warn("could not give back what was not finished", { err: error });
    }
  }

  private async beat(): Promise<void> {
    const { connection, keys, settings, deadlineMs } = this.parts;
    this.loop.recordAgain();
    const attempts = this.loop.leasedFor(settings.leaseMs / 6).slice(0, 1_000);
    if (attempts.length === 0) return;
    const asked = attempts.map(({ entry, token }) => ({ key: entry.key, token }));
    const sentAt = performance.now();
    try {
      const reply = extendReply(
        await evaluate(connection, extendCall(keys, this.loop.member, asked), { deadlineMs }),
      );
      if (reply.status !== "OK") return this.loop.look();
      for (const [at, attempt] of attempts.entries()) {
        if (reply.verdicts[at] === "EXTENDED") {
          attempt.leasedAt = sentAt;
        } else if (!attempt.lost && this.loop.hand.running.get(attempt.entry.id) === attempt) {
          // Two heartbeats may be under way at a time: it is lost once.
          attempt.lost = true;
          attempt.abort(
            new LeaseLostError({ group: settings.group, entryId: attempt.entry.id, attempt: attempt.number }),
          );
          this.parts.observer.leaseLost(attempt, undefined, "otherConsumer");
        }
      }
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
      this.parts.observer.sideCallFailed("heartbeat", error);
    }
  }

  private makeWatchdog(): Watchdog {
    const { settings, observer } = this.parts;
    const { handlerTimeoutMs, leaseMs } = settings;
    return new Watchdog({
      handlerTimeoutMs,
      leaseMs,
      running: this.loop.hand.running,
      expire: (attempt) => {
        if (handlerTimeoutMs === undefined) return;
        this.loop.expire(attempt, handlerTimeoutMs);
        observer.timedOut();
      },
      tell: (attempt) => observer.stuck(attempt),
    });
  }

  /** A length limit that was asked for holds from the start on, or the consumer does not start. */
  private async maintainOnce(): Promise<void> {
    try {
      await maintain(this.parts);
    } catch (error) {
      if (this.parts.settings.retention?.maxLength !== undefined) throw error;
      this.parts.observer.sideCallFailed("maintenance", error);
    }
  }

  private scheduleMaintenance(): void {
    this.maintenanceTimer = setTimeout(() => {
      this.maintainOnce().catch((error: unknown) => this.parts.observer.sideCallFailed("maintenance", error));
      this.scheduleMaintenance();
    }, jittered(MAINTENANCE_INTERVAL_MS));
  }

  private scheduleRecovery(withinMs = Number.POSITIVE_INFINITY): void {
    const { min, max } = RECOVERY_INTERVAL_MS;
    const everyMs = Math.min(Math.max(this.parts.settings.leaseMs / 4, min), max, withinMs);
    this.recoveryTimer = setTimeout(() => {
      this.loop.recover(false).catch(() => {});
      this.scheduleRecovery();
    }, jittered(everyMs));
  }
}
