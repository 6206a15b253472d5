import type { Bytes, Hal } from "../hal/hal.ts";

/** Offsets of SPEC.md §2.1. */
const enum At {
  Magic = 0x20,
  Serial = 0x28,
  Vendor = 0x40,
  Class = 0x50,
  KmId = 0x60,
  KeySet = 0x68,
  Keys = 0x70,
  PublicCrc = 0x100,
  Secrets = 0x110,
  SecretsEnd = 0x198,
  Host = 0x1a0,
  Port = 0x1ce,
  Wifi = 0x1d0,
  WifiEnd = 0x230,
}

export interface Identity {
  /** false when page 0 does not check: the device can only be rescued */
  ok: boolean;
  serial: string;
  vendor(): Bytes;
  classId(): Bytes;
  kmId: number;
  keySetVersion: number;
  threshold: number;
  keys(): Bytes[];
  deviceKey(): Bytes;
  popKey(): Bytes;
  seed(): Bytes;
  receiptI(): Bytes;
  receiptSeed(): Bytes;
  host(): string;
  port: number;
  ssid(): string;
  password(): string;
  /** Zeroes in place, safe to repeat: 0 device key · 1 and pop key, Wi-Fi · 2 and seed, receipt key. */
  forget(level: number): void;
}

/** Reads page 0. It is written once at the factory; secrets are only ever zeroed, in whole units. */
export function readIdentity(h: Hal): Identity {
  const text = (addr: number, len: number) => {
    const s = h.str(h.read(addr, len));
    const z = s.indexOf("\0");
    return z < 0 ? s : s.slice(0, z);
  };
  const le = (addr: number) => {
    const b = h.read(addr, 4);
    return (b[0]! | (b[1]! << 8) | (b[2]! << 16) | (b[3]! << 24)) >>> 0;
  };
  const zero = (from: number, to: number) => {
    const b = h.read(from, to - from);
    if (b.some((x) => x !== 0)) h.write(from, new Uint8Array(to - from));
  };
  const ks = h.read(At.KeySet, 4);
  return {
    ok:
      h.crc(h.read(At.Magic, At.PublicCrc - At.Magic)) >>> 0 === le(At.PublicCrc) &&
      text(At.Magic, 8) === "FLTLID01",
    serial: text(At.Serial, 24),
    vendor: () => h.read(At.Vendor, 16),
    classId: () => h.read(At.Class, 16),
    kmId: le(At.KmId),
    keySetVersion: ks[0]! | (ks[1]! << 8),
    threshold: ks[2]!,
    keys() {
      const list: Bytes[] = [];
      for (let i = 0; i < ks[3]! && i < 3; i++) list.push(h.read(At.Keys + 48 * i, 48));
      return list;
    },
    deviceKey: () => h.read(At.Secrets, 32),
    popKey: () => h.read(At.Secrets + 32, 32),
    seed: () => h.read(At.Secrets + 64, 32),
    receiptI: () => h.read(At.Secrets + 96, 16),
    receiptSeed: () => h.read(At.Secrets + 112, 24),
    host: () => text(At.Host, 46),
    port: le(At.Port) & 0xffff,
    ssid: () => text(At.Wifi, 32),
    password: () => text(At.Wifi + 32, 64),
    forget(level) {
      // Seed and receipt key are needed until the receipt is safe, so they go last.
      zero(At.Secrets, At.Secrets + 32);
      if (level) {
        zero(At.Secrets + 32, At.Secrets + 64);
        zero(At.Wifi, At.WifiEnd);
      }
      if (level > 1) zero(At.Secrets + 64, At.SecretsEnd + 8);
    },
  };
}
