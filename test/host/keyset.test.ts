/** Key sets on the host: the judgement of agent and tools, by the device's own rules and codes (test/firmware/keys.test.ts). */
import { describe, expect, test } from "vitest";
import { Code } from "../../firmware/protocol/errors.ts";
import { encode } from "../../firmware/protocol/host/cbor.ts";
import {
  decodeKeySet,
  decodeSignedKeySet,
  encodeSignedKeySet,
  keySetFor,
  kidOf,
  rootSignatures,
  verifyChain,
  verifyKeySet,
} from "../../firmware/protocol/host/keyset.ts";
import {
  encodeChange,
  type KeySetChange,
  signChange,
} from "../../firmware/protocol/host/keysetChange.ts";
import type { LmsPrivateKey } from "../../firmware/protocol/host/lms/index.ts";
import { otherKey, releaseKey } from "./suitFixture.ts";
import { flipBit, lmsTestKey } from "./support.ts";

const roots = [21, 22, 23, 24, 25].map((n) => lmsTestKey(5, n));
const [r1, r2, r3, r4, r5] = roots as [(typeof roots)[0], ...typeof roots] as LmsPrivateKey[];
const role = (threshold: number, ...keys: (LmsPrivateKey | undefined)[]) => ({
  threshold,
  keys: keys.map((key) => key!.publicKey),
});
const oldRoot = role(2, r1, r2, r3);
const agent = { threshold: 1, keys: [new Uint8Array(32).fill(1)] };
const first: KeySetChange = {
  ...{ version: 1, previousRoot: oldRoot, root: oldRoot, agent, withSequence: 0 },
  release: role(1, releaseKey),
};
const second: KeySetChange = {
  ...{ version: 2, previousRoot: oldRoot, root: role(2, r3, r4, r5), agent, withSequence: 0 },
  release: role(1, otherKey),
};
let leaf = 0;
const signed = (change: KeySetChange, ...signers: (LmsPrivateKey | undefined)[]) => {
  const body = encodeChange(change);
  const signatures = signers.map((key) =>
    signChange(body, { publicKey: key!.publicKey, sign: (m) => key!.sign(leaf++ % 32, m) }),
  );
  return { body, signatures };
};

describe("key set", () => {
  test("the first set needs two of its three root keys", () => {
    expect(verifyKeySet(signed(first, r1, r3), null)).toEqual(first);
  });

  test("the next set needs two keys of the old root and two of the new", () => {
    expect(verifyKeySet(signed(second, r1, r2, r4, r5), first)).toEqual(second);
    expect(verifyKeySet(signed(second, r1, r3, r4), first)).toEqual(second);
    expect(verifyChain([signed(first, r1, r2), signed(second, r1, r3, r4)])).toEqual([
      first,
      second,
    ]);
  });

  test("a signed set comes back from its file form", () => {
    const one = signed(first, r1, r2);
    expect(decodeSignedKeySet(encodeSignedKeySet(one))).toEqual(one);
  });

  test("says who signed and how many of either root are missing", () => {
    expect(rootSignatures(signed(second, r1))).toEqual({
      signedBy: [kidOf(r1!.publicKey)],
      missingBefore: 1,
      missingNext: 2,
    });
    expect(rootSignatures(signed(second, r3, r1, r1, releaseKey))).toMatchObject({
      signedBy: [r3!, r1!].map((key) => kidOf(key.publicKey)),
      missingBefore: 0,
      missingNext: 1,
    });
  });

  test("a set that waits for a release judges those after it, and the sets behind it wait too", () => {
    const waiting = { ...second, withSequence: 7 };
    const third = { ...second, version: 3 };
    const versions = [6, 7, 8].map((sequence) => keySetFor([first, waiting, third], sequence));
    expect(versions.map(({ version }) => version)).toEqual([1, 1, 3]);
    expect(keySetFor([first, second], 1).version).toBe(2);
  });

  test.each<[string, () => unknown, Code]>([
    ["one signature", () => verifyKeySet(signed(first, r1), null), Code.ThresholdMissed],
    ["one key twice", () => verifyKeySet(signed(first, r1, r1), null), Code.ThresholdMissed],
    ["strangers", () => verifyKeySet(signed(first, r4, r5), null), Code.ThresholdMissed],
    ["only the new root", () => verifyKeySet(signed(second, r4, r5), first), Code.ThresholdMissed],
    ["only the old root", () => verifyKeySet(signed(second, r1, r2), first), Code.ThresholdMissed],
    [
      "a version left out",
      () => verifyKeySet(signed({ ...second, version: 3 }, r1, r2, r4, r5), first),
      Code.KeySetVersion,
    ],
    ["the same version", () => verifyKeySet(signed(first, r1, r2), first), Code.KeySetVersion],
    [
      "another root before",
      () => verifyKeySet(signed({ ...second, previousRoot: role(1, r4) }, r4, r5), first),
      Code.KeySetRoot,
    ],
    [
      "a root before that is not its own, as the first one",
      () => verifyKeySet(signed({ ...first, previousRoot: role(1, r4) }, r1, r2, r4), null),
      Code.KeySetRoot,
    ],
    [
      "a signature of another body",
      () => {
        const { signatures } = signed(first, r1, r2);
        const body = encodeChange({ ...first, release: role(1, otherKey) });
        return verifyKeySet({ body, signatures }, null);
      },
      Code.ManifestSignature,
    ],
    [
      "a turned bit",
      () => {
        const one = signed(first, r1, r2);
        one.signatures[0] = flipBit(one.signatures[0]!, 8 * 900);
        return verifyKeySet(one, null);
      },
      Code.ManifestSignature,
    ],
  ])("a set with %s is refused by code", (_name, run, code) => {
    expect(run).toThrow(expect.objectContaining({ code }));
  });

  const release =
    (keys: Uint8Array[], threshold = 1) =>
    () =>
      encodeChange({ ...first, release: { threshold, keys } });
  test.each<[string, () => unknown]>([
    ["no release key", release([])],
    ["four release keys", release([r1, r2, r3, r4].map((key) => key!.publicKey))],
    ["a key twice", release([releaseKey.publicKey, releaseKey.publicKey])],
    ["a threshold of none", release([releaseKey.publicKey], 0)],
    ["a threshold above the keys", release([releaseKey.publicKey], 2)],
    ["an Ed25519 key that releases", release([agent.keys[0]!])],
    [
      "a release key of a type that no device verifies",
      () => decodeKeySet(release([new Uint8Array(48)])()),
    ],
    [
      "a root key whose signatures no device has room for",
      () => {
        const tall = Uint8Array.from(r1!.publicKey);
        tall[3] = 12;
        return decodeKeySet(encodeChange({ ...first, root: { threshold: 1, keys: [tall] } }));
      },
    ],
    ["version 0", () => decodeKeySet(encodeChange({ ...first, version: 0 }))],
    ["no roles", () => decodeKeySet(encode([1, 1, 1, 1, 1, 0]))],
    ["no list", () => decodeKeySet(encode({ version: 1 }))],
    ["a file of another form", () => decodeSignedKeySet(encode([1]))],
    [
      "a signature of another form",
      () => rootSignatures({ ...signed(first, r1), signatures: [encode([1, 2])] }),
    ],
  ])("%s is malformed", (_name, run) => {
    expect(run).toThrow(expect.objectContaining({ code: Code.KeySetMalformed }));
  });
});
