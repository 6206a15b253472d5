/** Key-set change of SPEC.md §12: the document by which devices exchange the keys they trust. One document and one set of
 *  LMS signatures for every device and every tool. */
import { createHash } from "node:crypto";
import { Code } from "../errors.ts";
import { keySetBodyBytesMax, keySetSignatureBytesMax } from "../limits.ts";
import { concatBytes, encode } from "./cbor.ts";
import { CodedError } from "./codedError.ts";
import { keyId } from "./cose.ts";
import { lp } from "./kdf.ts";

export interface LmsRole {
  /** signatures by different keys that are needed */
  threshold: number;
  /** LMS public keys of 48 bytes; the agent's are Ed25519, 32 bytes */
  keys: readonly Uint8Array[];
}

export interface KeySetChange {
  /** of the next set: one more than the one before */
  version: number;
  /** root of the set before, in full: the device compares it with the root id it trusts */
  previousRoot: LmsRole;
  root: LmsRole;
  release: LmsRole;
  agent: LmsRole;
  /** release whose confirm brings it into force; 0 = at once */
  withSequence: number;
}

/** A root key that signs one message. */
export interface RootSigner {
  publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}

/** What a device keeps of a root: T16(SHA-256(LP("FL1-root", threshold, keys))). */
export function rootIdOf(root: LmsRole): Uint8Array {
  const fields = lp("FL1-root", String(root.threshold), concatBytes([...root.keys]));
  return new Uint8Array(createHash("sha256").update(fields).digest().subarray(0, 16));
}

/** Writes the body that root keys sign.
 *  @throws CodedError KeySetMalformed for a body that no device would take */
export function encodeChange(change: KeySetChange): Uint8Array {
  const { version, previousRoot, root, release, agent, withSequence } = change;
  const roles: [string, LmsRole, number, number][] = [
    ["root before", previousRoot, 48, 5],
    ["root", root, 48, 5],
    ["release", release, 48, 3],
    ["agent", agent, 32, 3],
  ];
  for (const [name, role, bytes, most] of roles) checkRole(name, role, bytes, most);
  const parts = roles.map(([, { threshold, keys }]) => [threshold, concatBytes([...keys])]);
  const body = encode([version, ...parts, withSequence]);
  if (body.length > keySetBodyBytesMax) throw malformed(`${body.length} bytes are too many`);
  return body;
}

/** Signs a body with one root key. @returns the piece that a device fetches */
export function signChange(body: Uint8Array, key: RootSigner): Uint8Array {
  const piece = encode([keyId(key.publicKey), key.sign(encode(["FL1-keyset", body]))]);
  if (piece.length > keySetSignatureBytesMax) {
    throw malformed(`a signature of ${piece.length} bytes: take a root key of height 5 or 10`);
  }
  return piece;
}

/** The document as devices fetch it, and the lengths of its pieces for message KEYS. */
export function changeDocument(body: Uint8Array, signatures: readonly Uint8Array[]) {
  const pieces = [body, ...signatures];
  return { document: concatBytes(pieces), lengths: pieces.map((piece) => piece.length) };
}

function checkRole(name: string, role: LmsRole, bytes: number, most: number): void {
  const { threshold, keys } = role;
  if (keys.length < 1 || keys.length > most || keys.some((key) => key.length !== bytes)) {
    throw malformed(`${name}: expected 1..${most} keys of ${bytes} bytes`);
  }
  const distinct = new Set(keys.map((key) => Buffer.from(key).toString("hex")));
  if (distinct.size !== keys.length) throw malformed(`${name}: a key stands twice`);
  if (threshold < 1 || threshold > keys.length) {
    throw malformed(`${name}: expected a threshold of 1..${keys.length}, got ${threshold}`);
  }
}

function malformed(finding: string): CodedError {
  return new CodedError(Code.KeySetMalformed, `key set: ${finding}`);
}
