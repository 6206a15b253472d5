/** Reading signed envelopes on the host: signatures, then the profile (suitProfile.ts), then what people read. */
import { createHash } from "node:crypto";
import { Code } from "../errors.ts";
import { fieldLimit, trialMinutesDefault } from "../limits.ts";
import { type CborDecoded, type CborKey, compareBytes, decode, encode } from "./cbor.ts";
import { CodedError } from "./codedError.ts";
import {
  algEd25519,
  hssBlock,
  keyId,
  parseSign1,
  type SignatureBlock,
  toBeSigned,
  verifySign1,
} from "./cose.ts";
import {
  encodeDigest,
  interpreterPattern,
  Key,
  type Manifest,
  type ManifestText,
  Parameter,
  TextKey,
} from "./suit.ts";
import {
  type Envelope,
  evaluate,
  isCount,
  malformed,
  openEnvelope,
  outside,
  type Receiver,
} from "./suitProfile.ts";

/** Whom the verifier trusts. */
export interface TrustedKeys {
  /** LMS release keys, 48 bytes each */
  release: readonly Uint8Array[];
  /** LMS signatures by different keys that are needed; default 1 */
  threshold?: number;
  /** Ed25519 keys, 32 bytes each; a block by one of them must be valid, but none is needed. Default none */
  ed25519?: readonly Uint8Array[];
}

export interface VerifiedManifest extends Manifest {
  manifestBytes: Uint8Array;
  /** kids of the keys whose signatures counted, LMS first */
  signedBy: Uint8Array[];
}

/** Checks an envelope wholly: size, form, digest, signatures, profile, text. Sequence and battery are for the receiver to
 *  compare; so are vendor, class and interpreter where `receiver` does not give them.
 *  @throws CodedError for everything that is not exactly the profile; nothing else */
export function verifyEnvelope(
  bytes: Uint8Array,
  keys: TrustedKeys,
  receiver: Receiver = {},
): VerifiedManifest {
  const envelope = openEnvelope(bytes, false);
  checkDigest(envelope);
  // Signature before parsing: nothing of the manifest is looked at before this line.
  const signedBy = checkSignatures(envelope, keys);
  const manifest = readManifest(envelope.manifestBytes, receiver);
  return { ...manifest, manifestBytes: envelope.manifestBytes, signedBy };
}

/** What a device of that kind makes of an envelope: the same plan or the same code as its own code gives.
 *  @throws CodedError */
export function judgeAsDevice(bytes: Uint8Array, keys: TrustedKeys, receiver: Receiver): Manifest {
  const envelope = openEnvelope(bytes, false);
  checkDigest(envelope);
  checkSignatures(envelope, { ...keys, ed25519: [] });
  return { ...manifestOf(envelope.manifestBytes, receiver), text: null };
}

/** Takes an envelope apart without trusting it.
 *  @param options.withSevered also take envelopes with further members, as published examples have them: tests only
 *  @throws CodedError ManifestTooLarge, ManifestMalformed, ManifestOutsideProfile */
export function readEnvelope(bytes: Uint8Array, options: { withSevered?: boolean } = {}): Envelope {
  return openEnvelope(bytes, options.withSevered === true);
}

/** Compares the digest of the authentication wrapper with the manifest.
 *  @throws CodedError ManifestDigest */
export function checkDigest(envelope: Envelope): void {
  const actual = createHash("sha256").update(encode(envelope.manifestBytes)).digest();
  if (compareBytes(envelope.digestBytes, encodeDigest(actual)) !== 0) {
    throw new CodedError(Code.ManifestDigest, "manifest: does not have the digest that is signed");
  }
}

/** The sequence that an envelope claims, whoever signed it: it tells which key set is asked.
 *  @throws CodedError as readEnvelope and readManifest */
export function sequenceOf(bytes: Uint8Array): number {
  return manifestOf(readEnvelope(bytes).manifestBytes, {}).sequence;
}

