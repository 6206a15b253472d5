/** The strict reading side of the SUIT profile (SPEC.md §6): one accepted form, everything else has a code. */
import { createHash } from "node:crypto";
import { Code } from "../errors.ts";
import { envelopeBytesMax, manifestCommandsMax, trialMinutesDefault } from "../limits.ts";
import { type CborDecoded, type CborKey, compareBytes, decode, encode, Tagged } from "./cbor.ts";
import { CodedError } from "./codedError.ts";
import {
  algEd25519,
  algHssLms,
  keyId,
  parseSign1,
  type SignatureBlock,
  toBeSigned,
  verifySign1,
} from "./cose.ts";
import {
  Command,
  interpreterPattern,
  Key,
  type Manifest,
  type ManifestText,
  Parameter,
  payloadUri,
  shaAlg,
  TextKey,
  tagEnvelope,
} from "./suit.ts";

/** Blocks beside one manifest, as on the device: three LMS and three Ed25519 keys. */
const blocksMax = 6;

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

export interface Envelope {
  /** encoded SUIT_Digest: what the blocks sign */
  digestBytes: Uint8Array;
  /** encoded COSE blocks */
  blocks: Uint8Array[];
  manifestBytes: Uint8Array;
}

/** Checks an envelope wholly: size, form, digest, signatures, profile. Vendor, class, interpreter, sequence and
 *  battery are for the receiver to compare.
 *  @throws CodedError for everything that is not exactly the profile; nothing else */
export function verifyEnvelope(bytes: Uint8Array, keys: TrustedKeys): VerifiedManifest {
  const envelope = readEnvelope(bytes);
  checkDigest(envelope);
  // Signature before parsing: nothing of the manifest is looked at before this line.
  const signedBy = checkSignatures(envelope, keys);
  const manifest = readManifest(envelope.manifestBytes);
  return { ...manifest, manifestBytes: envelope.manifestBytes, signedBy };
}

/** Takes an envelope apart without trusting it.
 *  @param options.withSevered also take envelopes with further members, as published examples have them: tests only
 *  @throws CodedError ManifestTooLarge, ManifestMalformed, ManifestOutsideProfile */
export function readEnvelope(bytes: Uint8Array, options: { withSevered?: boolean } = {}): Envelope {
  if (bytes.length > envelopeBytesMax) {
    throw new CodedError(
      Code.ManifestTooLarge,
      `envelope: expected at most ${envelopeBytesMax} bytes, got ${bytes.length}`,
    );
  }
  const item = parse(bytes);
  if (!(item instanceof Tagged) || item.tag !== tagEnvelope) {
    throw outside("envelope: expected tag 107");
  }
  const members = asMap("envelope", item.value as CborDecoded);
  if (!options.withSevered) onlyKeys("envelope", members, [Key.auth, Key.manifest]);
  const auth = parse(asBytes("authentication wrapper", members.get(Key.auth)));
  if (!Array.isArray(auth)) throw malformed("authentication wrapper: expected an array");
  if (auth.length > blocksMax + 1) throw outside(`envelope: more than ${blocksMax} signatures`);
  const [digestBytes, ...blocks] = auth.map((part) => asBytes("authentication part", part));
  if (digestBytes === undefined) throw malformed("authentication wrapper: no digest");
  return { digestBytes, blocks, manifestBytes: asBytes("manifest", members.get(Key.manifest)) };
}

/** Compares the digest of the authentication wrapper with the manifest.
 *  @throws CodedError ManifestDigest, ManifestMalformed, ManifestOutsideProfile */
export function checkDigest(envelope: Envelope): void {
  const expected = readDigest("manifest digest", envelope.digestBytes);
  const actual = createHash("sha256").update(encode(envelope.manifestBytes)).digest();
  if (compareBytes(expected, actual) !== 0) {
    throw new CodedError(Code.ManifestDigest, "manifest: does not have the digest that is signed");
  }
}

/** Which LMS leaves an envelope used, and for what. The agent keeps these: one leaf with two digests means that the
 *  signer's state went backwards.
 *  @throws CodedError as readEnvelope and parseSign1 */
export function leavesUsed(bytes: Uint8Array): { kid: string; leaf: number; digest: string }[] {
  const envelope = readEnvelope(bytes);
  const blocks = envelope.blocks.map(parseSign1).filter((block) => block.alg === algHssLms);
  return blocks.map(({ kid, protectedHeader, signature }) => {
    if (kid === null || signature.length < 8) throw outside("signature block: no LMS signature");
    const view = new DataView(signature.buffer, signature.byteOffset);
    const message = toBeSigned(protectedHeader, envelope.digestBytes);
    const digest = createHash("sha256").update(message).digest("hex");
    // u32 levels − 1, then the LMS signature, which begins with its leaf.
    return { kid: hex(kid), leaf: view.getUint32(4), digest };
  });
}

