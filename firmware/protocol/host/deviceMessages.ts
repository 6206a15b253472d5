/** Messages a device sends inside frames (SPEC.md §4.2): bytes to typed values, and back for tools and tests. */
import { Code } from "../errors.ts";
import {
  blockBytesMax,
  failLogCharsMax,
  failTextCharsMax,
  metricNameCharsMax,
  metricsMax,
  poisonBytesMax,
  settingsMax,
} from "../limits.ts";
import { Msg, type SlotState } from "../messages.ts";
import { type CborDecoded, type CborMap, type CborValue, encode } from "./cbor.ts";
import { CodedError } from "./codedError.ts";
import { type OrderResult, orderResultItems, readOrderResult } from "./orderResult.ts";
import {
  wireArray,
  wireBytes,
  wireBytesUpTo,
  wireInt,
  wireShape,
  wireText,
  wireUint,
} from "./wire.ts";

export type { OrderResult } from "./orderResult.ts";

export interface CheckInInfo {
  runningSequence: number;
  /** 8 bytes */
  runningDigest: Uint8Array;
  slotState: SlotState;
  floor: number;
  otherSequence: number;
  otherValid: boolean;
  /** 0 when the device promises nothing */
  nextCheckInS: number;
  resetReason: number;
  failed: FailedImage | null;
  download: { sequence: number; bytesDone: number; sizeBytes: number } | null;
  lifecycle: number;
  interpreter: string;
  settingsRevision: number;
  keySetVersion: number;
  refused: { sequence: number; code: number } | null;
  /** codes of settings that were not taken, by name; empty when all were */
  settingsRefused: Record<string, number>;
  /** joins of a Wi-Fi network that failed since the agent last answered: why the last one did, and how many */
  joinsFailed: { code: number; count: number } | null;
  /** true after a sunset order: the device goes on alone and checks in once a day */
  isSunset: boolean;
  /** uptime that the trial still has for a person in the field to confirm it, minutes; absent: none is waited for */
  fieldMinutesLeft?: number;
  /** images that it never takes again by itself, newest first, each by 8 bytes of its digest; absent: none */
  poison?: Uint8Array[];
}

/** The last image that failed, and how its last start ended. */
export interface FailedImage {
  sequence: number;
  /** 8 bytes */
  digest: Uint8Array;
  code: number;
  text: string;
  resetReason: number;
  /** its last log lines, at most failLogCharsMax */
  log: string;
}

export interface CheckIn {
  kind: "checkIn";
  info: CheckInInfo;
  /** vitals by name, [min, max, last] or one number; metrics of the app as "m." + name */
  values: Record<string, number[]>;
  /** names of vitals and metrics that were malformed and left out */
  ignored: string[];
}
export interface Fetch {
  kind: "fetch";
  /** 0 manifest, 1 payload plain, 2 payload in any coding, 4 key set (its version stands for the sequence); others are reserved */
  what: number;
  sequence: number;
  offset: number;
  length: number;
}
export interface DeviceEvent {
  kind: "event";
  code: number;
  sequence: number;
  detail: number;
  text: string;
}
export interface Commit {
  kind: "commit";
  claimId: Uint8Array;
  mac: Uint8Array;
}
export interface Pong {
  kind: "pong";
}
export type DeviceMessage = CheckIn | Fetch | DeviceEvent | Commit | OrderResult | Pong;

/** Vitals by number, and whether they are [min, max, last]. */
export const vitalNames: readonly (readonly [key: number, name: string, triple: boolean])[] = [
  [1, "batteryMv", true],
  [2, "memoryUsedPermille", true],
  [3, "storageFreeBytes", false],
  [4, "rssiDbm", true],
  [5, "temperatureDeciC", true],
  [6, "uptimeS", false],
  [7, "crashFreeS", false],
  [8, "checkInsOk", false],
  [9, "checkInsFailed", false],
  [10, "chargeMicroAh", false],
  [11, "variablesInUse", true],
];

/** Decodes what a frame from a device carried.
 *  @throws CodedError MessageTooLong, MessageMalformed */
export function decodeDeviceMessage(bytes: Uint8Array): DeviceMessage {
  return readDeviceMessage(wireArray("device message", bytes));
}

/** Reads the items of a message, maps as Map: for carriers that pass values and not bytes.
 *  @throws CodedError MessageMalformed */
