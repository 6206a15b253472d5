/** Key sets: who may sign what, as a signed document with its own version (the root role of TUF).
 *  Version N+1 needs a threshold of the root keys of N and of N+1, and follows N by exactly one.
 *  A device holds only the release part (SPEC.md §2.1). */
import { Code } from "../errors.ts";
import { type CborDecoded, compareBytes, decode, encode } from "./cbor.ts";
import { CodedError } from "./codedError.ts";
import { keyId } from "./cose.ts";
import { ed25519Sign, ed25519Verify } from "./ed25519.ts";
import { parseLmsPublicKey } from "./lms/index.ts";

export const roleNames = ["root", "release", "agent"] as const;
export type RoleName = (typeof roleNames)[number];

export interface Role {
  /** signatures by different keys that are needed */
  threshold: number;
  /** root and agent: Ed25519, 32 bytes; release: LMS, 48 bytes */
  keys: Uint8Array[];
}

export interface KeySet {
  /** 1, 2, 3 … */
  version: number;
  roles: Record<RoleName, Role>;
}

export interface KeySetSignature {
  /** kid of a root key */
  kid: Uint8Array;
  signature: Uint8Array;
}

/** A key set with the signatures of its root keys (and of those before it). */
export interface SignedKeySet {
  /** exact signed bytes */
  body: Uint8Array;
  signatures: KeySetSignature[];
}

/** Keys of one role; the identity page has room for three release keys. */
export const roleKeysMax: Record<RoleName, number> = { root: 5, release: 3, agent: 3 };
const signaturesMax = 10;
/** Signed before the body, so that no key set can be taken for another document of the same key. */
const context = new TextEncoder().encode("FL1-keyset");

/** Writes the body of a key set. @throws CodedError MessageMalformed for a set that could not be read back */
export function encodeKeySet(keySet: KeySet): Uint8Array {
  const roles = roleNames.map((name): [string, (number | Uint8Array[])[]] => [
    name,
    [keySet.roles[name].threshold, keySet.roles[name].keys],
  ]);
  const body = encode({ version: keySet.version, roles: Object.fromEntries(roles) });
  decodeKeySet(body);
  return body;
}

/** Reads a body. @throws CodedError MessageMalformed */
export function decodeKeySet(body: Uint8Array): KeySet {
  const document = decode(body, { keysInOrder: true, depthMax: 5 });
  if (!(document instanceof Map) || document.size !== 2) throw malformed("expected two members");
  const version = document.get("version");
  if (typeof version !== "number" || version < 1 || version > 0xffff) {
    throw malformed("expected a version of 1..65535");
  }
  const roles = document.get("roles");
  if (!(roles instanceof Map) || roles.size !== roleNames.length) {
    throw malformed(`expected the roles ${roleNames.join(", ")}`);
  }
  const read = roleNames.map((name) => [name, readRole(name, roles.get(name))]);
  return { version, roles: Object.fromEntries(read) as Record<RoleName, Role> };
}

/** Signs a body with one root key. @param seed 32-byte Ed25519 seed */
export function signKeySet(
  body: Uint8Array,
  key: { seed: Uint8Array; publicKey: Uint8Array },
): KeySetSignature {
  return { kid: keyId(key.publicKey), signature: ed25519Sign(key.seed, message(body)) };
}

/** Body and signatures as one CBOR array, for a file. */
export function encodeSignedKeySet(signed: SignedKeySet): Uint8Array {
  const signatures = signed.signatures.map(({ kid, signature }) => [kid, signature]);
  return encode([signed.body, signatures]);
}

/** Reads what encodeSignedKeySet wrote. @throws CodedError MessageMalformed */
export function decodeSignedKeySet(bytes: Uint8Array): SignedKeySet {
  const items = decode(bytes, { keysInOrder: true });
  const [body, signatures] = Array.isArray(items) && items.length === 2 ? items : [];
  if (!(body instanceof Uint8Array) || !Array.isArray(signatures)) {
    throw malformed("expected body and signatures");
  }
  if (signatures.length > signaturesMax) throw malformed("too many signatures");
  return { body, signatures: signatures.map(readSignature) };
}

/** Accepts a key set.
 *  @param previous the set in force; null for the first one, which is trusted by where it came from
 *  @throws CodedError MessageMalformed; VersionUnsupported when the version does not follow;
 *  ManifestNoSignature when a threshold is missed; ManifestSignature when a known key's signature is wrong */
export function verifyKeySet(signed: SignedKeySet, previous: KeySet | null): KeySet {
  const next = decodeKeySet(signed.body);
  const expected = (previous?.version ?? 0) + 1;
  if (next.version !== expected) {
    throw new CodedError(
      Code.VersionUnsupported,
      `key set: expected version ${expected}, got ${next.version}`,
    );
  }
  if (previous !== null) needThreshold(`root of version ${previous.version}`, signed, previous);
  needThreshold(`root of version ${next.version}`, signed, next);
  return next;
}

function needThreshold(name: string, signed: SignedKeySet, keySet: KeySet): void {
  const root = keySet.roles.root;
  let count = 0;
  for (const key of root.keys) {
    const kid = keyId(key);
    const found = signed.signatures.find((entry) => compareBytes(entry.kid, kid) === 0);
    if (found === undefined) continue;
    if (!ed25519Verify(key, message(signed.body), found.signature)) {
      throw new CodedError(Code.ManifestSignature, `key set: a signature of the ${name} is wrong`);
    }
    count += 1;
  }
  if (count < root.threshold) {
    throw new CodedError(
      Code.ManifestNoSignature,
      `key set: expected ${root.threshold} signatures of the ${name}, got ${count}`,
    );
  }
}

function message(body: Uint8Array): Uint8Array {
  return encode([context, body]);
}

function readRole(name: RoleName, item: CborDecoded | undefined): Role {
  const [threshold, keys] = Array.isArray(item) && item.length === 2 ? item : [];
  if (typeof threshold !== "number" || !Array.isArray(keys)) {
    throw malformed(`${name}: expected [threshold, keys]`);
  }
  if (keys.length < 1 || keys.length > roleKeysMax[name]) {
    throw malformed(`${name}: expected 1..${roleKeysMax[name]} keys, got ${keys.length}`);
  }
  if (threshold < 1 || threshold > keys.length) {
    throw malformed(`${name}: expected a threshold of 1..${keys.length}, got ${threshold}`);
  }
  const read = keys.map((key) => readKey(name, key));
  const distinct = new Set(read.map((key) => Buffer.from(key).toString("hex")));
  if (distinct.size !== read.length) throw malformed(`${name}: a key stands twice`);
  return { threshold, keys: read };
}

function readKey(name: RoleName, key: CborDecoded): Uint8Array {
  if (!(key instanceof Uint8Array)) throw malformed(`${name}: a key is no byte string`);
  const fits = name === "release" ? isDeviceKey(key) : key.length === 32;
  if (!fits) throw malformed(`${name}: a key has the wrong form`);
  return key;
}

/** Devices verify M24/N24/W4 only. */
function isDeviceKey(key: Uint8Array): boolean {
  const parsed = parseLmsPublicKey(key);
  return parsed !== null && parsed.lms.m === 24 && parsed.ots.w === 4;
}

function readSignature(item: CborDecoded): KeySetSignature {
  const [kid, signature] = Array.isArray(item) && item.length === 2 ? item : [];
  if (!(kid instanceof Uint8Array) || !(signature instanceof Uint8Array)) {
    throw malformed("expected [kid, signature]");
  }
  return { kid, signature };
}

function malformed(finding: string): CodedError {
  return new CodedError(Code.MessageMalformed, `key set: ${finding}`);
}