/** Which release keys signed an envelope, whether they are enough or not.
 *  @param release LMS keys, 48 bytes each; blocks by others are passed over
 *  @returns kids (hex) in the order of their blocks
 *  @throws CodedError as readEnvelope; ManifestDigest; ManifestSignature when a block of one of the keys signs something else */
export function signersOf(bytes: Uint8Array, release: readonly Uint8Array[]): string[] {
  const envelope = readEnvelope(bytes);
  checkDigest(envelope);
  return countSigners(envelope, hssBlock, release).valid.map(hex);
}

/** Which LMS leaves an envelope used, and for what. The agent keeps these: one leaf with two digests means that the
 *  signer's state went backwards.
 *  @throws CodedError as readEnvelope */
export function leavesUsed(bytes: Uint8Array): { kid: string; leaf: number; digest: string }[] {
  const envelope = readEnvelope(bytes);
  const blocks = envelope.blocks.map(hssBlock).filter((block) => block !== null);
  return blocks.map(({ kid, protectedHeader, signature }) => {
    const view = new DataView(signature.buffer, signature.byteOffset);
    const message = toBeSigned(protectedHeader, envelope.digestBytes);
    const digest = createHash("sha256").update(message).digest("hex");
    // u32 levels − 1, then the LMS signature, which begins with its leaf.
    return { kid: hex(kid), leaf: view.getUint32(4), digest };
  });
}

function checkSignatures(envelope: Envelope, keys: TrustedKeys): Uint8Array[] {
  const lms = countSigners(envelope, hssBlock, keys.release);
  const threshold = keys.threshold ?? 1;
  if (lms.valid.length < threshold) {
    const found = lms.valid.length;
    const unknown = found === 0 && lms.unknown > 0;
    throw new CodedError(
      found ? Code.ThresholdMissed : unknown ? Code.ManifestKeyUnknown : Code.ManifestNoSignature,
      unknown
        ? "envelope: signed only by keys that are not trusted here"
        : `envelope: expected ${threshold} release signatures, got ${found}${byWhom(lms.valid)}`,
    );
  }
  const ed25519 = countSigners(envelope, ed25519Block, keys.ed25519 ?? []);
  return [...lms.valid, ...ed25519.valid];
}

function byWhom(kids: readonly Uint8Array[]): string {
  return kids.length === 0 ? "" : ` (by key ${kids.map(hex).join(", ")})`;
}

/** A key's second signature counts for nothing; a wrong one by a known key is refused whatever else is there. */
function countSigners(
  envelope: Envelope,
  read: (bytes: unknown) => SignatureBlock | null,
  trusted: readonly Uint8Array[],
): { valid: Uint8Array[]; unknown: number } {
  const known = new Map(trusted.map((key) => [hex(keyId(key)), key]));
  const valid: Uint8Array[] = [];
  let unknown = 0;
  for (const bytes of envelope.blocks) {
    if (!(bytes instanceof Uint8Array)) throw malformed("signature block: no byte string");
    const block = read(bytes);
    if (block === null || block.kid === null) continue;
    const { kid } = block;
    const key = known.get(hex(kid));
    if (key === undefined) {
      unknown += 1;
      continue;
    }
    if (valid.some((other) => compareBytes(other, kid) === 0)) continue;
    if (!verifySign1(block, key, envelope.digestBytes)) {
      throw new CodedError(
        Code.ManifestSignature,
        `envelope: the signature by key ${hex(kid)} does not verify`,
      );
    }
    valid.push(kid);
  }
  return { valid, unknown };
}

/** A block of Ed25519; null for anything else, which is none of this receiver's business. */
function ed25519Block(bytes: unknown): SignatureBlock | null {
  try {
    const block = bytes instanceof Uint8Array ? parseSign1(bytes) : null;
    return block?.alg === algEd25519 ? block : null;
  } catch (error) {
    if (error instanceof CodedError) return null;
    throw error;
  }
}

