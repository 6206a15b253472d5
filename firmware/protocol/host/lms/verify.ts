/** LMS and HSS verification (RFC 8554 §5.4.2 and §6.3), all SHA-256 sets of RFC 8554 and RFC 9858. */
import { compareBytes } from "../cbor.ts";
import { domainInner, domainLeaf, domainPrefix, hashParts, otsCandidate } from "./ots.ts";
import {
  type LmsParameters,
  lmsParameters,
  lmsPublicKeyBytes,
  lmsSignatureBytes,
  type OtsParameters,
  otsParameters,
} from "./parameters.ts";

/** Levels that RFC 8554 allows. */
const hssLevelsMax = 8;

export interface LmsPublicKey {
  lms: LmsParameters;
  ots: OtsParameters;
  /** I, 16 bytes */
  identifier: Uint8Array;
  /** T[1] */
  root: Uint8Array;
}

/** Reads u32 type ‖ u32 LM-OTS type ‖ I ‖ T[1].
 *  @returns null for an unknown type, types of different hash size, or a wrong length */
export function parseLmsPublicKey(bytes: Uint8Array): LmsPublicKey | null {
  if (bytes.length < 24) return null;
  const view = viewOf(bytes);
  const lms = lmsParameters(view.getUint32(0));
  const ots = otsParameters(view.getUint32(4));
  if (lms === null || ots === null || lms.m !== ots.n) return null;
  if (bytes.length !== lmsPublicKeyBytes(lms)) return null;
  return { lms, ots, identifier: bytes.slice(8, 24), root: bytes.slice(24) };
}

/** Checks one LMS signature. Never throws: bytes that are no signature are not valid.
 *  @param publicKey u32 type ‖ u32 LM-OTS type ‖ I ‖ T[1]
 *  @param signature u32 q ‖ LM-OTS signature ‖ u32 type ‖ path, exactly */
export function lmsVerify(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  const key = parseLmsPublicKey(publicKey);
  if (key === null || signature.length !== lmsSignatureBytes(key.lms, key.ots)) return false;
  const { lms, ots, identifier } = key;
  const view = viewOf(signature);
  const q = view.getUint32(0);
  const typeAt = 4 + ots.signatureBytes;
  if (q >= 2 ** lms.h || view.getUint32(typeAt) !== lms.type) return false;
  const candidate = otsCandidate(ots, { identifier, q }, message, signature.subarray(4, typeAt));
  if (candidate === null) return false;
  let node = 2 ** lms.h + q;
  let value = hashParts(lms.m, [domainPrefix(identifier, node, domainLeaf), candidate]);
  for (let level = 0; level < lms.h; level++) {
    const at = typeAt + 4 + level * lms.m;
    const sibling = signature.subarray(at, at + lms.m);
    const pair = node % 2 === 1 ? [sibling, value] : [value, sibling];
    node = node >>> 1;
    value = hashParts(lms.m, [domainPrefix(identifier, node, domainInner), ...pair]);
  }
  return compareBytes(value, key.root) === 0;
}

/** Checks an HSS signature of any number of levels. Never throws.
 *  @param publicKey u32 L ‖ LMS public key
 *  @param signature u32 L−1 ‖ (LMS signature ‖ LMS public key)… ‖ LMS signature */
export function hssVerify(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (publicKey.length < 28 || signature.length < 4) return false;
  const levels = viewOf(publicKey).getUint32(0);
  if (levels < 1 || levels > hssLevelsMax) return false;
  if (viewOf(signature).getUint32(0) !== levels - 1) return false;
  let key = publicKey.subarray(4);
  let at = 4;
  for (let level = 1; level < levels; level++) {
    const parsed = parseLmsPublicKey(key);
    if (parsed === null) return false;
    const signatureEnd = at + lmsSignatureBytes(parsed.lms, parsed.ots);
    if (signatureEnd + 4 > signature.length) return false;
    const nextType = lmsParameters(viewOf(signature).getUint32(signatureEnd));
    if (nextType === null) return false;
    const keyEnd = signatureEnd + lmsPublicKeyBytes(nextType);
    const nextKey = signature.subarray(signatureEnd, keyEnd);
    if (!lmsVerify(key, nextKey, signature.subarray(at, signatureEnd))) return false;
    key = nextKey;
    at = keyEnd;
  }
  return lmsVerify(key, message, signature.subarray(at));
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
