import { h } from "../hal/current.ts";

/** Offsets of SPEC.md §2.1. Page 0 is written once at the factory; secrets are only ever zeroed, in whole units. */
export const enum IdAt {
  Magic = 0x20,
  Serial = 0x28,
  Vendor = 0x40,
  Class = 0x50,
  KmId = 0x60,
  KeySet = 0x68,
  Keys = 0x70,
  PublicCrc = 0x100,
  DeviceKey = 0x110,
  PopKey = 0x130,
  Seed = 0x150,
  ReceiptI = 0x170,
  ReceiptSeed = 0x180,
  SecretsEnd = 0x1a0,
  Host = 0x1a0,
  Port = 0x1ce,
  Ssid = 0x1d0,
  Password = 0x1f0,
  WifiEnd = 0x230,
  RootId = 0x230,
}

/** Text at addr, ended by a zero byte or after len. */
export function idText(addr: number, len: number): string {
  const s = h.str(h.read(addr, len));
  const z = s.indexOf("\0");
  return z < 0 ? s : s.slice(0, z);
}

/** Little-endian number of 2 or 4 bytes at addr. */
export function idNumber(addr: number, bytes: number): number {
  const b = h.read(addr, bytes);
  let n = 0;
  while (bytes--) n = n * 256 + b[bytes]!;
  return n;
}

/** CRC-32 of anything that its own CRC-32 follows, low byte first. */
const crcOfChecked = 0x2144df1c;

/** True when page 0 checks: otherwise the device can only be rescued. */
export function identityIsValid(): boolean {
  return (
    h.crc(h.read(IdAt.Magic, IdAt.PublicCrc + 4 - IdAt.Magic)) === crcOfChecked &&
    idText(IdAt.Magic, 8) === "FLTLID01"
  );
}

/** Zeroes in place, safe to repeat: 0 device key · 1 and pop key · 2 and seed, receipt key · 3 receipt key only ·
 *  4 Wi-Fi only. Seed and receipt key are needed until the receipt is safe, Wi-Fi until it has been acknowledged:
 *  so they go last. */
export function forget(level: number): void {
  const zero = (from: number, to: number) => {
    if (h.read(from, to - from).some((x) => x !== 0)) h.write(from, new Uint8Array(to - from));
  };
  if (level === 4) zero(IdAt.Ssid, IdAt.WifiEnd);
  else if (level === 3) zero(IdAt.ReceiptI, IdAt.SecretsEnd);
  else zero(IdAt.DeviceKey, IdAt.PopKey);
  if (level === 1 || level === 2) {
    zero(IdAt.PopKey, IdAt.Seed);
  }
  if (level === 2) zero(IdAt.Seed, IdAt.SecretsEnd);
}