/** Reads manifest bytes by the profile, without looking at signatures.
 *  @throws CodedError ManifestMalformed, ManifestOutsideProfile, ManifestVersion, FloorAboveSequence, and those of the
 *  conditions for what `receiver` gives */
export function readManifest(manifestBytes: Uint8Array, receiver: Receiver = {}): Manifest {
  const manifest = manifestOf(manifestBytes, receiver);
  if (manifest.interpreter.some((end) => !interpreterPattern.test(end))) {
    throw malformed('interpreter range: expected two versions like "2v29"');
  }
  return { ...manifest, text: readText(manifestBytes) };
}

/** What a device of that kind makes of manifest bytes whose signatures have checked. @throws CodedError */
export function manifestOf(manifestBytes: Uint8Array, receiver: Receiver): Omit<Manifest, "text"> {
  const { members, parameters } = evaluate(manifestBytes, receiver);
  const count = (key: number) => (parameters[key] || 0) as number;
  const downgradeFrom = parameters[Parameter.downgradeFrom];
  const { [fieldLimit]: fieldWord, ...vitals } = (parameters[Parameter.limits] || {}) as object &
    Record<number, readonly [number | null, number | null]>;
  return {
    sequence: members[Key.sequence] as number,
    vendorId: parameters[Parameter.vendor] as Uint8Array,
    classId: parameters[Parameter.class] as Uint8Array,
    digest: (parameters[Parameter.digest] as Uint8Array).slice(4),
    sizeBytes: count(Parameter.size),
    floor: count(Parameter.floor),
    interpreter: (parameters[Parameter.interpreter] as unknown[]).map(String) as [string, string],
    trialMinutes: count(Parameter.trialMinutes) || trialMinutesDefault,
    batteryMinMv: count(Parameter.batteryMinMv),
    limits: Object.keys(vitals).length > 0 ? vitals : null,
    confirmedBy: fieldWord ? "field" : "agent",
    freeVariables: count(Parameter.freeVariables),
    downgradeFrom: isCount(downgradeFrom) ? downgradeFrom : null,
  };
}

/** What people read: checked by whoever publishes, never read by a device. */
function readText(manifestBytes: Uint8Array): ManifestText | null {
  const value = asMap("manifest", parse(manifestBytes)).get(Key.text);
  if (value === undefined) return null;
  if (!(value instanceof Uint8Array)) throw malformed("text: expected a byte string");
  const languages = asMap("text", parse(value));
  onlyKeys("text", languages, ["en"]);
  const members = asMap("text", languages.get("en"));
  onlyKeys("text", members, Object.values(TextKey));
  const read = (key: number) => {
    const text = members.get(key);
    if (text !== undefined && typeof text !== "string") throw malformed("text: expected strings");
    return text;
  };
  const type = read(TextKey.type);
  if (type !== "security" && type !== "feature" && type !== "fix") {
    throw outside("text: expected the type security, feature or fix");
  }
  return {
    version: read(TextKey.version) ?? "",
    type,
    notes: read(TextKey.notes) ?? "",
    supportUntil: read(TextKey.supportUntil) ?? "",
    endOfLife: read(TextKey.endOfLife) ?? "",
    disposal: read(TextKey.disposal) ?? "",
  };
}

type Languages = Map<CborKey, CborDecoded>;

function parse(bytes: Uint8Array): CborDecoded {
  return decode(bytes, { depthMax: 8, code: Code.ManifestMalformed });
}

function asMap(name: string, value: CborDecoded | undefined): Languages {
  if (value === undefined) throw outside(`${name}: is missing`);
  if (!(value instanceof Map)) throw malformed(`${name}: expected a map`);
  return value;
}

function onlyKeys(name: string, map: Languages, allowed: readonly CborKey[]): void {
  for (const key of map.keys()) {
    if (!allowed.includes(key)) throw outside(`${name}: key ${key} has no place here`);
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
