import type { Bytes, Piece } from "../hal/hal.ts";
import { cut, hmac } from "./hmac.ts";

/** HMAC-DRBG with SHA-256 (NIST SP 800-90A §10.1.2), because the interpreter's own source repeats itself at every
 *  start on most boards. The seed is the factory's; the boot counter, persisted before first use, keeps two starts apart.
 *  State is [key, value], so that nothing but 64 bytes stays between calls. */
export type DrbgState = [Bytes, Bytes];

function update(s: DrbgState, data: Piece, more: boolean): void {
  s[0] = hmac(s[0], [s[1], 0, data]);
  s[1] = hmac(s[0], s[1]);
  if (more) {
    s[0] = hmac(s[0], [s[1], 1, data]);
    s[1] = hmac(s[0], s[1]);
  }
}

/** Instantiates with seed, boot count and serial. */
export function drbg(seed: Bytes, bootCount: number, serial: string): DrbgState {
  const s: DrbgState = [new Uint8Array(32), new Uint8Array(32).fill(1)];
  const count = [bootCount >> 24, bootCount >> 16, bootCount >> 8, bootCount];
  update(s, [seed, count, serial], true);
  return s;
}

/** @param n bytes, 1..32 */
export function drbgBytes(s: DrbgState, n: number): Bytes {
  s[1] = hmac(s[0], s[1]);
  const out = cut(s[1], 0, n);
  update(s, [], false);
  return out;
}
