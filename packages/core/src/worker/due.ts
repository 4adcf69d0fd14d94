/** When tenants are due to be visited: at most one time for each, the earliest first. No clock or timers. */
import { Heap, type HeapItem } from "./heap.js";

interface Due extends HeapItem {
  readonly tenantId: string;
  at: number;
}

export class DueTenants {
  private readonly dues = new Map<string, Due>();
  private readonly heap = new Heap<Due>((a, b) => a.at < b.at);

  get size(): number {
    return this.heap.size;
  }

  /** The earliest time at which a tenant is due; undefined if there is none. */
  get nextAt(): number | undefined {
    return this.heap.top?.at;
  }

  /** Sets when the tenant is due, in place of the time that was set before. */
  set(tenantId: string, at: number): void {
    let due = this.dues.get(tenantId);
    if (due === undefined) {
      due = { tenantId, at, heapIndex: -1 };
      this.dues.set(tenantId, due);
    }
    due.at = at;
    this.heap.put(due);
  }

  delete(tenantId: string): void {
    const due = this.dues.get(tenantId);
    if (due === undefined) return;
    this.dues.delete(tenantId);
    this.heap.remove(due);
  }

  /** Removes and returns the tenant that is due first; undefined if none is due by `now`. */
  take(now: number): string | undefined {
    const { top } = this.heap;
    if (top === undefined || top.at > now) return undefined;
    this.delete(top.tenantId);
    return top.tenantId;
  }
}
