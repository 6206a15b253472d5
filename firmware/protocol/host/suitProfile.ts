/** The SUIT profile of SPEC.md §6 as a device evaluates it (core/parts/signed.ts, core/parts/suit.ts), in the host's terms:
 *  same order, same verdict, same code on every input. */
import { decode, encode as encodePieces, type Pieces } from "../cbor.ts";
import { Code } from "../errors.ts";
import { envelopeBytesMax, manifestCommandsMax } from "../limits.ts";
import { compareBytes } from "./cbor.ts";
import { CodedError } from "./codedError.ts";
import { Command, Key, Parameter, payloadUri } from "./suit.ts";

/** What the conditions of a manifest are compared with. A member left out is not compared, so its condition holds. */
export interface Receiver {
  /** UUIDv5, 16 bytes */
  vendorId?: Uint8Array;
  classId?: Uint8Array;
  /** as it reports itself: "2v29" */
  interpreter?: string;
  /** slot that will be written: 0 A, 1 B; default 0 */
  slot?: number;
}

/** A decoded map: keys are numbers or text, as the device's decoder gives them. */
export type Members = { [key: string]: unknown };

export interface Envelope {
  /** encoded SUIT_Digest: what the blocks sign */
  digestBytes: Uint8Array;
  /** what stands beside the digest, as it came: blocks are byte strings */
  blocks: unknown[];
  manifestBytes: Uint8Array;
}

/** A manifest whose commands were run. */
export interface Evaluated {
  members: Members;
  parameters: Members;
}

const blocksMax = 6;
const conditionCodes: readonly unknown[] = [
  Code.WrongVendor,
  Code.WrongClass,
  Code.WrongInterpreter,
  Code.WrongSlot,
];
const oneComponent = Uint8Array.of(0x81, 0x81, 0x41, 0);
const sha256Prefix = Uint8Array.of(0x82, 0x2f, 0x58, 0x20);

/** Encodes with the device's own encoder. */
export function encodeAsDevice(value: unknown): Uint8Array {
  const out: number[] = [];
  const walk = (piece: Pieces): void => {
    if (typeof piece === "number") out.push(piece & 255);
    else if (typeof piece === "string")
      for (const c of piece) out.push((c.codePointAt(0) ?? 0) & 255);
    else for (const part of piece) walk(part as Pieces);
  };
  walk(encodePieces(value));
  return Uint8Array.from(out);
}

/** Takes an envelope apart without trusting it.
 *  @param withSevered also takes further members, as published examples have them: tests only
 *  @throws CodedError ManifestTooLarge, ManifestMalformed, ManifestOutsideProfile */
export function openEnvelope(bytes: Uint8Array, withSevered: boolean): Envelope {
  if (bytes.length > envelopeBytesMax) {
    throw new CodedError(
      Code.ManifestTooLarge,
      `envelope: expected at most ${envelopeBytesMax} bytes, got ${bytes.length}`,
    );
  }
  if (bytes[0] !== 0xd8 || bytes[1] !== 107) throw malformed("envelope: expected tag 107");
  const members = inside("envelope", bytes.subarray(2));
  const keys = keysOf("envelope", members);
  const unknown = keys.find((key) => key !== `${Key.auth}` && key !== `${Key.manifest}`);
  if (unknown !== undefined && !withSevered)
    throw outside(`envelope: key ${unknown} has no place here`);
  const auth = inside("authentication wrapper", (members as Members)[Key.auth]);
  const manifestBytes = (members as Members)[Key.manifest];
  if (!(manifestBytes instanceof Uint8Array)) throw malformed("manifest: expected a byte string");
  if (!Array.isArray(auth) || auth.length > blocksMax + 1) {
    throw malformed(`authentication wrapper: expected a digest and at most ${blocksMax} blocks`);
  }
  const [digestBytes, ...blocks] = auth;
  return {
    digestBytes: digestBytes instanceof Uint8Array ? digestBytes : new Uint8Array(0),
    blocks,
    manifestBytes,
  };
}

/** Runs the commands of a manifest as its receiver does, without looking at signatures.
 *  @throws CodedError for everything outside the profile and every condition that fails; nothing else */
