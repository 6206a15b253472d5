/** Work in order per key, keys apart from each other: one slow device holds up nobody else. */

/** Messages of one device that may wait; a device sends its next one after an answer, so more than a few is a flood. */
export const queuedPerKeyMax = 32;
/** Keys that may have work waiting at the same time. */
export const queuedKeysMax = 20_000;

/** Bounded queue per key. */
export class KeyedQueue {
  #chains = new Map<string, { waiting: number; tail: Promise<void> }>();
  readonly #failed: (key: string, error: unknown) => void;

  /** @param failed told of a job that threw; it must not throw itself */
  constructor(failed: (key: string, error: unknown) => void) {
    this.#failed = failed;
  }

  /** Runs the job after all earlier ones of its key.
   *  @returns promise of its end; null when the queue of this key, or of all keys, is full and the job was dropped
   *  @throws never: a job that throws is reported and does not stop the ones behind it */
  run(key: string, job: () => Promise<void>): Promise<void> | null {
    let chain = this.#chains.get(key);
    if (!chain) {
      if (this.#chains.size >= queuedKeysMax) return null;
      chain = { waiting: 0, tail: Promise.resolve() };
      this.#chains.set(key, chain);
    }
    if (chain.waiting >= queuedPerKeyMax) return null;
    const current = chain;
    current.waiting++;
    current.tail = current.tail
      .then(job)
      .catch((error: unknown) => this.#failed(key, error))
      .then(() => {
        current.waiting--;
        if (current.waiting === 0) this.#chains.delete(key);
      });
    return current.tail;
  }

  /** Resolves when nothing is waiting any more. */
  async drained(): Promise<void> {
    while (this.#chains.size > 0) {
      await Promise.all([...this.#chains.values()].map((chain) => chain.tail));
    }
  }
}
