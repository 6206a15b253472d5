/** The SUIT manifest of SPEC.md §6: types, numbers and the writing side. Reading is suitVerify.ts. */
import { createHash } from "node:crypto";
import { Code } from "../errors.ts";
import { envelopeBytesMax, fieldLimit, limitsMax } from "../limits.ts";
import { type CborValue, encode, Tagged } from "./cbor.ts";
import { CodedError } from "./codedError.ts";
import { type Signer, signSign1 } from "./cose.ts";

/** What people read: carried in the manifest, never read by a device. */
export interface ManifestText {
  /** release name as people say it: "1.4.2" */
  version: string;
  type: "security" | "feature" | "fix";
  notes: string;
  /** ISO dates; an empty string means: not said */
  supportUntil?: string;
  endOfLife?: string;
  /** how to dispose of the product */
  disposal?: string;
}

export interface Manifest {
  /** u32; what runs */
  sequence: number;
  /** UUIDv5, 16 bytes */
  vendorId: Uint8Array;
  classId: Uint8Array;
  /** SHA-256 of the image text, 32 bytes */
  digest: Uint8Array;
  sizeBytes: number;
  /** u32; the least sequence that may run after this release was confirmed; at most `sequence` */
  floor: number;
  /** least and greatest interpreter version: ["2v25", "2v29"] */
  interpreter: readonly [string, string];
  /** uptime that a trial has */
  trialMinutes: number;
  /** least battery voltage to start the update; 0 means any */
  batteryMinMv: number;
  /** least and greatest value of vitals on trial, by their number in SPEC.md §4.2; null = no bound */
  limits: Record<number, readonly [number | null, number | null]> | null;
  /** "field": a person at the device has to vouch for it; then no answer of the agent is asked for */
  confirmedBy: "agent" | "field";
  /** interpreter variables that must be free to start the update; 0 means any */
  freeVariables: number;
  /** set in a downgrade ticket: the floor of the devices that may take it */
  downgradeFrom: number | null;
  text: ManifestText | null;
}

type Optional =
  | "trialMinutes"
  | "batteryMinMv"
  | "limits"
  | "confirmedBy"
  | "freeVariables"
  | "downgradeFrom"
  | "text";

/** What encodeManifest takes: what is left out is left out of the manifest, and has its default on the device. */
export type ManifestInput = Omit<Manifest, Optional> & Partial<Pick<Manifest, Optional>>;

/** An interpreter's version as it reports itself: "2v29" or "2v29.277". */
export const interpreterPattern = /^\d{1,3}v\d{1,4}(\.\d{1,6})?$/;

export const tagEnvelope = 107;
export const payloadUri = "fl:payload";
export const shaAlg = -16;

/** Keys of envelope and manifest (draft-ietf-suit-manifest §8). */
export const Key = {
  auth: 2,
  manifest: 3,
  version: 1,
  sequence: 2,
  common: 3,
  validate: 7,
  invoke: 9,
  install: 20,
  text: 23,
  dependencies: 1,
  components: 2,
  shared: 4,
} as const;

/** Commands; negative ones are private to this framework. */
export const Command = {
  vendor: 1,
  class: 2,
  image: 3,
  slot: 5,
  interpreter: -1,
  tryEach: 15,
  override: 20,
  fetch: 21,
  invoke: 23,
} as const;

/** Parameters; negative ones are private to this framework. */
export const Parameter = {
  vendor: 1,
  class: 2,
  digest: 3,
  slot: 5,
  size: 14,
  uri: 21,
  floor: -1,
  interpreter: -2,
  trialMinutes: -3,
  batteryMinMv: -4,
  limits: -5,
  freeVariables: -6,
  downgradeFrom: -7,
} as const;

/** Keys of the text map under "en": 2 is SUIT's update description, negative ones are private. */
export const TextKey = {
  notes: 2,
  version: -1,
  type: -2,
  supportUntil: -3,
  endOfLife: -4,
  disposal: -5,
} as const;

/** A release that is confirmed by a person in the field says so among its vitals limits, as a count of such persons that
 *  has to be 1: limits are passed on as they are, so the profile of the manifest needs nothing new. */
const fieldWord: NonNullable<Manifest["limits"]> = { [fieldLimit]: [1, null] };

/** Reporting policies as in the published examples: all events for a condition, failure for a directive. */
const reportAll = 15;
const reportFailure = 2;

/** Writes manifest bytes (the content of envelope key 3).
 *  @throws CodedError FloorAboveSequence; RangeError for lengths and ranges: the author's mistake */
