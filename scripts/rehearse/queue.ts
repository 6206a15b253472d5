/** Events in virtual time, so that a seed plays the same life each time. Unlike the simulator's clock it waits for what an
 *  event begins. */
import { pop, push, type TimeEntry } from "../sim/timeHeap.ts";

export interface Entry extends TimeEntry {
  run: (() => void | Promise<void>) | null;
}

/** Events of one minute are in order, those of later minutes lie in heaps of their own until their minute comes: a heap of
 *  all timers of thousands of devices would not fit the processor's cache. */
const minuteMs = 60_000;
const minuteOf = (atMs: number) => Math.floor(atMs / minuteMs);

export class EventQueue {
  nowMs: number;
  /** events that ran */
  count = 0;
  #order = 0;
  #minute: number;
  /** what is due up to the end of this minute, in order */
  readonly #due: Entry[] = [];
  /** by minute, not in order */
  readonly #later = new Map<number, Entry[]>();

  constructor(startMs: number) {
    this.nowMs = startMs;
    this.#minute = minuteOf(startMs);
  }

  /** @returns the entry; `run = null` takes it back */
  at(atMs: number, run: () => void | Promise<void>): Entry {
    const entry: Entry = { atMs: Math.max(atMs, this.nowMs), order: this.#order++, run };
    const minute = minuteOf(entry.atMs);
    if (minute <= this.#minute) push(this.#due, entry);
    else {
      const others = this.#later.get(minute);
      if (others) others.push(entry);
      else this.#later.set(minute, [entry]);
    }
    return entry;
  }

  /** Runs everything that is due until then, one after the other, and leaves the clock there. */
  async runUntil(endMs: number): Promise<void> {
    const due = this.#due;
    const last = minuteOf(endMs);
    for (;;) {
      for (let entry = due[0]; entry !== undefined && entry.atMs <= endMs; entry = due[0]) {
        pop(due);
        if (entry.run === null) continue;
        this.nowMs = entry.atMs;
        this.count++;
        const work = entry.run();
        if (work !== undefined) await work;
      }
      if (this.#minute >= last) break;
      this.#minute++;
      for (const entry of this.#later.get(this.#minute) ?? []) push(due, entry);
      this.#later.delete(this.#minute);
    }
    this.nowMs = endMs;
  }
}
