/** A binary heap whose items hold their own index, so that any item can be moved or removed in O(log n). */

export interface HeapItem {
  /** Index in the heap that holds the item, -1 outside of heaps. Written by the heap; an item is in one heap at most. */
  heapIndex: number;
}

export class Heap<T extends HeapItem> {
  private readonly items: T[] = [];

  constructor(private readonly before: (a: T, b: T) => boolean) {}

  get size(): number {
    return this.items.length;
  }

  /** The first item. */
  get top(): T | undefined {
    return this.items[0];
  }

  /** All items, in no particular order; the heap must not change meanwhile. */
  values(): readonly T[] {
    return this.items;
  }

  /** Adds an item, or moves an item whose order has changed. All other items have to be in order. */
  put(item: T): void {
    if (item.heapIndex < 0) {
      item.heapIndex = this.items.length;
      this.items.push(item);
    }
    const from = item.heapIndex;
    this.rise(item);
    if (item.heapIndex === from) this.sink(item);
  }

  /** Removes an item; does nothing if it is in no heap. */
  remove(item: T): void {
    const index = item.heapIndex;
    if (index < 0) return;
    item.heapIndex = -1;
    const last = this.items.pop();
    if (last === undefined || last === item) return;
    last.heapIndex = index;
    this.items[index] = last;
    this.put(last);
  }

  private rise(item: T): void {
    const { items, before } = this;
    let index = item.heapIndex;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = items[parentIndex];
      if (parent === undefined || !before(item, parent)) break;
      items[index] = parent;
      parent.heapIndex = index;
      index = parentIndex;
    }
    items[index] = item;
    item.heapIndex = index;
  }

  private sink(item: T): void {
    const { items, before } = this;
    let index = item.heapIndex;
    for (;;) {
      let childIndex = 2 * index + 1;
      let child = items[childIndex];
      if (child === undefined) break;
      const right = items[childIndex + 1];
      if (right !== undefined && before(right, child)) {
        child = right;
        childIndex += 1;
      }
      if (!before(child, item)) break;
      items[index] = child;
      child.heapIndex = index;
      index = childIndex;
    }
    items[index] = item;
    item.heapIndex = index;
  }
}
