/** Events in virtual time: a binary heap, first by time, then by the order they were put in, so that a seed plays the
 *  same life each time. */
export interface Entry {
  atMs: number;
  readonly order: number;
  run: (() => void | Promise<void>) | null;
}

export class EventQueue {
  nowMs: number;
  /** events that ran */
  count = 0;
  #order = 0;
  readonly #heap: Entry[] = [];

  constructor(startMs: number) {
    this.nowMs = startMs;
  }

  /** @returns the entry; `run = null` takes it back */
  at(atMs: number, run: () => void | Promise<void>): Entry {
    const entry: Entry = { atMs: Math.max(atMs, this.nowMs), order: this.#order++, run };
    const heap = this.#heap;
    let i = heap.push(entry) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!isEarlier(entry, heap[parent]!)) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = entry;
    return entry;
  }

  /** Runs everything that is due until then, one after the other, and leaves the clock there. */
  async runUntil(endMs: number): Promise<void> {
    const heap = this.#heap;
    while (heap.length > 0 && heap[0]!.atMs <= endMs) {
      const entry = heap[0]!;
      this.#drop();
      if (entry.run === null) continue;
      this.nowMs = entry.atMs;
      this.count++;
      const work = entry.run();
      if (work !== undefined) await work;
    }
    this.nowMs = endMs;
  }

  #drop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    const size = heap.length;
    if (size === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= size) break;
      if (child + 1 < size && isEarlier(heap[child + 1]!, heap[child]!)) child++;
      if (!isEarlier(heap[child]!, last)) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
  }
}

const isEarlier = (a: Entry, b: Entry) =>
  a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
