import { crc32 } from "node:zlib";
import { LayoutError } from "./layoutError.ts";

/** What a device knows of itself from the factory on. Source: SPEC.md §2.1 */
export interface IdentityInput {
  /** `[A-Z0-9-]{4,23}` */
  serial: string;
  /** UUIDv5, 16 bytes */
  vendorId: Uint8Array;
  classId: Uint8Array;
  kmId: number;
  hardwareRev: number;
  keySetVersion: number;
  /** signatures that a release needs, 1..number of keys */
  threshold: number;
  /** 1..3 LMS public keys of 48 bytes: LMS type, LM-OTS type, I, T[1] */
  releaseKeys: Uint8Array[];
  /** T16 of the root role (keysetChange.ts), 16 bytes; omitted: no key set can ever follow this one */
  rootId?: Uint8Array;
  /** DK₀, 32 bytes */
  deviceKey: Uint8Array;
  /** 32 bytes */
  popKey: Uint8Array;
  /** 32 random bytes that no other device has */
  seed: Uint8Array;
  /** 16 bytes */
  receiptI: Uint8Array;
  /** 24 bytes */
  receiptSeed: Uint8Array;
  /** ASCII, at most 46 characters */
  agentHost: string;
  agentPort: number;
  /** Wi-Fi at the factory; omitted = none */
  wifi?: { ssid: string; password: string };
}

/** Where the identity begins in Storage: right after the header of file `slots`. */
export const identityOffset = 0x20;
/** Bytes of the whole identity. */
export const identityBytes = 0x220;

const magic = "FLTLID01";
const keyBytes = 48;
const keysMax = 3;

/** Encodes the identity for page 0, from offset 0x20 on.
 *  @returns 544 bytes
 *  @throws LayoutError IDENTITY_INVALID naming the field, its limit and what came
 *  Source: SPEC.md §2.1 */
export function encodeIdentity(input: IdentityInput): Uint8Array {
  const out = new Uint8Array(identityBytes);
  const view = new DataView(out.buffer);
  const rel = (address: number) => address - identityOffset;
  const put = (address: number, data: Uint8Array) => out.set(data, rel(address));
  const u32 = (address: number, name: string, value: number) =>
    view.setUint32(rel(address), whole(name, value, 0xffffffff), true);

  if (!/^[A-Z0-9-]{4,23}$/.test(input.serial))
    throw invalid("serial", "[A-Z0-9-]{4,23}", `"${input.serial}"`);
  const { releaseKeys: keys } = input;
  if (keys.length < 1 || keys.length > keysMax)
    throw invalid("releaseKeys", `1 to ${keysMax} keys`, `${keys.length}`);
  if (!(input.threshold >= 1 && input.threshold <= keys.length))
    throw invalid("threshold", `1 to ${keys.length}, the number of keys`, `${input.threshold}`);

  put(0x20, text("magic", magic, 8));
  put(0x28, text("serial", input.serial, 24));
  put(0x40, exact("vendorId", input.vendorId, 16));
  put(0x50, exact("classId", input.classId, 16));
  u32(0x60, "kmId", input.kmId);
  u32(0x64, "hardwareRev", input.hardwareRev);
  view.setUint16(rel(0x68), whole("keySetVersion", input.keySetVersion, 0xffff), true);
  out[rel(0x6a)] = input.threshold;
  out[rel(0x6b)] = keys.length;
  keys.forEach((key, i) => {
    put(0x70 + keyBytes * i, exact(`releaseKeys[${i}]`, key, keyBytes));
  });
  u32(0x100, "crc", crc32(out.subarray(rel(0x20), rel(0x100))));

  put(0x110, exact("deviceKey", input.deviceKey, 32));
  put(0x130, exact("popKey", input.popKey, 32));
  put(0x150, exact("seed", input.seed, 32));
  put(0x170, exact("receiptI", input.receiptI, 16));
  put(0x180, exact("receiptSeed", input.receiptSeed, 24));
  u32(0x198, "crc", crc32(out.subarray(rel(0x110), rel(0x198))));

  if (input.rootId) put(0x230, exact("rootId", input.rootId, 16));
  put(0x1a0, text("agentHost", input.agentHost, 46));
  view.setUint16(rel(0x1ce), whole("agentPort", input.agentPort, 0xffff), true);
  if (input.wifi) {
    put(0x1d0, text("wifi.ssid", input.wifi.ssid, 32));
    put(0x1f0, text("wifi.password", input.wifi.password, 64));
  }
  return out;
}

