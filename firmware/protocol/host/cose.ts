/** COSE_Sign1 blocks (RFC 9052) with a detached payload, as SUIT uses them. SPEC.md §6. */
import { createHash, createPublicKey, verify } from "node:crypto";
import { Code } from "../errors.ts";
import { type CborDecoded, concatBytes, decode, encode, Tagged } from "./cbor.ts";
import { CodedError } from "./codedError.ts";
import { ed25519Verify } from "./ed25519.ts";
import { hssVerify } from "./lms/index.ts";

/** HSS/LMS (RFC 8778): what a device requires. */
export const algHssLms = -46;
/** Ed25519 (RFC 9864): for agent, CLI and third parties. */
export const algEd25519 = -19;
/** ECDSA P-256: only to check published SUIT examples. verifyEnvelope never counts it. */
export const algEs256 = -7;

/** COSE tag of Sign1; Sign (98), Mac0 (17) and Mac (97) are outside the profile. */
const tagSign1 = 18;
/** Bytes of an HSS/LMS block before its signature. */
const hssHeaderBytes = 22;
const headerAlg = 1;
const headerKid = 4;

/** One signature beside the manifest. */
export interface SignatureBlock {
  alg: number;
  /** 8 bytes; null when the block names no key (published examples) */
  kid: Uint8Array | null;
  /** encoded protected header, as signed */
  protectedHeader: Uint8Array;
  signature: Uint8Array;
}

/** Something that signs one message at a time: an LMS leaf or an Ed25519 key. */
export interface Signer {
  alg: number;
  /** LMS: 48 bytes; Ed25519: 32 bytes */
  publicKey: Uint8Array;
  /** LMS: the bare LMS signature, without the HSS prefix */
  sign(message: Uint8Array): Uint8Array;
}

/** kid of a key: first 8 bytes of SHA-256(public key). */
export function keyId(publicKey: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(publicKey).digest().subarray(0, 8));
}

/** Bytes that a COSE_Sign1 signature covers: Sig_structure with empty external data. */
export function toBeSigned(protectedHeader: Uint8Array, payload: Uint8Array): Uint8Array {
  return encode(["Signature1", protectedHeader, new Uint8Array(0), payload]);
}

/** Signs a detached payload. @returns the tagged COSE_Sign1 */
export function signSign1(signer: Signer, payload: Uint8Array): Uint8Array {
  const protectedHeader = encode(new Map([[headerAlg, signer.alg]]));
  const bare = signer.sign(toBeSigned(protectedHeader, payload));
  // HSS with one level is u32 "levels − 1" = 0 before the LMS signature (RFC 8554 §6.2).
  const signature = signer.alg === algHssLms ? concatBytes([new Uint8Array(4), bare]) : bare;
  const unprotected = new Map([[headerKid, keyId(signer.publicKey)]]);
  return encode(new Tagged(tagSign1, [protectedHeader, unprotected, null, signature]));
}

/** Reads one block strictly: protected header {1: alg}, unprotected {4: kid} or nothing, payload null.
 *  @throws CodedError ManifestMalformed, ManifestOutsideProfile */
export function parseSign1(bytes: Uint8Array): SignatureBlock {
  const item = decode(bytes, { depthMax: 4, keysInOrder: true, code: Code.ManifestMalformed });
  if (!(item instanceof Tagged) || item.tag !== tagSign1) {
    throw outside("signature block: expected COSE_Sign1 (tag 18)");
  }
  const parts = item.value as CborDecoded;
  if (!Array.isArray(parts) || parts.length !== 4) {
    throw malformed("signature block: expected four parts");
  }
  const [protectedHeader, unprotected, payload, signature] = parts;
  if (!(protectedHeader instanceof Uint8Array) || !(signature instanceof Uint8Array)) {
    throw malformed("signature block: header or signature is no byte string");
  }
  if (payload !== null) throw outside("signature block: the payload is not detached");
  return {
    alg: readAlg(protectedHeader),
    kid: readKid(unprotected),
    protectedHeader,
    signature,
  };
}

/** Reads a block of HSS/LMS in the one form that devices take: header {1: -46}, {4: kid}, no payload, HSS signature of one
 *  level. @returns null for whatever else it is */
export function hssBlock(bytes: unknown): (SignatureBlock & { kid: Uint8Array }) | null {
  if (!(bytes instanceof Uint8Array)) return null;
  const n = bytes.length - hssHeaderBytes;
  if (n < 256) return null;
  const tail = [0xf6, 0x59, n >> 8, n & 255, 0, 0, 0, 0];
  const is = (at: number, wanted: number[]) => wanted.every((byte, i) => bytes[at + i] === byte);
  if (!is(0, [0xd2, 0x84, 0x44, 0xa1, 1, 0x38, 0x2d, 0xa1, 4, 0x48]) || !is(18, tail)) return null;
  return {
    alg: algHssLms,
    kid: bytes.slice(10, 18),
    protectedHeader: bytes.slice(3, 7),
    signature: bytes.slice(hssHeaderBytes),
  };
}

/** Checks one block against one key. Never throws.
 *  @param publicKey of the block's algorithm; for ES256 a DER SubjectPublicKeyInfo */
export function verifySign1(
  block: SignatureBlock,
  publicKey: Uint8Array,
  payload: Uint8Array,
): boolean {
  const message = toBeSigned(block.protectedHeader, payload);
  if (block.alg === algHssLms) {
    const hssKey = concatBytes([Uint8Array.of(0, 0, 0, 1), publicKey]);
    return hssVerify(hssKey, message, block.signature);
  }
  if (block.alg === algEd25519) return ed25519Verify(publicKey, message, block.signature);
  if (block.alg === algEs256) return es256Verify(publicKey, message, block.signature);
  return false;
}

function readAlg(protectedHeader: Uint8Array): number {
  const options = { depthMax: 2, keysInOrder: true, code: Code.ManifestMalformed };
  const header = decode(protectedHeader, options);
  if (!(header instanceof Map)) throw malformed("protected header: expected a map");
  const alg = header.get(headerAlg);
  if (header.size !== 1 || typeof alg !== "number") {
    throw outside("protected header: expected only the algorithm");
  }
  return alg;
}

function readKid(unprotected: CborDecoded | undefined): Uint8Array | null {
  if (!(unprotected instanceof Map)) throw malformed("unprotected header: expected a map");
  if (unprotected.size === 0) return null;
  const kid = unprotected.get(headerKid);
  if (unprotected.size !== 1 || !(kid instanceof Uint8Array) || kid.length !== 8) {
    throw outside("unprotected header: expected only an 8-byte key id");
  }
  return kid;
}

function es256Verify(spki: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    const key = createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
    return verify("sha256", message, { key, dsaEncoding: "ieee-p1363" }, signature);
  } catch {
    return false;
  }
}

function malformed(message: string): CodedError {
  return new CodedError(Code.ManifestMalformed, message);
}

function outside(message: string): CodedError {
  return new CodedError(Code.ManifestOutsideProfile, message);
}
