/** A consumer of ours for each tenant, all in one process: what a service does without a worker. */

import type { OpenContender } from "../../contender.js";
import { openTenants, type Options as TenantsOptions } from "./our-tenants.js";

export interface Options extends TenantsOptions {
  /** Of each consumer. */
  readonly concurrency: number;
}

export const open: OpenContender<Options> = (setting, options) =>
  openTenants(setting, options, async ({ bus, tenantIds, group, handlers }) => {
    const { concurrency } = options;
    const consumers = tenantIds.map((tenantId) =>
      bus.tenant(tenantId).consumer({ group, handlers, concurrency }),
    );
    await Promise.all(consumers.map((consumer) => consumer.start()));
    return {
      idle: () => Promise.all(consumers.map((consumer) => consumer.idle())),
      handled: () =>
        consumers.reduce(
          (sum, consumer) => sum + (consumer.metrics().counters.sluice_events_handled_total ?? 0),
          0,
        ),
      stop: () => Promise.all(consumers.map((consumer) => consumer.stop())),
    };
  });
