/** The SHA-256 parameter sets of LM-OTS and LMS: RFC 8554 (32 bytes) and RFC 9858 (24 bytes, "SHA-256/192"). */

export interface OtsParameters {
  readonly type: number;
  readonly name: string;
  /** hash bytes kept: 32 or 24 */
  readonly n: number;
  /** Winternitz bits per chain: 1, 2, 4, 8 */
  readonly w: number;
  /** chains */
  readonly p: number;
  /** left shift of the checksum */
  readonly ls: number;
  /** u32 type · C · y[0..p-1] */
  readonly signatureBytes: number;
}

export interface LmsParameters {
  readonly type: number;
  readonly name: string;
  /** hash bytes kept: 32 or 24 */
  readonly m: number;
  /** height of the tree; 2^h leaves */
  readonly h: number;
}

/** Widths in the order of their type numbers. */
const widths = [1, 2, 4, 8];
const heights = [5, 10, 15, 20, 25];

const otsTable = new Map<number, OtsParameters>();
const lmsTable = new Map<number, LmsParameters>();
for (const [n, firstOtsType, firstLmsType] of [
  [32, 1, 5],
  [24, 5, 10],
] as const) {
  widths.forEach((w, index) => {
    otsTable.set(firstOtsType + index, deriveOts(firstOtsType + index, n, w));
  });
  heights.forEach((h, index) => {
    const type = firstLmsType + index;
    lmsTable.set(type, { type, name: `LMS_SHA256_M${n}_H${h}`, m: n, h });
  });
}

/** Chain count and checksum shift by the formulas of RFC 8554 Appendix B. */
function deriveOts(type: number, n: number, w: number): OtsParameters {
  const u = (8 * n) / w;
  const v = Math.ceil((Math.floor(Math.log2((2 ** w - 1) * u)) + 1) / w);
  const p = u + v;
  return {
    type,
    name: `LMOTS_SHA256_N${n}_W${w}`,
    n,
    w,
    p,
    ls: 16 - v * w,
    signatureBytes: 4 + n * (p + 1),
  };
}

/** LMOTS_SHA256_N24_W4, the one that devices verify and the receipt key uses. */
export const otsN24W4 = 7;
/** LMS_SHA256_M24_H5, for tests; H10, H15, H20 and H25 follow by one. */
export const lmsM24H5 = 10;

/** Looks up an LM-OTS type. @returns null for a type we do not know */
export function otsParameters(type: number): OtsParameters | null {
  return otsTable.get(type) ?? null;
}

/** Looks up an LMS type. @returns null for a type we do not know */
export function lmsParameters(type: number): LmsParameters | null {
  return lmsTable.get(type) ?? null;
}

/** LMS type with 24-byte hashes of a height. @throws RangeError for a height that has no type */
export function lmsTypeOfHeight(height: number): number {
  const index = heights.indexOf(height);
  if (index < 0) throw new RangeError(`LMS height: expected 5, 10, 15, 20 or 25, got ${height}`);
  return lmsM24H5 + index;
}

/** Leaves, from 0, that belong to the desk that made the key: it signs with them without asking. The agent leases the
 *  others. One rule for all keys, so that an agent without memory of a key cannot lease what is in use. */
export function offlineLeaves(leaves: number): number {
  return leaves / 2;
}

/** Bytes of an LMS signature: u32 q · LM-OTS signature · u32 type · path. */
export function lmsSignatureBytes(lms: LmsParameters, ots: OtsParameters): number {
  return 8 + ots.signatureBytes + lms.h * lms.m;
}

/** Bytes of an LMS public key: u32 type · u32 LM-OTS type · I(16) · T[1]. */
export function lmsPublicKeyBytes(lms: LmsParameters): number {
  return 24 + lms.m;
}
