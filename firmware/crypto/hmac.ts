import { h } from "../hal/current.ts";
import type { Bytes, Piece } from "../hal/hal.ts";

/** HMAC-SHA-256 (RFC 2104) over a hash that takes whole messages only. Pure but for the hash. */

/** n bytes of b from o on, as a view. The interpreter's own `slice` gives a plain array, not bytes. */
export function cut(b: Bytes, o: number, n: number): Bytes {
  return new Uint8Array(b.buffer, b.byteOffset + o, n);
}

/** HMAC of a message in pieces. Key at most 64 bytes. */
export function hmac(key: Bytes, message: Piece): Bytes {
  const inner = new Uint8Array(64).fill(0x36);
  const outer = new Uint8Array(64).fill(0x5c);
  for (let i = 0; i < key.length; i++) {
    inner[i] = key[i]! ^ 0x36;
    outer[i] = key[i]! ^ 0x5c;
  }
  return h.sha(h.cat([outer, h.sha(h.cat([inner, message]))]));
}

/** LP(a, b, …) of SPEC.md: each field behind its 2-byte length. */
export function lp(fields: (Bytes | string)[]): Piece {
  return fields.map((f) => [f.length >> 8, f.length, f]);
}

/** Equal without an early exit. */
export function same(a: Bytes, b: Bytes): boolean {
  let d = a.length ^ b.length;
  for (let i = 0; i < a.length && i < b.length; i++) d |= a[i]! ^ b[i]!;
  return d === 0;
}
