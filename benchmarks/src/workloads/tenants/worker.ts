/** A worker of ours for all tenants, in one process. */

import type { OpenContender } from "../../contender.js";
import { openTenants, type Options as TenantsOptions } from "./our-tenants.js";

export interface Options extends TenantsOptions {
  /** Of all tenants together. */
  readonly concurrency: number;
}

export const open: OpenContender<Options> = (setting, options) =>
  openTenants(setting, options, async ({ bus, tenantIds, group, handlers }) => {
    const { concurrency } = options;
    // By a list: the keys of each sample are removed, the registry among them, and publishers enrol once an hour.
    const worker = bus.worker({ group, handlers, concurrency, tenants: tenantIds });
    await worker.start();
    return {
      idle: () => worker.idle(),
      handled: () => worker.metrics().counters.sluice_events_handled_total ?? 0,
      stop: () => worker.stop(),
    };
  });
