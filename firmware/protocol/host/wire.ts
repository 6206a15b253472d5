/** Checks that every decoder of the wire shares: an outside value becomes a typed one or a coded error. */
import { Code } from "../errors.ts";
import { messageBytesMax } from "../limits.ts";
import { decode } from "./cbor.ts";
import { CodedError } from "./codedError.ts";

/** Serial numbers as flash, topic and label hold them. */
export const serialPattern = /^[A-Z0-9-]{4,23}$/;

/** Decodes one CBOR array.
 *  @throws CodedError MessageTooLong, MessageMalformed */
export function wireArray(name: string, bytes: Uint8Array, bytesMax = messageBytesMax): unknown[] {
  if (bytes.length > bytesMax) {
    throw new CodedError(
      Code.MessageTooLong,
      `${name}: at most ${bytesMax} bytes, got ${bytes.length}`,
    );
  }
  let value: unknown;
  try {
    value = decode(bytes);
  } catch (cause) {
    throw new CodedError(Code.MessageMalformed, `${name}: not CBOR`, cause);
  }
  if (!Array.isArray(value)) malformed(name, "an array", value);
  return value;
}

/** Requires number and length of an array message. */
export function wireShape(name: string, items: unknown[], message: number, length: number): void {
  if (items[0] !== message) malformed(name, `message ${message}`, items[0]);
  if (items.length !== length) malformed(name, `${length} items`, items.length);
}

/** @returns an integer of 0..max */
export function wireUint(name: string, value: unknown, max = 0xffffffff): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > max) {
    malformed(name, `integer 0..${max}`, value);
  }
  return value;
}

/** @returns a signed 32-bit integer */
export function wireInt(name: string, value: unknown): number {
  if (typeof value !== "number" || (value | 0) !== value) {
    malformed(name, "32-bit integer", value);
  }
  return value;
}

/** @returns bytes of exactly that length */
export function wireBytes(name: string, value: unknown, length: number): Uint8Array {
  if (!(value instanceof Uint8Array) || value.length !== length) {
    malformed(name, `${length} bytes`, value);
  }
  return new Uint8Array(value);
}

/** @returns bytes of at most that length */
export function wireBytesUpTo(name: string, value: unknown, lengthMax: number): Uint8Array {
  if (!(value instanceof Uint8Array) || value.length > lengthMax) {
    malformed(name, `at most ${lengthMax} bytes`, value);
  }
  return new Uint8Array(value);
}

/** @returns text of at most that many characters, without control characters: it goes to logs and screens */
export function wireText(name: string, value: unknown, charsMax: number): string {
  if (typeof value !== "string" || value.length > charsMax) {
    malformed(name, `text of at most ${charsMax} characters`, value);
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  return value.replace(/[\u0000-\u001f\u007f]/g, " ");
}

/** @returns a serial number */
export function wireSerial(name: string, value: unknown): string {
  if (typeof value !== "string" || !serialPattern.test(value)) malformed(name, "a serial", value);
  return value;
}

function malformed(name: string, expected: string, found: unknown): never {
  const got =
    found instanceof Uint8Array
      ? `${found.length} bytes`
      : typeof found === "string"
        ? `text of ${found.length} characters`
        : String(typeof found === "object" ? "an object" : found).slice(0, 24);
  throw new CodedError(Code.MessageMalformed, `${name}: expected ${expected}, got ${got}`);
}