export function evaluate(manifestBytes: Uint8Array, receiver: Receiver): Evaluated {
  const members = inside("manifest", manifestBytes) as Members;
  const { version, sequence, common: commonKey, dependencies, components, shared } = Key;
  const known = [version, sequence, commonKey, Key.validate, Key.invoke, Key.install, Key.text];
  onlyKeys("manifest", members, known);
  if (members[version] !== 1) {
    const found = `manifest: expected version 1, got ${String(members[version])}`;
    throw new CodedError(Code.ManifestVersion, found);
  }
  const common = inside("common", members[commonKey]) as Members;
  onlyKeys("common", common, [dependencies, components, shared]);
  const isAlone = compareBytes(encodeAsDevice(common[components]), oneComponent) === 0;
  if (!isAlone || dependencies in common) {
    const found = "common: expected the one component h'00', and no dependencies";
    throw new CodedError(Code.DependencyUnknown, found);
  }
  const run = new Run(receiver);
  const { override, vendor, class: classOf, image, interpreter, fetch, invoke } = Command;
  const { slot, tryEach } = Command;
  run.sequence("shared sequence", common[shared], [override, vendor, classOf, slot, tryEach]);
  const install = [interpreter, override, fetch, image, slot, tryEach];
  run.sequence("install", members[Key.install], install);
  run.sequence("validate", members[Key.validate], [image]);
  run.sequence("invoke", members[Key.invoke], [invoke]);
  for (const command of [vendor, classOf, fetch, interpreter]) {
    if (!run.done.has(command)) throw outside(`manifest: command ${command} is missing`);
  }
  checkParameters(members[sequence], run.parameters);
  return { members, parameters: run.parameters };
}

/** The state of one evaluation. */
class Run {
  readonly parameters: Members = Object.create(null);
  readonly done = new Set<unknown>();
  readonly #receiver: Receiver;
  #commands = 0;

  constructor(receiver: Receiver) {
    this.#receiver = receiver;
  }

  sequence(name: string, value: unknown, allowed: readonly number[]): void {
    const items = inside(name, value);
    if (!Array.isArray(items) || items.length === 0 || items.length % 2 !== 0) {
      throw malformed(`${name}: expected pairs of command and argument`);
    }
    for (let i = 0; i < items.length; i += 2) {
      const command = items[i] as number;
      if (++this.#commands > manifestCommandsMax) {
        throw outside(`manifest: more than ${manifestCommandsMax} commands`);
      }
      if (!allowed.includes(command)) {
        throw outside(`${name}: command ${command} has no place here`);
      }
      this.#command(name, command, items[i + 1], allowed);
      this.done.add(command);
    }
  }

  #command(name: string, command: number, argument: unknown, allowed: readonly number[]): void {
    if (command === Command.override) {
      onlyKeys(`${name} parameters`, argument, Object.values(Parameter));
      Object.assign(this.parameters, argument);
    } else if (command === Command.tryEach) this.#tryEach(name, argument, allowed);
    else {
      if (!isCount(argument) || argument > 15) {
        throw outside(`${name}: command ${command} has no reporting policy of 0..15`);
      }
      this.#condition(name, command);
    }
  }

  /** A failing condition moves on to the next alternative; whatever else is wrong does not. */
  #tryEach(name: string, argument: unknown, allowed: readonly number[]): void {
    if (!Array.isArray(argument)) throw outside(`${name}: try-each without alternatives`);
    let failed: unknown = outside(`${name}: try-each without alternatives`);
    const inner = allowed.filter((command) => command !== Command.tryEach);
    for (const alternative of argument) {
      try {
        if (alternative !== null) this.sequence(name, alternative, inner);
        return;
      } catch (error) {
        if (!(error instanceof CodedError) || !conditionCodes.includes(error.code)) throw error;
        failed = error;
      }
    }
    throw failed;
  }

  #condition(name: string, command: number): void {
    const { parameters } = this;
    const { vendorId, classId, interpreter, slot = 0 } = this.#receiver;
    const refuse = (code: Code, what: string) => {
      throw new CodedError(code, `${name}: the release is for another ${what}`);
    };
    if (command === Command.vendor && !isSame(parameters[Parameter.vendor], vendorId))
      refuse(Code.WrongVendor, "vendor");
    if (command === Command.class && !isSame(parameters[Parameter.class], classId))
      refuse(Code.WrongClass, "class");
    if (command === Command.slot && parameters[Parameter.slot] !== slot)
      refuse(Code.WrongSlot, "slot");
    if (command === Command.fetch && parameters[Parameter.uri] !== payloadUri)
      throw outside(`${name}: expected to fetch ${payloadUri}`);
    if (command === Command.interpreter) {
      const range = parameters[Parameter.interpreter];
      if (!isPair(range)) refuse(Code.WrongInterpreter, "interpreter");
      const [least, most] = (range as unknown[]).map(versionOf);
      const own = interpreter === undefined ? least! : versionOf(interpreter);
      if (!(least! <= own && own <= most!)) refuse(Code.WrongInterpreter, "interpreter");
    }
  }
}

