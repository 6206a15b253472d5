/** Token buckets in bounded memory, for what arrives before anybody is authenticated. */

export interface RateLimit {
  /** messages allowed at once */
  burst: number;
  /** time after which one more is allowed */
  refillMs: number;
}

/** One bucket per key. When all places are taken the key unused for longest is forgotten: it starts again with a full
 *  bucket, which costs a little strictness and never memory. */
export class RateLimiter {
  #buckets = new Map<string, { tokens: number; atMs: number }>();
  readonly #limit: RateLimit;
  readonly #keysMax: number;

  constructor(limit: RateLimit, keysMax = 10_000) {
    this.#limit = limit;
    this.#keysMax = keysMax;
  }

  /** Takes one token. @returns false when the key has none left */
  allows(key: string, nowMs: number): boolean {
    const old = this.#buckets.get(key);
    const elapsed = old ? Math.max(0, nowMs - old.atMs) : 0;
    const tokens = old
      ? Math.min(this.#limit.burst, old.tokens + elapsed / this.#limit.refillMs)
      : this.#limit.burst;
    this.#buckets.delete(key);
    if (!old && this.#buckets.size >= this.#keysMax) {
      this.#buckets.delete(this.#buckets.keys().next().value!);
    }
    const isAllowed = tokens >= 1;
    this.#buckets.set(key, { tokens: isAllowed ? tokens - 1 : tokens, atMs: nowMs });
    return isAllowed;
  }
}
