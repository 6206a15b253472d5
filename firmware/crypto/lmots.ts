import type { Bytes, Hal, Piece } from "../hal/hal.ts";

/** One-time signatures of SHA-256/192, W = 4 (RFC 8554 §4, RFC 9858 §3.1): what verifying and signing share. */

/** bytes of a value */
export const otsBytes = 24;
/** chains, each of at most 15 steps */
export const otsChains = 51;
export const otsType = 7;

/** The message's digest with its checksum: bytes whose first 51 half bytes say how far each chain goes.
 *  Source: RFC 8554 §4.4, algorithm 3 */
export function otsDigits(h: Hal, I: Bytes, q: Bytes, C: Piece, message: Piece): Bytes {
  const Q = h.sha(h.cat([I, q, 0x81, 0x81, C, message]));
  let sum = 0;
  for (let i = 0; i < otsBytes; i++) sum += 30 - (Q[i]! >> 4) - (Q[i]! & 15);
  Q[24] = sum >> 4;
  Q[25] = sum << 4;
  return Q;
}
