/** Events in virtual time, so that a seed plays the same life each time. Unlike the simulator's clock it waits for what an
 *  event begins. */
import { pop, push, type TimeEntry } from "../sim/timeHeap.ts";

export interface Entry extends TimeEntry {
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
    push(this.#heap, entry);
    return entry;
  }

  /** Runs everything that is due until then, one after the other, and leaves the clock there. */
  async runUntil(endMs: number): Promise<void> {
    const heap = this.#heap;
    for (let entry = heap[0]; entry !== undefined && entry.atMs <= endMs; entry = heap[0]) {
      pop(heap);
      if (entry.run === null) continue;
      this.nowMs = entry.atMs;
      this.count++;
      const work = entry.run();
      if (work !== undefined) await work;
    }
    this.nowMs = endMs;
  }
}