export function readDeviceMessage(items: unknown[]): DeviceMessage {
  switch (items[0]) {
    case Msg.CheckIn:
      return checkIn(items);
    case Msg.Fetch:
      return fetch(items);
    case Msg.Event:
      wireShape("EVENT", items, Msg.Event, 5);
      return {
        kind: "event",
        code: wireUint("EVENT code", items[1], 999),
        sequence: wireUint("EVENT sequence", items[2]),
        detail: wireInt("EVENT detail", items[3]),
        text: wireText("EVENT text", items[4], 160),
      };
    case Msg.Commit:
      wireShape("COMMIT", items, Msg.Commit, 3);
      return {
        kind: "commit",
        claimId: wireBytes("COMMIT claim", items[1], 8),
        mac: wireBytes("COMMIT tag", items[2], 16),
      };
    case Msg.OrderResult:
      return readOrderResult(items);
    case Msg.Pong:
      wireShape("PONG", items, Msg.Pong, 1);
      return { kind: "pong" };
    default:
      throw new CodedError(Code.MessageMalformed, "device message: unknown number");
  }
}

function checkIn(items: unknown[]): CheckIn {
  wireShape("CHECKIN", items, Msg.CheckIn, 4);
  const info = map("CHECKIN info", items[1]);
  const vitals = map("CHECKIN vitals", items[2]);
  const metrics = map("CHECKIN metrics", items[3]);
  const values: Record<string, number[]> = {};
  const ignored: string[] = [];
  // One bad figure must not cost a device its session: it may need that session for the update that mends it.
  const take = (name: string, read: () => number[]) => {
    try {
      values[name] = read();
    } catch {
      ignored.push(name);
    }
  };
  for (const [key, name, triple] of vitalNames) {
    const value = vitals.get(key);
    if (value !== undefined)
      take(name, () => (triple ? three(name, value) : [integer(name, value)]));
  }
  for (const [name, value] of [...metrics].slice(0, metricsMax)) {
    if (typeof name !== "string" || !/^[\x21-\x7e]+$/.test(name)) ignored.push("m.?");
    else if (name.length > metricNameCharsMax) ignored.push("m.?");
    else take("m." + name, () => three(name, value));
  }
  if (metrics.size > metricsMax) ignored.push("m.*");
  return { kind: "checkIn", info: readInfo(info), values, ignored };
}

function readInfo(info: Map<unknown, CborDecoded>): CheckInInfo {
  const uint = (key: number, name: string, max?: number) =>
    info.has(key) ? wireUint("info " + name, info.get(key), max) : 0;
  const list = (key: number, name: string, length: number) => {
    const value = info.get(key);
    if (value === undefined || value === null) return null;
    if (Array.isArray(value) && value.length === length) return value;
    throw new CodedError(Code.MessageMalformed, `info ${name}: expected ${length} items`);
  };
  const failed = list(9, "failed", 6);
  const download = list(10, "download", 3);
  const refused = list(15, "refusal", 2);
  const joins = list(27, "joins failed", 2);
  return {
    runningSequence: wireUint("info sequence", info.get(1)),
    runningDigest: info.has(2) ? wireBytes("info digest", info.get(2), 8) : new Uint8Array(8),
    slotState: wireUint("info slot state", info.get(3), 2),
    floor: uint(4, "floor"),
    otherSequence: uint(5, "other sequence"),
    otherValid: uint(6, "other valid", 1) === 1,
    nextCheckInS: uint(7, "next check-in"),
    resetReason: uint(8, "reset reason", 99),
    // Sequence 0 is a failure that was forgiven.
    failed: failed?.[0]
      ? {
          sequence: wireUint("failed sequence", failed[0]),
          digest: wireBytes("failed digest", failed[1], 8),
          code: wireUint("failed code", failed[2], 999),
          text: wireText("failed text", failed[3], failTextCharsMax),
          resetReason: wireUint("failed reset reason", failed[4], 99),
          log: wireText("failed log", failed[5], failLogCharsMax),
        }
      : null,
    download: download && {
      sequence: wireUint("download sequence", download[0]),
      bytesDone: wireUint("download done", download[1]),
      sizeBytes: wireUint("download size", download[2]),
    },
    lifecycle: uint(11, "lifecycle", 7),
    interpreter: info.has(12) ? wireText("info interpreter", info.get(12), 24) : "",
    settingsRevision: uint(13, "settings revision"),
    keySetVersion: uint(14, "key set version", 0xffff),
    refused: refused && {
      sequence: wireUint("refusal sequence", refused[0]),
      code: wireUint("refusal code", refused[1], 999),
    },
    settingsRefused: readRefusals(info.get(23)),
    joinsFailed: joins && {
      code: wireUint("joins failed code", joins[0], 999),
      count: wireUint("joins failed count", joins[1]),
    },
    isSunset: uint(25, "sunset", 1) === 1,
    fieldMinutesLeft: info.has(20) ? uint(20, "minutes left for the field") : undefined,
    poison: readPoison(info.get(24)),
  };
}

