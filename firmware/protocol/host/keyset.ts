/** Key sets: who may sign what. One document (keysetChange.ts) for devices, agent and tools; here its reading and its judgement,
 *  by the rules and codes of the device (SPEC.md §12). The first set is trusted by where it came from; its root before is
 *  its own. */
import { Code } from "../errors.ts";
import { type CborDecoded, compareBytes, decode, encode } from "./cbor.ts";
import { CodedError } from "./codedError.ts";
import { keyId } from "./cose.ts";
import { encodeChange, type KeySetChange, type LmsRole, rootIdOf } from "./keysetChange.ts";
import { lmsVerify, parseLmsPublicKey } from "./lms/index.ts";

export const roleNames = ["root", "release", "agent"] as const;
export type RoleName = (typeof roleNames)[number];

/** Body and the pieces of its signatures, as devices fetch them. */
export interface SignedKeySet {
  /** exact signed bytes */
  body: Uint8Array;
  /** what signChange gave */
  signatures: Uint8Array[];
}

/** What root keys have done for a key set, and what they have not. */
export interface RootSignatures {
  /** kids (hex) whose signatures hold */
  signedBy: string[];
  /** signatures that the root before still owes, and the next root; both 0 = complete */
  missingBefore: number;
  missingNext: number;
}

const signaturesMax = 10;

/** Reads a body. @throws CodedError KeySetMalformed for what no device would take */
export function decodeKeySet(body: Uint8Array): KeySetChange {
  const items = decode(body, { depthMax: 4, code: Code.KeySetMalformed });
  if (!Array.isArray(items) || items.length !== 6) throw malformed("expected six members");
  const [version, before, root, release, agent, withSequence] = items;
  if (!isCount(version, 0xffff) || version === 0) throw malformed("expected a version of 1..65535");
  if (!isCount(withSequence, 0xffff_ffff)) throw malformed("expected a release to wait for, or 0");
  const change = {
    version,
    previousRoot: readRole("root before", before, 48),
    root: readRole("root", root, 48),
    release: readRole("release", release, 48),
    agent: readRole("agent", agent, 32),
    withSequence,
  };
  for (const key of [...change.root.keys, ...change.previousRoot.keys]) {
    if (!isDeviceKey(key, [5, 10])) throw malformed("root: a key has the wrong form");
  }
  if (!change.release.keys.every((key) => isDeviceKey(key, null))) {
    throw malformed("release: a key has the wrong form");
  }
  // One form for one meaning: what it would be written as is what was signed.
  if (compareBytes(encodeChange(change), body) !== 0) throw malformed("is written in another form");
  return change;
}

/** Body and signatures as one CBOR array, for a file. */
export function encodeSignedKeySet({ body, signatures }: SignedKeySet): Uint8Array {
  return encode([body, ...signatures]);
}

/** Reads what encodeSignedKeySet wrote. @throws CodedError KeySetMalformed */
export function decodeSignedKeySet(bytes: Uint8Array): SignedKeySet {
  const items = decode(bytes, { code: Code.KeySetMalformed });
  if (!Array.isArray(items) || items.length < 1 || items.length > signaturesMax + 1) {
    throw malformed(`expected a body and at most ${signaturesMax} signatures`);
  }
  if (!items.every((item) => item instanceof Uint8Array)) throw malformed("expected byte strings");
  const [body, ...signatures] = items as Uint8Array[];
  return { body: body!, signatures };
}

/** Judges the signatures that are there.
 *  @throws CodedError KeySetMalformed; ManifestSignature when one of a known root key is wrong */
export function rootSignatures({ body, signatures }: SignedKeySet): RootSignatures {
  const { previousRoot, root } = decodeKeySet(body);
  const message = encode(["FL1-keyset", body]);
  const known = new Map([...previousRoot.keys, ...root.keys].map((key) => [kidOf(key), key]));
  const signedBy: string[] = [];
  for (const [kid, signature] of signatures.map(readSignature)) {
    const key = known.get(kid);
    if (key === undefined || signedBy.includes(kid)) continue;
    if (!lmsVerify(key, message, signature)) {
      throw new CodedError(
        Code.ManifestSignature,
        `key set: the signature by root key ${kid} does not verify`,
      );
    }
    signedBy.push(kid);
  }
  const missing = (role: LmsRole) =>
    Math.max(0, role.threshold - role.keys.filter((key) => signedBy.includes(kidOf(key))).length);
  return { signedBy, missingBefore: missing(previousRoot), missingNext: missing(root) };
}

