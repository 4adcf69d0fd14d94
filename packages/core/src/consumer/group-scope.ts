/** Whose entries these are: one group of one stream, as reports and log lines name it. */
import type { Logger } from "../logger.js";

export interface GroupScope {
  readonly stream: string;
  /** Undefined on a single-tenant bus. */
  readonly tenantId: string | undefined;
  readonly group: string;
  /** Adds tenant, stream, group and consumer to each line. */
  readonly logger: Logger;
}
