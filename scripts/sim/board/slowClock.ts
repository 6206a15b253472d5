import type { SimClock, SimTimer } from "../clock.ts";

/** The clock of a board whose work takes time: what device code spends passes for it at once, what it sends leaves after
 *  it, and whatever is due meanwhile waits until the board is idle again. */
export class SlowClock implements SimClock {
  readonly #outside: SimClock;
  #spentMs = 0;
  #idleAtMs = 0;

  constructor(outside: SimClock) {
    this.#outside = outside;
  }

  /** Time that the work under way takes. */
  spend(ms: number): void {
    this.#spentMs += ms;
  }

  nowMs(): number {
    return this.#outside.nowMs() + this.#spentMs;
  }

  after(ms: number, fn: () => void): SimTimer {
    let timer: SimTimer;
    const due = () => {
      const waitMs = this.#idleAtMs - this.#outside.nowMs();
      if (waitMs > 0) timer = this.#outside.after(waitMs, due);
      else this.work(fn);
    };
    timer = this.#outside.after(this.#spentMs + ms, due);
    return { cancel: () => timer.cancel() };
  }

  /** Runs what begins now; the board is idle again when the time that it spends is over. */
  work(fn: () => void): void {
    try {
      fn();
    } finally {
      this.#idleAtMs = this.#outside.nowMs() + this.#spentMs;
      this.#spentMs = 0;
    }
  }

  /** Lets something leave the board, when the work before it is done. */
  leave(fn: () => void): void {
    this.#outside.after(this.#spentMs, fn);
  }
}