/** Accepts a key set, as a device does.
 *  @param previous the set in force; null for the first one
 *  @throws CodedError KeySetMalformed, KeySetVersion, KeySetRoot, ManifestSignature, ThresholdMissed */
export function verifyKeySet(signed: SignedKeySet, previous: KeySetChange | null): KeySetChange {
  const next = decodeKeySet(signed.body);
  const expected = (previous?.version ?? 0) + 1;
  if (next.version !== expected) {
    const found = `key set: expected version ${expected}, got ${next.version}`;
    throw new CodedError(Code.KeySetVersion, found);
  }
  const before = rootIdOf((previous ?? next).root);
  if (compareBytes(rootIdOf(next.previousRoot), before) !== 0) {
    const found = `key set ${next.version}: its root before is not the root of version ${expected - 1}`;
    throw new CodedError(Code.KeySetRoot, found);
  }
  const { missingBefore, missingNext } = rootSignatures(signed);
  if (missingBefore + missingNext > 0) {
    throw new CodedError(
      Code.ThresholdMissed,
      `key set ${next.version}: ${missingWords(missingBefore, missingNext)}`,
    );
  }
  return next;
}

/** Accepts a chain from its first set on. @throws CodedError as verifyKeySet */
export function verifyChain(chain: readonly SignedKeySet[]): KeySetChange[] {
  const sets: KeySetChange[] = [];
  for (const signed of chain) sets.push(verifyKeySet(signed, sets.at(-1) ?? null));
  return sets;
}

/** The set by which a release of this sequence is judged on a device that took every set: a set that waits for a release
 *  holds for those after it, and sets behind it wait with it.
 *  @param sets a chain from its first set on, not empty */
export function keySetFor(sets: readonly KeySetChange[], sequence: number): KeySetChange {
  const waiting = sets.findIndex((set) => set.withSequence >= sequence);
  return sets[waiting < 0 ? sets.length - 1 : Math.max(0, waiting - 1)]!;
}

/** "2 signatures of the root before and 1 of the next root are missing" */
export function missingWords(before: number, next: number): string {
  const count = (n: number) => `${n} signature${n === 1 ? "" : "s"}`;
  return `${count(before)} of the root before and ${count(next)} of the next root are missing`;
}

/** First 8 bytes of SHA-256 of a key, hex. */
export function kidOf(key: Uint8Array): string {
  return Buffer.from(keyId(key)).toString("hex");
}

function readRole(name: string, item: CborDecoded | undefined, bytes: number): LmsRole {
  const [threshold, run] = Array.isArray(item) && item.length === 2 ? item : [];
  if (!isCount(threshold, 5) || !(run instanceof Uint8Array) || run.length % bytes !== 0) {
    throw malformed(`${name}: expected [threshold, keys of ${bytes} bytes]`);
  }
  const keys = Array.from({ length: run.length / bytes }, (_, index) =>
    run.slice(index * bytes, (index + 1) * bytes),
  );
  return { threshold, keys };
}

/** Devices verify M24/N24/W4 only, and take signatures of root keys up to a height. */
function isDeviceKey(key: Uint8Array, heights: readonly number[] | null): boolean {
  const parsed = parseLmsPublicKey(key);
  const isKnown = parsed !== null && parsed.lms.m === 24 && parsed.ots.w === 4;
  return isKnown && (heights === null || heights.includes(parsed.lms.h));
}

function readSignature(piece: Uint8Array): [string, Uint8Array] {
  const item = decode(piece, { code: Code.KeySetMalformed });
  const [kid, signature] = Array.isArray(item) && item.length === 2 ? item : [];
  if (!(kid instanceof Uint8Array) || !(signature instanceof Uint8Array)) {
    throw malformed("expected [kid, signature]");
  }
  return [Buffer.from(kid).toString("hex"), signature];
}

function isCount(value: unknown, most: number): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= most;
}

function malformed(finding: string): CodedError {
  return new CodedError(Code.KeySetMalformed, `key set: ${finding}`);
}