/** Reads an identity back, for tools and tests.
 *  @param bytes from offset 0x20 of Storage on
 *  @throws LayoutError IDENTITY_INVALID when it is short, has another magic or a CRC that does not
 *  fit */
export function decodeIdentity(bytes: Uint8Array): IdentityInput {
  if (bytes.length < identityBytes)
    throw invalid("identity", `${identityBytes} bytes`, `${bytes.length}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const rel = (address: number) => address - identityOffset;
  const cut = (address: number, length: number) => bytes.slice(rel(address), rel(address) + length);
  const str = (address: number, length: number) =>
    Buffer.from(cut(address, length)).toString("latin1").replace(/\0.*$/s, "");
  const u32 = (address: number) => view.getUint32(rel(address), true);
  const check = (name: string, from: number, to: number) => {
    const found = crc32(bytes.subarray(rel(from), rel(to)));
    if (found !== u32(to)) throw invalid(name, `CRC ${u32(to)}`, `${found}`);
  };
  if (str(0x20, 8) !== magic) throw invalid("magic", magic, JSON.stringify(str(0x20, 8)));
  check("public part", 0x20, 0x100);
  check("secret part", 0x110, 0x198);
  const ssid = str(0x1d0, 32);
  return {
    serial: str(0x28, 24),
    vendorId: cut(0x40, 16),
    classId: cut(0x50, 16),
    kmId: u32(0x60),
    hardwareRev: u32(0x64),
    keySetVersion: view.getUint16(rel(0x68), true),
    threshold: bytes[rel(0x6a)]!,
    releaseKeys: Array.from({ length: Math.min(bytes[rel(0x6b)]!, keysMax) }, (_, i) =>
      cut(0x70 + keyBytes * i, keyBytes),
    ),
    deviceKey: cut(0x110, 32),
    popKey: cut(0x130, 32),
    seed: cut(0x150, 32),
    receiptI: cut(0x170, 16),
    receiptSeed: cut(0x180, 24),
    agentHost: str(0x1a0, 46),
    agentPort: view.getUint16(rel(0x1ce), true),
    ...(cut(0x230, 16).some((byte) => byte !== 0) ? { rootId: cut(0x230, 16) } : {}),
    ...(ssid ? { wifi: { ssid, password: str(0x1f0, 64) } } : {}),
  };
}

function invalid(name: string, expected: string, found: string): LayoutError {
  return new LayoutError(
    "IDENTITY_INVALID",
    `identity ${name}: expected ${expected}, got ${found}. Correct the factory order and encode again.`,
  );
}

function exact(name: string, data: Uint8Array, bytes: number): Uint8Array {
  if (data.length !== bytes) throw invalid(name, `${bytes} bytes`, `${data.length}`);
  return data;
}

function whole(name: string, value: number, max: number): number {
  if (Number.isInteger(value) && value >= 0 && value <= max) return value;
  throw invalid(name, `a whole number 0..${max}`, `${value}`);
}

function text(name: string, value: string, bytesMax: number): Uint8Array {
  if (/^[\x20-\x7e]*$/.test(value) && value.length <= bytesMax) return Buffer.from(value, "ascii");
  throw invalid(name, `at most ${bytesMax} ASCII characters`, JSON.stringify(value));
}
