import { expect, test } from "vitest";
import { forget, IdAt, identityIsValid, idNumber, idText } from "../../firmware/flash/identity.ts";
import { setHal } from "../../firmware/hal/current.ts";
import {
  decodeIdentity,
  encodeIdentity,
  type IdentityInput,
  identityBytes,
  identityOffset,
} from "../../scripts/cli/factory/identity.ts";
import { nodeHal } from "../support/nodeHal.ts";
import { identityInput } from "./support.ts";

test("every field stands at its offset of the specification", () => {
  const bytes = encodeIdentity(identityInput);
  const at = (address: number, length: number) =>
    Buffer.from(bytes.subarray(address - identityOffset, address - identityOffset + length));
  expect(bytes.length).toBe(identityBytes);
  expect(at(0x20, 8).toString()).toBe("FLTLID01");
  expect(at(0x28, 8).toString()).toBe("SN-00042");
  expect([...at(0x40, 1), ...at(0x50, 1)]).toEqual([1, 2]);
  expect([at(0x60, 4).readUInt32LE(), at(0x64, 4).readUInt32LE()]).toEqual([7, 3]);
  expect([at(0x68, 2).readUInt16LE(), ...at(0x6a, 6)]).toEqual([258, 1, 2, 0, 0, 0, 0]);
  expect([at(0x70, 1)[0], at(0xa0, 1)[0], at(0xd0, 1)[0]]).toEqual([11, 12, 0]);
  expect([0x110, 0x130, 0x150, 0x170, 0x180].map((a) => at(a, 1)[0])).toEqual([21, 22, 23, 24, 25]);
  expect([at(0x1a0, 13).toString(), at(0x1ce, 2).readUInt16LE()]).toEqual(["agent.example", 1883]);
  expect([at(0x1d0, 4).toString(), at(0x1f0, 6).toString()]).toEqual(["line", "secret"]);
});

test("an identity decodes to what was encoded, with and without Wi-Fi", () => {
  expect(decodeIdentity(encodeIdentity(identityInput))).toEqual(identityInput);
  const { wifi, ...plain } = identityInput;
  expect(wifi).toBeDefined();
  expect(decodeIdentity(encodeIdentity(plain))).toEqual(plain);
});

test("the device reads the same identity", () => {
  const flash = new Uint8Array(4096).fill(255);
  flash.set(encodeIdentity(identityInput), identityOffset);
  setHal(nodeHal(flash));
  expect(identityIsValid()).toBe(true);
  expect(idText(IdAt.Serial, 24)).toBe("SN-00042");
  expect(idNumber(IdAt.KmId, 4)).toBe(7);
  expect(idNumber(IdAt.KeySet, 2)).toBe(258);
  expect(flash[IdAt.KeySet + 2]).toBe(1);
  expect(flash.slice(IdAt.Keys, IdAt.Keys + 48)).toEqual(identityInput.releaseKeys[0]);
  expect(idText(IdAt.Host, 46)).toBe("agent.example");
  expect(idNumber(IdAt.Port, 2)).toBe(1883);
  expect([idText(IdAt.Ssid, 32), idText(IdAt.Password, 64)]).toEqual(["line", "secret"]);
  expect(flash.slice(IdAt.ReceiptSeed, IdAt.ReceiptSeed + 24)).toEqual(identityInput.receiptSeed);
});

test("the device notices one changed bit of its identity, and forgets its secrets step by step", () => {
  const flash = new Uint8Array(4096).fill(255);
  flash.set(encodeIdentity(identityInput), identityOffset);
  const isZero = (from: number, to: number) => flash.slice(from, to).every((b) => b === 0);
  setHal(nodeHal(flash));
  forget(0);
  expect([isZero(IdAt.DeviceKey, IdAt.PopKey), isZero(IdAt.PopKey, IdAt.Seed)]).toEqual([
    true,
    false,
  ]);
  forget(1);
  expect([isZero(IdAt.PopKey, IdAt.Seed), isZero(IdAt.Seed, IdAt.ReceiptI)]).toEqual([true, false]);
  expect(idText(IdAt.Ssid, 32)).toBe("line");
  forget(4);
  expect(isZero(IdAt.Ssid, IdAt.WifiEnd)).toBe(true);
  forget(2);
  expect(isZero(IdAt.DeviceKey, IdAt.SecretsEnd)).toBe(true);
  expect(identityIsValid()).toBe(true);
  flash[IdAt.Class]! ^= 1;
  expect(identityIsValid()).toBe(false);
});

const wrong: [title: string, change: Partial<IdentityInput>, says: RegExp][] = [
  ["a serial in small letters", { serial: "sn-00042" }, /serial: expected \[A-Z0-9-\]/],
  ["a serial of three characters", { serial: "ABC" }, /serial/],
  ["a serial of 24 characters", { serial: "A".repeat(24) }, /serial/],
  ["a short vendor id", { vendorId: new Uint8Array(15) }, /vendorId: expected 16 bytes, got 15/],
  ["no release key", { releaseKeys: [] }, /releaseKeys: expected 1 to 3 keys, got 0/],
  ["four release keys", { releaseKeys: Array(4).fill(new Uint8Array(48)) }, /got 4/],
  [
    "a release key of 32 bytes",
    { releaseKeys: [new Uint8Array(32)] },
    /releaseKeys\[0\]: expected 48/,
  ],
  ["a threshold over the number of keys", { threshold: 3 }, /threshold: expected 1 to 2/],
  ["a threshold of 0", { threshold: 0 }, /threshold/],
  ["a key id beyond 32 bits", { kmId: 2 ** 32 }, /kmId: expected a whole number 0\.\.4294967295/],
  ["a port beyond 16 bits", { agentPort: 65_536 }, /agentPort/],
  ["a host of 47 characters", { agentHost: "h".repeat(47) }, /agentHost: expected at most 46/],
  ["a host outside ASCII", { agentHost: "agént" }, /ASCII/],
  [
    "a password of 65 characters",
    { wifi: { ssid: "x", password: "p".repeat(65) } },
    /wifi\.password/,
  ],
  ["a short seed", { seed: new Uint8Array(16) }, /seed: expected 32 bytes, got 16/],
];
for (const [title, change, says] of wrong)
  test(`an identity with ${title} is refused`, () => {
    expect(() => encodeIdentity({ ...identityInput, ...change })).toThrow(says);
    expect(() => encodeIdentity({ ...identityInput, ...change })).toThrow(/^IDENTITY_INVALID/);
  });

test("an identity that is short, foreign or damaged is refused when read back", () => {
  const bytes = encodeIdentity(identityInput);
  const damaged = (address: number) => {
    const copy = bytes.slice();
    copy[address - identityOffset]! ^= 1;
    return copy;
  };
  expect(() => decodeIdentity(bytes.subarray(1))).toThrow(/expected 544 bytes, got 543/);
  expect(() => decodeIdentity(damaged(0x20))).toThrow(/magic/);
  expect(() => decodeIdentity(damaged(0x60))).toThrow(/public part: expected CRC/);
  expect(() => decodeIdentity(damaged(0x110))).toThrow(/secret part: expected CRC/);
});

test("the root id stands behind the Wi-Fi fields and comes back", () => {
  const rootId = new Uint8Array(16).fill(7);
  const bytes = encodeIdentity({ ...decodeIdentity(encodeIdentity(identityInput)), rootId });
  expect(bytes.slice(0x230 - 0x20)).toEqual(rootId);
  expect(decodeIdentity(bytes).rootId).toEqual(rootId);
  expect(decodeIdentity(encodeIdentity(identityInput)).rootId).toBeUndefined();
});
