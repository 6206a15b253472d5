/** The wipe receipt of SPEC.md §7: one LM-OTS signature by a key that was born for nothing else.
 *  The device signs; the host derives the public key at birth and checks. Signing here is for tests. */
import { createHmac } from "node:crypto";
import { Code } from "../errors.ts";
import { type CborDecoded, compareBytes, decode, encode } from "./cbor.ts";
import { CodedError } from "./codedError.ts";
import { otsCandidate, otsN24W4, otsParameters, otsPublic, otsSign } from "./lms/index.ts";

/** One region that was read back after the wipe. */
export interface CoveredRegion {
  name: string;
  pages: number;
  /** first 8 bytes of SHA-256 over the region */
  hash: Uint8Array;
}

export interface ReceiptBody {
  serial: string;
  orderId: number;
  /** 1 resale, 2 return, 3 scrap */
  mode: number;
  /** nonce of the order, 16 bytes */
  nonce: Uint8Array;
  epoch: number;
  bootCount: number;
  /** device's clock, seconds since 1970; 0 when unknown */
  timeS: number;
  coverage: CoveredRegion[];
}

const ots = otsParameters(otsN24W4)!;
const publicBytes = 48;
/** Regions a device can name; more has no place in one message. */
const regionsMax = 16;

/** Public half of a receipt key, as the birth record holds it: u32 type ‖ I ‖ u32 0 ‖ K.
 *  @param identifier I, 16 bytes
 *  @param seed SEED, 24 bytes */
export function receiptPublic(identifier: Uint8Array, seed: Uint8Array): Uint8Array {
  checkLength("receipt key I", identifier, 16);
  checkLength("receipt key SEED", seed, 24);
  const out = new Uint8Array(publicBytes);
  new DataView(out.buffer).setUint32(0, ots.type);
  out.set(identifier, 4);
  out.set(otsPublic(ots, { identifier, q: 0 }, seed), 24);
  return out;
}

/** Writes the signed body. */
export function encodeReceiptBody(body: ReceiptBody): Uint8Array {
  return encode([
    1,
    body.serial,
    body.orderId,
    body.mode,
    body.nonce,
    body.epoch,
    body.bootCount,
    body.timeS,
    body.coverage.map((region) => [region.name, region.pages, region.hash]),
  ]);
}

/** Signs as the device does. Tests only: a second body under one key gives the key away. */
export function signReceipt(
  identifier: Uint8Array,
  seed: Uint8Array,
  body: Uint8Array,
): Uint8Array {
  const mac = createHmac("sha256", seed).update("C").update(body).digest();
  return otsSign(ots, { identifier, q: 0 }, seed, new Uint8Array(mac.subarray(0, 24)), body);
}

/** Checks a signature over exact body bytes. Never throws. */
export function verifyReceipt(
  publicKey: Uint8Array,
  body: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (publicKey.length !== publicBytes) return false;
  const view = new DataView(publicKey.buffer, publicKey.byteOffset, publicBytes);
  if (view.getUint32(0) !== ots.type || view.getUint32(20) !== 0) return false;
  const place = { identifier: publicKey.subarray(4, 20), q: 0 };
  const candidate = otsCandidate(ots, place, body, signature);
  return candidate !== null && compareBytes(candidate, publicKey.subarray(24)) === 0;
}

/** Reads a body into its typed form.
 *  @throws CodedError MessageMalformed, VersionUnsupported */
export function decodeReceiptBody(bytes: Uint8Array): ReceiptBody {
  const items = decode(bytes, { keysInOrder: true });
  if (!Array.isArray(items)) throw malformed("expected an array");
  if (items[0] !== 1) {
    throw new CodedError(Code.VersionUnsupported, `wipe receipt: expected version 1`);
  }
  if (items.length !== 9) throw malformed(`expected 9 members, got ${items.length}`);
  const [, serial, orderId, mode, nonce, epoch, bootCount, timeS, coverage] = items;
  if (typeof serial !== "string" || !/^[A-Z0-9-]{4,23}$/.test(serial)) {
    throw malformed("expected a serial number");
  }
  const modeNumber = uint("mode", mode);
  if (modeNumber < 1 || modeNumber > 3) throw malformed(`expected a mode of 1..3`);
  if (!(nonce instanceof Uint8Array) || nonce.length !== 16) throw malformed("expected a nonce");
  if (!Array.isArray(coverage) || coverage.length > regionsMax) throw malformed("coverage");
  return {
    serial,
    orderId: uint("order", orderId),
    mode: modeNumber,
    nonce,
    epoch: uint("epoch", epoch),
    bootCount: uint("boot count", bootCount),
    timeS: uint("time", timeS),
    coverage: coverage.map(readRegion),
  };
}

/** Checks signature first, then reads the body.
 *  @returns null when the signature does not hold
 *  @throws CodedError as decodeReceiptBody, for a body that is signed and yet malformed */
export function openReceipt(
  publicKey: Uint8Array,
  body: Uint8Array,
  signature: Uint8Array,
): ReceiptBody | null {
  return verifyReceipt(publicKey, body, signature) ? decodeReceiptBody(body) : null;
}

function readRegion(item: CborDecoded): CoveredRegion {
  if (!Array.isArray(item) || item.length !== 3) throw malformed("expected [name, pages, hash]");
  const [name, pages, hash] = item;
  if (typeof name !== "string" || name.length > 16) throw malformed("expected a region name");
  if (!(hash instanceof Uint8Array) || hash.length !== 8) throw malformed("expected 8 hash bytes");
  return { name, pages: uint("pages", pages), hash };
}

function uint(name: string, value: CborDecoded | undefined): number {
  if (typeof value !== "number" || value < 0 || value > 0xffffffff) {
    throw malformed(`${name}: expected an unsigned 32-bit integer`);
  }
  return value;
}

function checkLength(name: string, bytes: Uint8Array, length: number): void {
  if (bytes.length !== length) {
    throw new RangeError(`${name}: expected ${length} bytes, got ${bytes.length}`);
  }
}

function malformed(finding: string): CodedError {
  return new CodedError(Code.MessageMalformed, `wipe receipt: ${finding}`);
}
