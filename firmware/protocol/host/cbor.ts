/** Plain deterministic CBOR (RFC 8949 §4.2.1) for the host side.
 *
 *  cbor-x is not underneath: it writes integers above 32 bits as floats, takes indefinite lengths, long
 *  integers and duplicate keys without a word, and gives views into its own buffers. What may come from
 *  a radio has to be refused by name instead. A test holds both against each other where they agree. */
import { Code } from "../errors.ts";
import { cborDepthMax } from "../limits.ts";
import { CodedError } from "./codedError.ts";

/** A tagged item: 107 for a SUIT envelope, 18 for COSE_Sign1. */
export class Tagged {
  readonly tag: number;
  readonly value: CborValue;
  constructor(tag: number, value: CborValue) {
    this.tag = tag;
    this.value = value;
  }
}

export type CborKey = number | string;
export type CborMap = Map<CborKey, CborValue>;
/** What encode takes. Integers only, within ±2^53; a plain object has string keys and drops undefined. */
export type CborValue =
  | number
  | string
  | boolean
  | null
  | Uint8Array
  | Tagged
  | readonly CborValue[]
  | CborMap
  | { readonly [key: string]: CborValue | undefined };
/** What decode gives: as CborValue, but maps are always Map and arrays are plain. */
export type CborDecoded =
  | number
  | string
  | boolean
  | null
  | Uint8Array
  | TaggedDecoded
  | CborDecoded[]
  | Map<CborKey, CborDecoded>;
export interface TaggedDecoded extends Tagged {
  readonly value: CborDecoded;
}

export interface DecodeOptions {
  /** Levels of arrays, maps and tags that are followed; default limits.cborDepthMax. */
  depthMax?: number;
  /** Also refuse map keys out of deterministic order; default false (a declared metric comes in declared order). */
  keysInOrder?: boolean;
  /** Code of the error thrown; default MessageMalformed. */
  code?: Code;
}

const utf8Encoder = new TextEncoder();
const utf8Decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Encodes one value as deterministic CBOR: definite lengths, shortest integers, sorted keys.
 *  @throws TypeError for what has no place on the wire (floats, undefined, other objects): our bug */
export function encode(value: CborValue): Uint8Array {
  const parts: Uint8Array[] = [];
  write(value, parts, 0);
  return concatBytes(parts);
}

/** Decodes exactly one value.
 *  @throws CodedError for malformed bytes, indefinite lengths, integers that are not shortest, floats,
 *  duplicate keys, nesting beyond depthMax and trailing bytes */
export function decode(bytes: Uint8Array, options: DecodeOptions = {}): CborDecoded {
  const reader = new Reader(bytes, options);
  const value = reader.item(1);
  if (reader.offset !== bytes.length) {
    throw reader.fault(`${bytes.length - reader.offset} bytes after the value`);
  }
  return value;
}

