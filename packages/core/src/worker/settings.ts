/** The options of a worker, checked and with what was left out filled in. */
import type { EventSchemas } from "../catalog.js";
import { type ConsumerOptions, type ConsumerSettings, consumerSettings } from "../consumer/settings.js";
import { kindOf } from "../errors/describe.js";
import { InvalidOptionError } from "../errors.js";
import type { Logger } from "../logger.js";
import { checkTenant } from "../names.js";
import { integerOption, knownOptions } from "../options.js";
import { describeThrown } from "../thrown.js";
import { isWeight } from "./dispatch.js";

/** Which tenants a worker serves. */
export type WorkerTenants = "registered" | readonly string[] | (() => Promise<readonly string[]>);

export interface WorkerOptions<C extends EventSchemas = EventSchemas>
  extends Omit<ConsumerOptions<C>, "batchSize" | "blockMs" | "concurrency"> {
  /**
   * Which tenants it serves: those in the stream's registry, new ones within about a second (`"registered"`, unless
   * given), those of a list, or those that a function returns, which is asked each minute.
   */
  readonly tenants?: WorkerTenants;
  /** Events of all tenants that this process handles at the same time, 1 to 1,000; 64 unless given. */
  readonly concurrency?: number;
  /**
   * Events of one tenant handled at the same time, at most `concurrency`. Unless given, a tenant may take all slots while
   * no other has work, and three quarters of them otherwise.
   */
  readonly tenantConcurrency?: number;
  /**
   * A tenant's part of the handler time beside others, from 0.001 to 1,000; 1 unless given. A function that throws, or
   * answers anything else, counts as 1.
   */
  readonly weight?: (tenantId: string) => number;
}

const OPTION_NAMES = {
  group: true,
  handlers: true,
  consumer: true,
  concurrency: true,
  leaseMs: true,
  maxAttempts: true,
  idempotencyTtlMs: true,
  changeSettings: true,
  retry: true,
  unhandled: true,
  startFrom: true,
  drainTimeoutMs: true,
  handlerTimeoutMs: true,
  retention: true,
  decode: true,
  tenants: true,
  tenantConcurrency: true,
  weight: true,
} satisfies Record<keyof WorkerOptions, true>;

const DEFAULT_CONCURRENCY = 64;

export interface WorkerSettings extends ConsumerSettings {
  readonly tenants: WorkerTenants;
  readonly tenantConcurrency: number | undefined;
  /** Never throws, and answers a weight. */
  readonly weight: (tenantId: string) => number;
}

/**
 * @param logger - told, once, of a weight that is none.
 * @throws {InvalidNameError | InvalidOptionError} naming the option, its value and what was wanted.
 */
export function workerSettings(options: Omit<WorkerOptions, "handlers">, logger: Logger): WorkerSettings {
  knownOptions("the options of a worker", options, Object.keys(OPTION_NAMES));
  const { tenants, tenantConcurrency, weight, ...common } = options;
  const concurrency = integerOption("concurrency", options.concurrency, DEFAULT_CONCURRENCY, 1, 1_000);
  return {
    ...consumerSettings({ ...common, concurrency }),
    tenants: tenantsOption(tenants),
    tenantConcurrency:
      tenantConcurrency === undefined
        ? undefined
        : integerOption("tenantConcurrency", tenantConcurrency, concurrency, 1, concurrency),
    weight: weightOption(weight, logger),
  };
}

function tenantsOption(value: unknown): WorkerTenants {
  if (value === undefined || value === "registered") return "registered";
  if (Array.isArray(value)) return value.map((tenant) => checkTenant(tenant));
  // What it answers is checked each time that it is called.
  if (typeof value === "function") return value as () => Promise<readonly string[]>;
  const wanted = '"registered", a list of tenants, or an async function that returns one';
  throw new InvalidOptionError({ option: "tenants", value, wanted });
}

function weightOption(value: unknown, logger: Logger): (tenantId: string) => number {
  if (value === undefined) return () => 1;
  if (typeof value !== "function") {
    throw new InvalidOptionError({ option: "weight", value, wanted: "a function of a tenant's ID" });
  }
  let isTold = false;
  const refuse = (tenantId: string, found: string) => {
    if (!isTold) {
      const wanted = "a number from 0.001 to 1,000";
      logger.warn("the option 'weight' gave no weight; the tenant counts as 1", { tenantId, found, wanted });
    }
    isTold = true;
    return 1;
  };
  return (tenantId) => {
    try {
      const weight: unknown = value(tenantId);
      return isWeight(weight)
        ? weight
        : refuse(tenantId, typeof weight === "number" ? `${weight}` : kindOf(weight));
    } catch (thrown) {
      return refuse(tenantId, describeThrown(thrown));
    }
  };
}