export function encodeManifest(input: ManifestInput): Uint8Array {
  checkInput(input);
  const parameters = new Map<number, CborValue>([
    [Parameter.vendor, input.vendorId],
    [Parameter.class, input.classId],
    [Parameter.digest, encodeDigest(input.digest)],
    [Parameter.size, input.sizeBytes],
    [Parameter.floor, input.floor],
    [Parameter.interpreter, [...input.interpreter]],
  ]);
  if (input.trialMinutes !== undefined) parameters.set(Parameter.trialMinutes, input.trialMinutes);
  if (input.batteryMinMv !== undefined) parameters.set(Parameter.batteryMinMv, input.batteryMinMv);
  const limits = { ...input.limits, ...(input.confirmedBy === "field" ? fieldWord : {}) };
  if (Object.keys(limits).length > 0) parameters.set(Parameter.limits, limitsMap(limits));
  if (input.freeVariables) parameters.set(Parameter.freeVariables, input.freeVariables);
  if (typeof input.downgradeFrom === "number")
    parameters.set(Parameter.downgradeFrom, input.downgradeFrom);
  const shared = [
    ...[Command.override, parameters],
    ...[Command.vendor, reportAll],
    ...[Command.class, reportAll],
  ];
  const install = [
    ...[Command.interpreter, reportAll],
    ...[Command.override, new Map([[Parameter.uri, payloadUri]])],
    ...[Command.fetch, reportFailure],
    ...[Command.image, reportAll],
  ];
  const common = new Map<number, CborValue>([
    [Key.components, [[Uint8Array.of(0)]]],
    [Key.shared, encode(shared)],
  ]);
  const manifest = new Map<number, CborValue>([
    [Key.version, 1],
    [Key.sequence, input.sequence],
    [Key.common, encode(common)],
    [Key.validate, encode([Command.image, reportAll])],
    [Key.invoke, encode([Command.invoke, reportFailure])],
    [Key.install, encode(install)],
  ]);
  if (input.text) manifest.set(Key.text, encodeText(input.text));
  return encode(manifest);
}

/** Bytes that every signature block signs: the encoded SUIT_Digest of the wrapped manifest. */
export function manifestDigest(manifestBytes: Uint8Array): Uint8Array {
  // The digest covers the byte string's own header too (draft §8.3).
  const hash = createHash("sha256").update(encode(manifestBytes)).digest();
  return encodeDigest(hash);
}

/** Signs a manifest with each signer. @returns the blocks for encodeEnvelope */
export function signManifest(manifestBytes: Uint8Array, signers: readonly Signer[]): Uint8Array[] {
  const payload = manifestDigest(manifestBytes);
  return signers.map((signer) => signSign1(signer, payload));
}

/** Joins manifest and signature blocks to an envelope.
 *  @throws CodedError ManifestTooLarge */
export function encodeEnvelope(
  manifestBytes: Uint8Array,
  signatures: readonly Uint8Array[],
): Uint8Array {
  const auth = encode([manifestDigest(manifestBytes), ...signatures]);
  const envelope = encode(
    new Tagged(
      tagEnvelope,
      new Map([
        [Key.auth, auth],
        [Key.manifest, manifestBytes],
      ]),
    ),
  );
  if (envelope.length > envelopeBytesMax) {
    throw new CodedError(
      Code.ManifestTooLarge,
      `envelope: expected at most ${envelopeBytesMax} bytes, got ${envelope.length}; shorten the notes`,
    );
  }
  return envelope;
}

/** SUIT_Digest with SHA-256, encoded. */
export function encodeDigest(hash: Uint8Array): Uint8Array {
  return encode([shaAlg, new Uint8Array(hash)]);
}

function encodeText(text: ManifestText): Uint8Array {
  const map = new Map<number, CborValue>();
  for (const [name, key] of Object.entries(TextKey)) {
    const value = text[name as keyof ManifestText];
    if (value !== undefined && value !== "") map.set(key, value);
  }
  return encode({ en: map });
}

function limitsMap(limits: NonNullable<Manifest["limits"]>): CborValue {
  return new Map(
    Object.entries(limits).map(([vital, range]): [number, CborValue] => [+vital, [...range]]),
  );
}

function checkLimits(limits: NonNullable<Manifest["limits"]>): void {
  const vitals = Object.entries(limits);
  checkRange("vitals with limits", vitals.length, 1, limitsMax);
  for (const [vital, range] of vitals) {
    checkRange("vital", Number(vital), 1, 255);
    if (Number(vital) === fieldLimit)
      throw new RangeError(`manifest: vital ${vital} is confirmedBy: say it there`);
    for (const end of range) {
      if (end !== null) checkRange(`limit of vital ${vital}`, end, -0x80000000, 0x7fffffff);
    }
  }
}

function checkInput(input: ManifestInput): void {
  checkRange("sequence", input.sequence, 1, 0xffffffff);
  checkRange("floor", input.floor, 0, 0xffffffff);
  checkRange("image bytes", input.sizeBytes, 1, 0xffffffff);
  checkRange("trial minutes", input.trialMinutes ?? 1, 1, 0xffff);
  checkRange("battery millivolts", input.batteryMinMv ?? 0, 0, 0xffff);
  checkRange("free variables", input.freeVariables ?? 0, 0, 0xffff);
  checkRange("floor of the ticket", input.downgradeFrom ?? 0, 0, 0xffffffff);
  if (input.limits) checkLimits(input.limits);
  checkRange("vendor id bytes", input.vendorId.length, 16, 16);
  checkRange("class id bytes", input.classId.length, 16, 16);
  checkRange("digest bytes", input.digest.length, 32, 32);
  for (const version of input.interpreter) {
    if (!interpreterPattern.test(version)) {
      throw new RangeError(`manifest: expected an interpreter version like "2v29", got ${version}`);
    }
  }
  if (input.floor > input.sequence) {
    throw new CodedError(
      Code.FloorAboveSequence,
      `manifest: expected a floor of at most ${input.sequence}, got ${input.floor}`,
    );
  }
}

function checkRange(name: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`manifest: expected ${name} of ${least}..${most}, got ${value}`);
  }
}