/** Joins byte strings. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  let total = 0;
  for (const part of parts) total += part.length;
  const out = new Uint8Array(total);
  let offset = 0;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}

/** Compares two byte strings as memcmp does, a shorter prefix first. Not for secrets. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

function write(value: CborValue, parts: Uint8Array[], depth: number): void {
  if (depth > 32) throw new TypeError("CBOR value: nested deeper than 32 levels");
  if (typeof value === "number") writeInteger(value, parts);
  else if (typeof value === "string") {
    const text = utf8Encoder.encode(value);
    parts.push(head(3, text.length), text);
  } else if (value === false) parts.push(Uint8Array.of(0xf4));
  else if (value === true) parts.push(Uint8Array.of(0xf5));
  else if (value === null) parts.push(Uint8Array.of(0xf6));
  else if (value instanceof Uint8Array) parts.push(head(2, value.length), value);
  else if (value instanceof Tagged) {
    parts.push(head(6, value.tag));
    write(value.value, parts, depth + 1);
  } else if (Array.isArray(value)) {
    parts.push(head(4, value.length));
    for (const entry of value) write(entry, parts, depth + 1);
  } else if (value instanceof Map) writeMap([...value], parts, depth);
  else if (typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype) {
    const entries = Object.entries(value).filter((entry) => entry[1] !== undefined);
    writeMap(entries as [string, CborValue][], parts, depth);
  } else throw new TypeError(`CBOR value: cannot encode ${typeof value}`);
}

function writeInteger(value: number, parts: Uint8Array[]): void {
  if (!Number.isSafeInteger(value)) throw new TypeError(`CBOR value: ${value} is no safe integer`);
  parts.push(value < 0 ? head(1, -1 - value) : head(0, value));
}

function writeMap(entries: [CborKey, CborValue][], parts: Uint8Array[], depth: number): void {
  const encoded = entries.map(([key, value]) => ({ key: encode(key), value }));
  encoded.sort((a, b) => compareBytes(a.key, b.key));
  parts.push(head(5, encoded.length));
  for (const { key, value } of encoded) {
    parts.push(key);
    write(value, parts, depth + 1);
  }
}

function head(major: number, argument: number): Uint8Array {
  const top = major << 5;
  if (argument < 24) return Uint8Array.of(top | argument);
  if (argument < 0x100) return Uint8Array.of(top | 24, argument);
  if (argument < 0x10000) return Uint8Array.of(top | 25, argument >> 8, argument & 255);
  const out = new Uint8Array(argument <= 0xffffffff ? 5 : 9);
  const view = new DataView(out.buffer);
  if (out.length === 5) {
    out[0] = top | 26;
    view.setUint32(1, argument);
  } else {
    out[0] = top | 27;
    view.setBigUint64(1, BigInt(argument));
  }
  return out;
}

class Reader {
  offset = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #depthMax: number;
  readonly #keysInOrder: boolean;
  readonly #code: Code;

  constructor(bytes: Uint8Array, options: DecodeOptions) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#depthMax = options.depthMax ?? cborDepthMax;
    this.#keysInOrder = options.keysInOrder ?? false;
    this.#code = options.code ?? Code.MessageMalformed;
  }

  fault(finding: string): CodedError {
    return new CodedError(this.#code, `CBOR at byte ${this.offset}: ${finding}`);
  }

  item(depth: number): CborDecoded {
    const initial = this.#bytes[this.offset];
    if (initial === undefined) throw this.fault("expected a value, got the end");
    const major = initial >> 5;
    if (major === 7) return this.#simple(initial);
    const argument = this.#argument(initial & 31);
    if (major === 0) return argument;
    if (major === 1) {
      if (argument >= Number.MAX_SAFE_INTEGER) throw this.fault("integer beyond 53 bits");
      return -1 - argument;
    }
    if (major === 2) return this.#take(argument);
    if (major === 3) return this.#text(argument);
    if (depth > this.#depthMax) throw this.fault(`nested deeper than ${this.#depthMax} levels`);
    if (major === 4) return this.#array(argument, depth);
    if (major === 5) return this.#map(argument, depth);
    return new Tagged(argument, this.item(depth + 1)) as TaggedDecoded;
  }

  #simple(initial: number): boolean | null {
    this.offset += 1;
    if (initial === 0xf4) return false;
    if (initial === 0xf5) return true;
    if (initial === 0xf6) return null;
    throw this.fault(`simple value or float 0x${initial.toString(16)} has no place here`);
  }

  #argument(low: number): number {
    const at = this.offset + 1;
    if (low < 24) {
      this.offset = at;
      return low;
    }
    if (low > 27) throw this.fault("indefinite or reserved length");
    const width = 1 << (low - 24);
    if (at + width > this.#bytes.length) throw this.fault("cut inside a length");
    let value: number;
    if (width === 1) value = this.#view.getUint8(at);
    else if (width === 2) value = this.#view.getUint16(at);
    else if (width === 4) value = this.#view.getUint32(at);
    else value = this.#view.getUint32(at) * 0x100000000 + this.#view.getUint32(at + 4);
    const least = width === 1 ? 24 : width === 8 ? 0x100000000 : 2 ** (width * 4);
    if (value < least) throw this.fault(`${value} is not in its shortest form`);
    if (value > Number.MAX_SAFE_INTEGER) throw this.fault("integer beyond 53 bits");
    this.offset = at + width;
    return value;
  }

  #take(length: number): Uint8Array {
    const end = this.offset + length;
    if (end > this.#bytes.length) throw this.fault(`string of ${length} bytes is cut`);
    const out = new Uint8Array(this.#bytes.subarray(this.offset, end));
    this.offset = end;
    return out;
  }

  #text(length: number): string {
    const bytes = this.#take(length);
    try {
      return utf8Decoder.decode(bytes);
    } catch {
      throw this.fault("text is no UTF-8");
    }
  }

  #array(length: number, depth: number): CborDecoded[] {
    // Each entry takes a byte at least: a length beyond what is left must not allocate.
    if (length > this.#bytes.length - this.offset) throw this.fault(`array of ${length} is cut`);
    const out: CborDecoded[] = [];
    for (let i = 0; i < length; i++) out.push(this.item(depth + 1));
    return out;
  }

  #map(length: number, depth: number): Map<CborKey, CborDecoded> {
    if (length * 2 > this.#bytes.length - this.offset) throw this.fault(`map of ${length} is cut`);
    const out = new Map<CborKey, CborDecoded>();
    let previous: Uint8Array | null = null;
    for (let i = 0; i < length; i++) {
      const start = this.offset;
      const key = this.item(depth + 1);
      if (typeof key !== "number" && typeof key !== "string") {
        throw this.fault("map key is neither integer nor text");
      }
      if (out.has(key)) throw this.fault(`map key ${key} stands twice`);
      const encoded = this.#bytes.subarray(start, this.offset);
      if (this.#keysInOrder && previous !== null && compareBytes(previous, encoded) > 0) {
        throw this.fault(`map key ${key} is out of order`);
      }
      previous = encoded;
      out.set(key, this.item(depth + 1));
    }
    return out;
  }
}
