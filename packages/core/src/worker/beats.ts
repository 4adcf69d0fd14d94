/**
 * Tells the other workers of the group that this one lives, and which tenants need help, and hears the same of them. Where
 * this Redis user may not, a worker counts as the only one: all of them listen to every tenant, which costs looks in vain.
 */
import { beatCall, beatReply, leaveCall, peerKeys, type ScriptCall } from "@sluice/lua-scripts";
import { type Connection, evaluate } from "../connection.js";
import { PermissionError, SluiceError } from "../errors.js";
import type { Logger } from "../logger.js";
import { refusalError } from "../refusals.js";
import { clearTimeout, jittered, performance, setTimeout } from "../timing.js";
import { type PeerChange, Peers } from "./peers.js";

/** How often a worker beats, and how often while some of its tenants need help, in milliseconds. */
const BEAT_MS = 2_000;
const HELP_MS = 250;
/** A group is young for this long, in milliseconds: tenants that are there may have been there before it. */
const YOUNG_MS = 60_000;

export interface BeatsParts {
  readonly connection: Connection;
  readonly deadlineMs: number;
  readonly stream: string;
  readonly group: string;
  readonly worker: string;
  readonly logger: Logger;
  /** Tenants that have had to wait for a slot for a while. */
  readonly needHelp: () => readonly string[];
  /** Whether there are slots to spare for tenants of others. */
  readonly hasSpare: () => boolean;
  readonly onPeers: (change: PeerChange) => void;
  readonly onHelp: (tenants: readonly string[]) => void;
}

export class Beats {
  readonly peers: Peers;
  /** Where workers ask for help. */
  readonly helpKey: string;
  /** When the group was born, by the server; undefined while it is not known. */
  private bornAt: number | undefined;
  private isYoung = true;
  private asked: readonly string[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  private beatAt = Number.NEGATIVE_INFINITY;
  private rang = false;
  private isForbidden = false;
  private isStopped = false;

  constructor(private readonly parts: BeatsParts) {
    this.peers = new Peers(parts.worker);
    this.helpKey = peerKeys(parts.stream, parts.group).help;
  }

  /** Beats for the first time, and from then on. Never rejects. */
  async start(): Promise<void> {
    await this.beat();
    this.schedule();
  }

  /**
   * Whether a tenant without a group may have been there when the group was born, so that `startFrom: "$"` is about it:
   * what came later is new to the group as a whole.
   */
  mayPrecede(lastSeenAt: Date | undefined): boolean {
    if (this.bornAt === undefined) return true;
    return this.isYoung && !(lastSeenAt !== undefined && lastSeenAt.getTime() > this.bornAt);
  }

  private schedule(): void {
    if (this.isStopped || this.isForbidden) return;
    this.timer = setTimeout(() => void this.look(), HELP_MS);
  }

  private async look(): Promise<void> {
    const isTime = performance.now() - this.beatAt >= BEAT_MS - HELP_MS / 2;
    const { needHelp, hasSpare } = this.parts;
    const mayHelp = this.rang && hasSpare();
    if (isTime || mayHelp || this.asked.length > 0 || needHelp().length > 0) await this.beat();
    this.schedule();
  }

  private async beat(): Promise<void> {
    const { stream, group, worker, needHelp, hasSpare, logger } = this.parts;
    this.beatAt = performance.now();
    const needs = needHelp();
    const helped = this.asked.filter((tenant) => !needs.includes(tenant));
    const call = beatCall(peerKeys(stream, group), { worker, spare: hasSpare(), needHelp: needs, helped });
    try {
      const reply = beatReply(await this.send(call));
      if (reply.status !== "OK") throw refusalError("beat", reply, { stream, group, consumer: worker });
      if (this.isStopped) return;
      this.asked = needs;
      this.bornAt = reply.born;
      this.isYoung = reply.born === undefined || reply.now - reply.born < YOUNG_MS;
      const change = this.peers.update(reply.workers);
      if (change !== undefined) this.parts.onPeers(change);
      if (reply.needHelp.length > 0) this.parts.onHelp(reply.needHelp);
    } catch (error) {
      if (this.isStopped) return;
      if (error instanceof PermissionError) {
        this.isForbidden = true;
        logger.debug("this Redis user may not beat: each worker of the group listens to all tenants", {
          err: error,
        });
      } else {
        // The last names hold. What is wrong with the connection is told by whoever keeps it up.
        logger.debug("a beat failed; the next one follows", { err: error });
      }
    }
  }

  /** Sends a beat, and behind it arms the bell of the list of those that need help. */
  private async send(call: ScriptCall): Promise<unknown> {
    const { connection, deadlineMs } = this.parts;
    const arm = { kind: "command", name: "EXISTS", args: [this.helpKey], tracked: true } as const;
    this.rang = false;
    const [reply] = await connection.send([{ kind: "script", ...call }, arm], { deadlineMs });
    if (reply instanceof SluiceError) throw reply;
    return reply;
  }

  /** Somebody asks for help, or needs none any more. */
  ring(): void {
    this.rang = true;
  }

  stop(): void {
    this.isStopped = true;
    clearTimeout(this.timer);
  }

  /** Tells the others that they take over now. Never rejects. */
  async leave(): Promise<void> {
    const { connection, deadlineMs, stream, group, worker, logger } = this.parts;
    this.stop();
    if (this.isForbidden || this.beatAt === Number.NEGATIVE_INFINITY) return;
    try {
      await evaluate(connection, leaveCall(peerKeys(stream, group), { worker, helped: this.asked }), {
        deadlineMs,
      });
    } catch (error) {
      logger.debug("could not tell the other workers of the stop; they notice within seconds", {
        err: error,
      });
    }
  }
}

/** When a tenant of a worker that died is recovered at the latest, in milliseconds from when that is noticed. */
export function takeoverMs(leaseMs: number, noticedAfterMs: number): number {
  return Math.max(0, leaseMs - noticedAfterMs) + jittered(TAKEOVER_JITTER_MS);
}

const TAKEOVER_JITTER_MS = 1_500;
