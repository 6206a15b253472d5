import type { Bytes, Hal, Piece } from "../hal/hal.ts";
import { cut, hmac } from "./hmac.ts";

/** HMAC-DRBG with SHA-256 (NIST SP 800-90A §10.1.2), because the interpreter's own source repeats itself at every
 *  start on most boards. The seed is the factory's; the boot counter, persisted before first use, keeps two starts apart.
 *  @returns a function that gives n bytes, 1..32 */
export function drbg(h: Hal, seed: Bytes, bootCount: number, serial: string): (n: number) => Bytes {
  let key: Bytes = new Uint8Array(32);
  let value: Bytes = new Uint8Array(32).fill(1);
  const update = (data: Piece) => {
    key = hmac(h, key, [value, 0, data]);
    value = hmac(h, key, value);
  };
  const seedWith = (data: Piece) => {
    update(data);
    key = hmac(h, key, [value, 1, data]);
    value = hmac(h, key, value);
  };
  seedWith([
    seed,
    bootCount >>> 24,
    (bootCount >> 16) & 255,
    (bootCount >> 8) & 255,
    bootCount & 255,
    serial,
  ]);
  return (n) => {
    value = hmac(h, key, value);
    const out = cut(value, 0, n);
    update([]);
    return out;
  };
}
