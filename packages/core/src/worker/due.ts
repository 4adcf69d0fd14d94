/** When tenants are next to be looked at: each at one time at most, the earliest first. Without clock and timers. */
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

  /** When the first is due; undefined if none is. */
  get nextAt(): number | undefined {
    return this.heap.top?.at;
  }

  /** The tenant is due then, and no longer when it was before. */
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

  /** Takes out the tenant that is due first, if that is now or was before. */
  take(now: number): string | undefined {
    const { top } = this.heap;
    if (top === undefined || top.at > now) return undefined;
    this.delete(top.tenantId);
    return top.tenantId;
  }
}
