/** LM-OTS (RFC 8554 §4): the one-time signature under a leaf of a tree and under the wipe receipt. */
import { createHash } from "node:crypto";
import { Chains } from "./chain.ts";
import type { OtsParameters } from "./parameters.ts";

/** Where a one-time key lives: the tree's identifier and the leaf number. */
export interface OtsPlace {
  /** I, 16 bytes */
  identifier: Uint8Array;
  q: number;
}

/** Truncated SHA-256 over the parts. */
export function hashParts(n: number, parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest().subarray(0, n));
}

/** I ‖ u32 number ‖ u16 domain: the beginning of every hash but the chain's. */
export function domainPrefix(identifier: Uint8Array, number: number, domain: number): Uint8Array {
  const out = new Uint8Array(22);
  out.set(identifier);
  const view = new DataView(out.buffer);
  view.setUint32(16, number);
  view.setUint16(20, domain);
  return out;
}

export const domainPublic = 0x8080;
export const domainMessage = 0x8181;
export const domainLeaf = 0x8282;
export const domainInner = 0x8383;

/** Chain positions of a message: base-2^w digits of Q ‖ checksum. */
function digits(
  ots: OtsParameters,
  place: OtsPlace,
  randomizer: Uint8Array,
  message: Uint8Array,
): number[] {
  const prefix = domainPrefix(place.identifier, place.q, domainMessage);
  const digest = hashParts(ots.n, [prefix, randomizer, message]);
  const all = new Uint8Array(ots.n + 2);
  all.set(digest);
  const top = 2 ** ots.w - 1;
  const coefficient = (index: number) => {
    const bit = index * ots.w;
    return (all[bit >> 3]! >> (8 - ots.w - (bit & 7))) & top;
  };
  let sum = 0;
  for (let i = 0; i < (8 * ots.n) / ots.w; i++) sum += top - coefficient(i);
  new DataView(all.buffer).setUint16(ots.n, sum << ots.ls);
  return Array.from({ length: ots.p }, (_, i) => coefficient(i));
}

/** Public value K of a one-time key that is derived from a seed (RFC 8554 Appendix A).
 *  @param chains a stepper for the identifier; kept by the caller over the leaves of a tree */
export function otsPublic(
  ots: OtsParameters,
  place: OtsPlace,
  seed: Uint8Array,
  chains = new Chains(place.identifier, ots.n),
): Uint8Array {
  const ends = new Uint8Array(ots.n * ots.p);
  const steps = 2 ** ots.w - 1;
  for (let i = 0; i < ots.p; i++) chains.runFromSeed(place.q, i, seed, steps, ends, i * ots.n);
  return hashParts(ots.n, [domainPrefix(place.identifier, place.q, domainPublic), ends]);
}

/** Signs once: u32 type ‖ C ‖ y. The caller answers for never signing two messages at one place. */
export function otsSign(
  ots: OtsParameters,
  place: OtsPlace,
  seed: Uint8Array,
  randomizer: Uint8Array,
  message: Uint8Array,
): Uint8Array {
  const out = new Uint8Array(ots.signatureBytes);
  new DataView(out.buffer).setUint32(0, ots.type);
  out.set(randomizer.subarray(0, ots.n), 4);
  const chains = new Chains(place.identifier, ots.n);
  digits(ots, place, out.subarray(4, 4 + ots.n), message).forEach((steps, i) => {
    chains.runFromSeed(place.q, i, seed, steps, out, 4 + ots.n * (i + 1));
  });
  return out;
}

/** Public value that a signature leads to (RFC 8554 Algorithm 4b): valid iff it equals the signer's K.
 *  @returns null when type or length do not fit */
export function otsCandidate(
  ots: OtsParameters,
  place: OtsPlace,
  message: Uint8Array,
  signature: Uint8Array,
): Uint8Array | null {
  if (signature.length !== ots.signatureBytes) return null;
  const view = new DataView(signature.buffer, signature.byteOffset, signature.byteLength);
  if (view.getUint32(0) !== ots.type) return null;
  const n = ots.n;
  const ends = new Uint8Array(n * ots.p);
  const chains = new Chains(place.identifier, n);
  const top = 2 ** ots.w - 1;
  digits(ots, place, signature.subarray(4, 4 + n), message).forEach((from, i) => {
    const at = 4 + n * (i + 1);
    chains.run(place.q, i, signature.subarray(at, at + n), from, top, ends, i * n);
  });
  return hashParts(n, [domainPrefix(place.identifier, place.q, domainPublic), ends]);
}