function checkParameters(sequence: unknown, parameters: Members): void {
  const digest = parameters[Parameter.digest];
  if (
    !(digest instanceof Uint8Array) ||
    digest.length !== 36 ||
    compareBytes(digest.subarray(0, 4), sha256Prefix) !== 0
  ) {
    throw outside("parameters: expected an image digest by SHA-256");
  }
  const { size, floor, trialMinutes, batteryMinMv, freeVariables, downgradeFrom } = Parameter;
  const optional = [trialMinutes, batteryMinMv, freeVariables, downgradeFrom];
  const numbers = [sequence, parameters[size], parameters[floor]];
  for (const key of optional) numbers.push(parameters[key] || 0);
  if (!numbers.every(isCount)) throw malformed("manifest: a number is none, or below zero");
  if (sequence === 0 || parameters[size] === 0) throw outside("manifest: sequence or size is 0");
  if ((parameters[floor] as number) > (sequence as number)) {
    throw new CodedError(
      Code.FloorAboveSequence,
      `manifest: expected a floor of at most ${sequence}, got ${parameters[floor]}`,
    );
  }
  const limits = parameters[Parameter.limits];
  if (!limits) return;
  for (const vital of keysOf("vitals limits", limits)) {
    if (!isPair((limits as Members)[vital])) throw malformed("vitals limits: expected pairs");
  }
}

/** Same arithmetic as the device's: major and minor version, builds left out; NaN when it is no version. */
function versionOf(value: unknown): number {
  const minor = `${value}`.split("v")[1];
  return Number.parseInt(`${value}`, 10) * 1000 + Number.parseInt(minor ?? "", 10);
}

export function isCount(value: unknown): value is number {
  return typeof value === "number" && value >= 0;
}

function isPair(value: unknown): boolean {
  return Array.isArray(value) && value.length === 2;
}

function isSame(value: unknown, expected: Uint8Array | undefined): boolean {
  if (!(value instanceof Uint8Array)) return false;
  return expected === undefined ? value.length === 16 : compareBytes(value, expected) === 0;
}

function inside(name: string, value: unknown): unknown {
  if (!(value instanceof Uint8Array)) throw malformed(`${name}: expected a byte string`);
  try {
    return decode(value);
  } catch (cause) {
    if (cause !== Code.MessageMalformed) throw cause;
    throw new CodedError(Code.ManifestMalformed, `${name}: is no CBOR of the profile`, cause);
  }
}

function keysOf(name: string, value: unknown): string[] {
  if (!value || typeof value !== "object") throw malformed(`${name}: expected a map`);
  return Object.keys(value);
}

function onlyKeys(name: string, value: unknown, allowed: readonly number[]): void {
  for (const key of keysOf(name, value)) {
    if (!allowed.some((one) => `${one}` === key)) {
      throw outside(`${name}: key ${key} has no place here`);
    }
  }
}

export function malformed(message: string): CodedError {
  return new CodedError(Code.ManifestMalformed, message);
}

export function outside(message: string): CodedError {
  return new CodedError(Code.ManifestOutsideProfile, message);
}