function checkSignatures(envelope: Envelope, keys: TrustedKeys): Uint8Array[] {
  const lms = countSigners(envelope, algHssLms, keys.release);
  const threshold = keys.threshold ?? 1;
  if (lms.valid.length < threshold) {
    const unknown = lms.valid.length === 0 && lms.unknown > 0;
    throw new CodedError(
      unknown ? Code.ManifestKeyUnknown : Code.ManifestNoSignature,
      unknown
        ? "envelope: signed only by keys that are not trusted here"
        : `envelope: expected ${threshold} release signatures, got ${lms.valid.length}`,
    );
  }
  const ed25519 = countSigners(envelope, algEd25519, keys.ed25519 ?? []);
  return [...lms.valid, ...ed25519.valid];
}

function countSigners(
  envelope: Envelope,
  alg: number,
  trusted: readonly Uint8Array[],
): { valid: Uint8Array[]; unknown: number } {
  const known = new Map(trusted.map((key) => [hex(keyId(key)), key]));
  const valid: Uint8Array[] = [];
  let unknown = 0;
  for (const bytes of envelope.blocks) {
    const block: SignatureBlock = parseSign1(bytes);
    if (block.alg !== alg) continue;
    if (block.kid === null) throw outside("signature block: names no key");
    const key = known.get(hex(block.kid));
    if (key === undefined) {
      unknown += 1;
      continue;
    }
    if (!verifySign1(block, key, envelope.digestBytes)) {
      throw new CodedError(
        Code.ManifestSignature,
        `envelope: the signature by key ${hex(block.kid)} does not verify`,
      );
    }
    if (valid.some((kid) => compareBytes(kid, block.kid!) === 0)) {
      throw outside(`envelope: key ${hex(block.kid)} signed twice`);
    }
    valid.push(block.kid);
  }
  return { valid, unknown };
}

/** Reads manifest bytes by the profile, without looking at signatures.
 *  @throws CodedError ManifestMalformed, ManifestOutsideProfile, ManifestVersion, FloorAboveSequence */
export function readManifest(manifestBytes: Uint8Array): Manifest {
  const manifest = asMap("manifest", parse(manifestBytes));
  const version = asUint("manifest version", manifest.get(Key.version));
  if (version !== 1) {
    throw new CodedError(Code.ManifestVersion, `manifest: expected version 1, got ${version}`);
  }
  const { version: v, sequence: s, common: c, validate, invoke, install, text } = Key;
  onlyKeys("manifest", manifest, [v, s, c, validate, invoke, install, text]);
  const sequence = asUint("sequence", manifest.get(Key.sequence));
  if (sequence === 0) throw outside("manifest: sequence 0 means no release");
  const sequences = readSequences(manifest);
  const parameters = readParameters(sequences.parameters);
  if (parameters.floor > sequence) {
    throw new CodedError(
      Code.FloorAboveSequence,
      `manifest: expected a floor of at most ${sequence}, got ${parameters.floor}`,
    );
  }
  return { sequence, ...parameters, text: readText(manifest.get(Key.text)) };
}

type Members = Map<CborKey, CborDecoded>;

/** Holds every command against the one form that devices run. */
function readSequences(manifest: Members): { parameters: Members } {
  const common = asMap("common", parse(asBytes("common", manifest.get(Key.common))));
  onlyKeys("common", common, [Key.components, Key.shared]);
  const components = common.get(Key.components);
  if (compareBytes(encode((components ?? null) as never), oneComponent) !== 0) {
    throw outside("common: expected the one component h'00'");
  }
  const { override, vendor, class: classOf, image, interpreter, fetch, invoke } = Command;
  const shared = commands("shared sequence", common.get(Key.shared));
  const install = commands("install", manifest.get(Key.install));
  const validate = commands("validate", manifest.get(Key.validate));
  const run = commands("invoke", manifest.get(Key.invoke));
  if (shared.length + install.length + validate.length + run.length > manifestCommandsMax) {
    throw outside(`manifest: more than ${manifestCommandsMax} commands`);
  }
  expectCommands("shared sequence", shared, [override, vendor, classOf]);
  expectCommands("install", install, [interpreter, override, fetch, image]);
  expectCommands("validate", validate, [image]);
  expectCommands("invoke", run, [invoke]);
  const source = asMap("install parameters", install[1]![1]);
  onlyKeys("install parameters", source, [Parameter.uri]);
  if (source.get(Parameter.uri) !== payloadUri) throw outside(`install: expected ${payloadUri}`);
  return { parameters: asMap("parameters", shared[0]![1]) };
}

