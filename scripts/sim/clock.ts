import { loopWithLimit } from "./hostLimit.ts";
import { pop, push, type TimeEntry } from "./timeHeap.ts";

/** A timer that was started on a clock. */
export interface SimTimer {
  cancel(): void;
}

/** The time that simulated boards live in. */
export interface SimClock {
  /** Milliseconds since 1970. */
  nowMs(): number;
  /** Runs fn once, ms from now; fn never runs before `after` has returned. */
  after(ms: number, fn: () => void): SimTimer;
}

/** The host's clock: for demos and fleets that talk to a real agent.
 *  @returns a clock whose timers keep the process alive, as those of Node do */
export function realClock(): SimClock {
  return {
    nowMs: () => Date.now(),
    after(ms, fn) {
      // setTimeout rounds 0 up to 1 ms, which a byte stream of queued callbacks would feel.
      if (ms <= 0) {
        const immediate = setImmediate(fn);
        return { cancel: () => clearImmediate(immediate) };
      }
      const timeout = setTimeout(fn, Math.min(ms, 2 ** 31 - 1));
      return { cancel: () => clearTimeout(timeout) };
    },
  };
}

interface Entry extends TimeEntry {
  fn: (() => void) | null;
}

/** A clock that stands still until it is advanced. Timers due at the same moment run in the order they were started. */
export class VirtualClock implements SimClock {
  private ms: number;
  private order = 0;
  private readonly heap: Entry[] = [];
  private readonly hostLimitMs: number;

  /** @param hostLimitMs what one step of device code may take of the host's time before its board counts as hung; 0 leaves
   *   that to each board's own limit, at the cost of a watch per step */
  constructor(startMs = 1_750_000_000_000, hostLimitMs = 0) {
    this.ms = startMs;
    this.hostLimitMs = hostLimitMs;
  }

  nowMs(): number {
    return this.ms;
  }

  after(ms: number, fn: () => void): SimTimer {
    const entry: Entry = { atMs: this.ms + Math.max(0, ms), order: this.order++, fn };
    push(this.heap, entry);
    return {
      cancel: () => {
        entry.fn = null;
      },
    };
  }

  /** Runs all that is due within the next `ms`, in order of time, and leaves the clock `ms` later. */
  advance(ms: number): void {
    const endMs = this.ms + ms;
    loopWithLimit(this.hostLimitMs, () => this.step(endMs));
    this.ms = endMs;
  }

  /** Advances step by step until `done` is true.
   *  @returns false when limitMs passed without it */
  advanceUntil(done: () => boolean, limitMs: number): boolean {
    const endMs = this.ms + limitMs;
    let isDone = done();
    // What is due at one moment runs before `done` is asked again.
    if (!isDone)
      loopWithLimit(this.hostLimitMs, () => {
        const next = this.heap[0];
        if (!next || next.atMs > endMs) return false;
        const momentMs = Math.max(this.ms, next.atMs);
        while (this.step(momentMs));
        isDone = done();
        return !isDone;
      });
    if (isDone) return true;
    this.ms = Math.max(this.ms, endMs);
    return done();
  }

  /** Runs what is due next. @returns false when nothing is due by then */
  private step(endMs: number): boolean {
    const entry = this.heap[0];
    if (!entry || entry.atMs > endMs) return false;
    pop(this.heap);
    this.ms = Math.max(this.ms, entry.atMs);
    entry.fn?.();
    return true;
  }
}