/** Digests of 8 bytes each, one after the other. */
function readPoison(value: unknown): Uint8Array[] | undefined {
  if (value === undefined) return undefined;
  const bytes = wireBytesUpTo("info poison", value, poisonBytesMax);
  if (bytes.length % 8 !== 0)
    throw new CodedError(Code.MessageMalformed, "info poison: expected digests of 8 bytes");
  return Array.from({ length: bytes.length / 8 }, (_, i) => bytes.slice(i * 8, i * 8 + 8));
}

/** Codes by name of setting; what is not of that form is left out, because it must not cost the device its session. */
function readRefusals(value: unknown): Record<string, number> {
  if (!(value instanceof Map)) return {};
  const entries = [...value].slice(0, settingsMax).filter(([name, code]) => {
    const isName = typeof name === "string" && /^[\x21-\x7e]{1,16}$/.test(name);
    return isName && Number.isInteger(code) && code > 0 && code < 1000;
  });
  return Object.fromEntries(entries);
}

const fetchKindMax = 4;

function fetch(items: unknown[]): Fetch {
  wireShape("FETCH", items, Msg.Fetch, 5);
  const length = wireUint("FETCH length", items[4], blockBytesMax);
  if (length === 0) throw new CodedError(Code.MessageMalformed, "FETCH length: expected 1 or more");
  return {
    kind: "fetch",
    what: wireUint("FETCH kind", items[1], fetchKindMax),
    sequence: wireUint("FETCH sequence", items[2]),
    offset: wireUint("FETCH offset", items[3]),
    length,
  };
}

/** Encodes a device's message: for simulated devices, field tools and tests. */
export function encodeDeviceMessage(message: DeviceMessage): Uint8Array {
  switch (message.kind) {
    case "checkIn":
      return encodeCheckIn(message);
    case "fetch":
      return encode([Msg.Fetch, message.what, message.sequence, message.offset, message.length]);
    case "event":
      return encode([Msg.Event, message.code, message.sequence, message.detail, message.text]);
    case "commit":
      return encode([Msg.Commit, message.claimId, message.mac]);
    case "orderResult":
      return encode(orderResultItems(message));
    case "pong":
      return encode([Msg.Pong]);
  }
}

function encodeCheckIn({ info, values }: CheckIn): Uint8Array {
  const fields: CborMap = new Map<number, CborDecoded>([
    [1, info.runningSequence],
    [2, info.runningDigest],
    [3, info.slotState],
    [4, info.floor],
    [5, info.otherSequence],
    [6, info.otherValid ? 1 : 0],
    [7, info.nextCheckInS],
    [8, info.resetReason],
    [11, info.lifecycle],
    [12, info.interpreter],
    [13, info.settingsRevision],
    [14, info.keySetVersion],
  ]);
  const { failed, download, refused, joinsFailed } = info;
  if (failed) {
    const { sequence, digest, code, text, resetReason, log } = failed;
    fields.set(9, [sequence, digest, code, text, resetReason, log]);
  }
  if (download) fields.set(10, [download.sequence, download.bytesDone, download.sizeBytes]);
  if (refused) fields.set(15, [refused.sequence, refused.code]);
  const refusals = Object.entries(info.settingsRefused);
  if (refusals.length > 0) fields.set(23, new Map(refusals));
  if (joinsFailed) fields.set(27, [joinsFailed.code, joinsFailed.count]);
  if (info.isSunset) fields.set(25, 1);
  if (info.fieldMinutesLeft !== undefined) fields.set(20, info.fieldMinutesLeft);
  if (info.poison) fields.set(24, new Uint8Array(info.poison.flatMap((id) => [...id])));
  const vitals = new Map<number, CborValue>();
  for (const [key, name, triple] of vitalNames) {
    const value = values[name];
    if (value) vitals.set(key, triple ? value : value[0]!);
  }
  const metrics = new Map<string, CborValue>();
  for (const [name, value] of Object.entries(values)) {
    if (name.startsWith("m.")) metrics.set(name.slice(2), value);
  }
  return encode([Msg.CheckIn, fields, vitals as CborMap, metrics as CborMap]);
}

function map(name: string, value: unknown): Map<unknown, CborDecoded> {
  if (!(value instanceof Map))
    throw new CodedError(Code.MessageMalformed, `${name}: expected a map`);
  return value;
}

function three(name: string, value: unknown): number[] {
  if (!Array.isArray(value) || value.length !== 3) {
    throw new CodedError(Code.MessageMalformed, `${name}: expected [min, max, last]`);
  }
  return value.map((entry) => integer(name, entry));
}

function integer(name: string, value: unknown): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value)) {
    throw new CodedError(Code.MessageMalformed, `${name}: expected an integer`);
  }
  return value;
}
