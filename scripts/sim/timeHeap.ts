/** What is to happen at a moment: a binary heap by time, then by the order in which entries were made. */
export interface TimeEntry {
  atMs: number;
  order: number;
}

const isEarlier = (a: TimeEntry, b: TimeEntry) =>
  a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

export function push<T extends TimeEntry>(heap: T[], entry: T): void {
  let i = heap.push(entry) - 1;
  while (i > 0) {
    const parent = (i - 1) >> 1;
    if (!isEarlier(entry, heap[parent]!)) break;
    heap[i] = heap[parent]!;
    i = parent;
  }
  heap[i] = entry;
}

/** Takes the first entry, heap[0], off. */
export function pop<T extends TimeEntry>(heap: T[]): void {
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
