/**
 * The registry of a stream's tenants, for one bus: publishers put tenants into it, anybody lists them, and one that was
 * removed is taken out by name.
 */
import { registryKeys, streamKeys } from "@sluice/lua-scripts";
import { again, command, hasMaybeExecuted } from "../connection.js";
import { TenantInUseError } from "../errors.js";
import { checkTenant } from "../names.js";
import { Enrolment, type EnrolmentParts } from "./enrolment.js";
import { type KnownTenant, listTenants, type TenantsOptions } from "./listing.js";

export class Registry {
  readonly enrolment: Enrolment;
  readonly #parts: EnrolmentParts;
  readonly #stream: string;
  /** That tenants are found by a scan is said once. */
  #toldOfScan = false;

  constructor(parts: EnrolmentParts, stream: string) {
    this.#parts = parts;
    this.#stream = stream;
    this.enrolment = new Enrolment(parts, stream);
  }

  /** See `MultiTenantBus.tenants`. */
  tenants(options?: TenantsOptions): AsyncIterable<KnownTenant> {
    const { connection, deadlineMs, logger } = this.#parts;
    const stream = this.#stream;
    return listTenants(
      {
        connection,
        deadlineMs,
        logger,
        stream,
        onScan: (why) => {
          if (this.#toldOfScan) return;
          this.#toldOfScan = true;
          if (why === "empty") {
            logger.info("the registry of tenants is empty: scanning all keys for tenants", { stream });
          } else {
            logger.warn("the registry of tenants may not be read: scanning all keys for tenants", {
              stream,
              err: why,
            });
          }
        },
      },
      options,
    );
  }

  /** See `MultiTenantBus.forgetTenant`. */
  async forget(tenantId: string): Promise<boolean> {
    const { deadlineMs } = this.#parts;
    checkTenant(tenantId);
    if (await this.#hasStream(tenantId)) throw new TenantInUseError({ stream: this.#stream, tenantId });
    let isUnknown = false;
    const removed = await again({ deadlineMs }, async (options) => {
      try {
        const { tenants } = registryKeys(this.#stream);
        return await command(this.#parts.connection, "ZREM", [tenants, tenantId], options);
      } catch (error) {
        isUnknown ||= hasMaybeExecuted(error);
        throw error;
      }
    });
    this.enrolment.forget(tenantId);
    // The registry lies in another slot than the tenant, so a publish may have come between.
    if (await this.#hasStream(tenantId)) {
      await this.enrolment.enroll(tenantId);
      throw new TenantInUseError({ stream: this.#stream, tenantId });
    }
    return removed === 1 || isUnknown;
  }

  async #hasStream(tenantId: string): Promise<boolean> {
    const { connection, deadlineMs } = this.#parts;
    const key = streamKeys(this.#stream, tenantId).stream;
    const found = await again({ deadlineMs }, (options) => command(connection, "EXISTS", [key], options));
    return found === 1;
  }
}

/** The registries of a connection's streams. */
export class Registries {
  readonly #parts: EnrolmentParts;
  readonly #byStream = new Map<string, Registry>();
  readonly #stop: () => void;

  constructor(parts: EnrolmentParts) {
    this.#parts = parts;
    this.#stop = parts.connection.onReconnect(() => {
      for (const { enrolment } of this.#byStream.values()) enrolment.expire();
    });
  }

  of(stream: string): Registry {
    const registry = this.#byStream.get(stream) ?? new Registry(this.#parts, stream);
    this.#byStream.set(stream, registry);
    return registry;
  }

  /** Enrolls what could not be enrolled before. */
  async close(): Promise<void> {
    this.#stop();
    await Promise.all([...this.#byStream.values()].map(({ enrolment }) => enrolment.close()));
  }
}