const oneComponent = encode([[Uint8Array.of(0)]]);

function commands(name: string, value: CborDecoded | undefined): [number, CborDecoded][] {
  const items = parse(asBytes(name, value));
  if (!Array.isArray(items) || items.length % 2 !== 0) {
    throw malformed(`${name}: expected pairs of command and argument`);
  }
  const pairs: [number, CborDecoded][] = [];
  for (let i = 0; i < items.length; i += 2) {
    const command = items[i];
    if (typeof command !== "number") throw malformed(`${name}: a command is no integer`);
    pairs.push([command, items[i + 1]!]);
  }
  return pairs;
}

function expectCommands(
  name: string,
  pairs: [number, CborDecoded][],
  expected: readonly number[],
): void {
  const found = pairs.map(([command]) => command);
  if (found.join() !== expected.join()) {
    throw outside(`${name}: expected the commands ${expected.join(", ")}, got ${found.join(", ")}`);
  }
  for (const [command, argument] of pairs) {
    if (command === Command.override) continue;
    if (typeof argument !== "number" || argument < 0 || argument > 15) {
      throw outside(`${name}: command ${command} has no reporting policy of 0..15`);
    }
  }
}

function readParameters(parameters: Members): Omit<Manifest, "sequence" | "text"> {
  const { uri: _uri, ...known } = Parameter;
  onlyKeys("parameters", parameters, Object.values(known));
  const interpreter = parameters.get(Parameter.interpreter);
  if (
    !Array.isArray(interpreter) ||
    interpreter.length !== 2 ||
    interpreter.some((end) => typeof end !== "string" || !interpreterPattern.test(end))
  ) {
    throw malformed('interpreter range: expected two versions like "2v29"');
  }
  const trial = parameters.get(Parameter.trialMinutes) ?? trialMinutesDefault;
  const battery = parameters.get(Parameter.batteryMinMv) ?? 0;
  const sizeBytes = asUint("image size", parameters.get(Parameter.size));
  if (sizeBytes === 0) throw outside("parameters: an image of no bytes");
  return {
    vendorId: sized("vendor id", parameters.get(Parameter.vendor), 16),
    classId: sized("class id", parameters.get(Parameter.class), 16),
    digest: readDigest("image digest", asBytes("image digest", parameters.get(Parameter.digest))),
    sizeBytes,
    floor: asUint("floor", parameters.get(Parameter.floor)),
    interpreter: [interpreter[0] as string, interpreter[1] as string],
    trialMinutes: asUint("trial minutes", trial),
    batteryMinMv: asUint("battery millivolts", battery),
  };
}

function readText(value: CborDecoded | undefined): ManifestText | null {
  if (value === undefined) return null;
  const languages = asMap("text", parse(asBytes("text", value)));
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

function readDigest(name: string, bytes: Uint8Array): Uint8Array {
  const pair = parse(bytes);
  if (!Array.isArray(pair) || pair.length !== 2) throw malformed(`${name}: expected a pair`);
  if (pair[0] !== shaAlg) throw outside(`${name}: expected SHA-256`);
  return sized(name, pair[1], 32);
}

function parse(bytes: Uint8Array): CborDecoded {
  return decode(bytes, { depthMax: 4, keysInOrder: true, code: Code.ManifestMalformed });
}

function asMap(name: string, value: CborDecoded | undefined): Members {
  if (value === undefined) throw outside(`${name}: is missing`);
  if (!(value instanceof Map)) throw malformed(`${name}: expected a map`);
  return value;
}

function asBytes(name: string, value: CborDecoded | undefined): Uint8Array {
  if (value === undefined) throw outside(`${name}: is missing`);
  if (!(value instanceof Uint8Array)) throw malformed(`${name}: expected a byte string`);
  return value;
}

function asUint(name: string, value: CborDecoded | undefined): number {
  if (value === undefined) throw outside(`${name}: is missing`);
  if (typeof value !== "number" || value < 0 || value > 0xffffffff) {
    throw malformed(`${name}: expected an unsigned 32-bit integer`);
  }
  return value;
}

function sized(name: string, value: CborDecoded | undefined, length: number): Uint8Array {
  const bytes = asBytes(name, value);
  if (bytes.length !== length) {
    throw malformed(`${name}: expected ${length} bytes, got ${bytes.length}`);
  }
  return bytes;
}

function onlyKeys(name: string, map: Members, allowed: readonly CborKey[]): void {
  for (const key of map.keys()) {
    if (!allowed.includes(key)) throw outside(`${name}: key ${key} has no place here`);
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function malformed(message: string): CodedError {
  return new CodedError(Code.ManifestMalformed, message);
}

function outside(message: string): CodedError {
  return new CodedError(Code.ManifestOutsideProfile, message);
}
