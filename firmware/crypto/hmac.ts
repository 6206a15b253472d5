import { h } from "../hal/current.ts";
import type { Bytes, Piece } from "../hal/hal.ts";

/** HMAC-SHA-256 (RFC 2104) over a hash that takes whole messages only. Pure but for the hash. */

/** The two 64-byte pads of a key, so that frames pay for them once a session. Key at most 64 bytes. */
export function pads(key: Bytes): Bytes {
  const p = new Uint8Array(128);
  for (let i = 0; i < 64; i++) {
    const k = i < key.length ? key[i]! : 0;
    p[i] = k ^ 0x36;
    p[64 + i] = k ^ 0x5c;
  }
  return p;
}

/** n bytes of b from o on, as a view. The interpreter's own `slice` gives a plain array, not bytes. */
export function cut(b: Bytes, o: number, n: number): Bytes {
  return new Uint8Array(b.buffer, b.byteOffset + o, n);
}

/** HMAC with prepared pads. */
export function hmacPads(p: Bytes, message: Piece): Bytes {
  return h.sha(h.cat([cut(p, 64, 64), h.sha(h.cat([cut(p, 0, 64), message]))]));
}

export function hmac(key: Bytes, message: Piece): Bytes {
  return hmacPads(pads(key), message);
}

/** LP(a, b, …) of SPEC.md: each field behind its 2-byte length. */
export function lp(fields: (Bytes | string)[]): Piece {
  return fields.map((f) => [f.length >> 8, f.length & 255, f]);
}

/** First 16 bytes. */
export function t16(b: Bytes): Bytes {
  return cut(b, 0, 16);
}

/** Equal without an early exit. */
export function same(a: Bytes, b: Bytes): boolean {
  let d = a.length ^ b.length;
  for (let i = 0; i < a.length && i < b.length; i++) d |= a[i]! ^ b[i]!;
  return d === 0;
}
