/** Winternitz chains over single SHA-256 blocks.
 *
 *  A key of height 15 takes 27 million hashes of 47 bytes. A call of node:crypto costs several times the
 *  hash itself, so the compression is done here on words that stay in place; a test holds it against node:crypto. */

const roundConstants = new Int32Array(64);
const initialState = new Int32Array(8);
fillConstants();

/** Fraction bits of cube and square roots of the first primes (FIPS 180-4 §4.2.2, §5.3.3). */
function fillConstants(): void {
  let found = 0;
  for (let candidate = 2; found < 64; candidate++) {
    let prime = true;
    for (let d = 2; d * d <= candidate; d++) if (candidate % d === 0) prime = false;
    if (!prime) continue;
    if (found < 8) initialState[found] = fractionBits(candidate, 2n);
    roundConstants[found++] = fractionBits(candidate, 3n);
  }
}

/** First 32 bits behind the point of the degree-th root, by bisection in integers: doubles are too short. */
function fractionBits(value: number, degree: bigint): number {
  const target = BigInt(value) << (32n * degree);
  let low = 0n;
  let high = 1n << 40n;
  while (high - low > 1n) {
    const middle = (low + high) >> 1n;
    if (middle ** degree <= target) low = middle;
    else high = middle;
  }
  return Number(BigInt.asIntN(32, low));
}

const schedule = new Int32Array(64);

/** One compression of `schedule[0..15]` from the initial state. Result in `out[0..7]`. */
function compress(out: Int32Array): void {
  const w = schedule;
  for (let t = 16; t < 64; t++) {
    const x = w[t - 15]!;
    const y = w[t - 2]!;
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    w[t] = (w[t - 16]! + s0 + w[t - 7]! + s1) | 0;
  }
  let a = initialState[0]!;
  let b = initialState[1]!;
  let c = initialState[2]!;
  let d = initialState[3]!;
  let e = initialState[4]!;
  let f = initialState[5]!;
  let g = initialState[6]!;
  let h = initialState[7]!;
  for (let t = 0; t < 64; t++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + roundConstants[t]! + w[t]!) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  out[0] = (a + initialState[0]!) | 0;
  out[1] = (b + initialState[1]!) | 0;
  out[2] = (c + initialState[2]!) | 0;
  out[3] = (d + initialState[3]!) | 0;
  out[4] = (e + initialState[4]!) | 0;
  out[5] = (f + initialState[5]!) | 0;
  out[6] = (g + initialState[6]!) | 0;
  out[7] = (h + initialState[7]!) | 0;
}

/** Steps chains of one leaf: value := H(I ‖ u32 q ‖ u16 i ‖ u8 j ‖ value), truncated to n bytes.
 *  23 + n bytes fit one block for n = 24 and 32. */
export class Chains {
  readonly #identifier = new Int32Array(4);
  readonly #words: number;
  readonly #value = new Int32Array(8);
  readonly #view: DataView;
  readonly #bytes: Uint8Array;

  /** @param identifier I, 16 bytes
   *  @param n bytes of a value, 24 or 32 */
  constructor(identifier: Uint8Array, n: number) {
    const view = new DataView(identifier.buffer, identifier.byteOffset, 16);
    for (let i = 0; i < 4; i++) this.#identifier[i] = view.getInt32(i * 4);
    this.#words = n / 4;
    this.#bytes = new Uint8Array(n);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Runs chain i of leaf q from step `from` to before step `to`. Writes the end value at `target[at..]`. */
  run(
    q: number,
    i: number,
    start: Uint8Array,
    from: number,
    to: number,
    target: Uint8Array,
    at: number,
  ) {
    this.#load(start);
    for (let j = from; j < to; j++) this.#step(q, i, j);
    this.#store(target, at);
  }

  /** As run, but the chain starts at the secret x = H(I ‖ q ‖ i ‖ 0xFF ‖ SEED) of RFC 8554 Appendix A. */
  runFromSeed(
    q: number,
    i: number,
    seed: Uint8Array,
    steps: number,
    target: Uint8Array,
    at: number,
  ) {
    this.#load(seed);
    this.#step(q, i, 0xff);
    for (let j = 0; j < steps; j++) this.#step(q, i, j);
    this.#store(target, at);
  }

  #load(bytes: Uint8Array): void {
    this.#bytes.set(bytes);
    for (let k = 0; k < this.#words; k++) this.#value[k] = this.#view.getInt32(k * 4);
  }

  #store(target: Uint8Array, at: number): void {
    for (let k = 0; k < this.#words; k++) this.#view.setInt32(k * 4, this.#value[k]!);
    target.set(this.#bytes, at);
  }

  #step(q: number, i: number, j: number): void {
    const words = this.#words;
    const value = this.#value;
    const identifier = this.#identifier;
    schedule[0] = identifier[0]!;
    schedule[1] = identifier[1]!;
    schedule[2] = identifier[2]!;
    schedule[3] = identifier[3]!;
    schedule[4] = q;
    schedule[5] = (i << 16) | (j << 8) | (value[0]! >>> 24);
    for (let k = 1; k < words; k++) {
      schedule[5 + k] = (value[k - 1]! << 8) | (value[k]! >>> 24);
    }
    schedule[5 + words] = (value[words - 1]! << 8) | 0x80;
    for (let k = 6 + words; k < 15; k++) schedule[k] = 0;
    schedule[15] = (23 + words * 4) * 8;
    compress(value);
  }
}
