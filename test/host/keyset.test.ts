import { describe, expect, test } from "vitest";
import { Code } from "../../firmware/protocol/errors.ts";
import { encode } from "../../firmware/protocol/host/cbor.ts";
import { ed25519Pair } from "../../firmware/protocol/host/ed25519.ts";
import {
  decodeKeySet,
  decodeSignedKeySet,
  encodeKeySet,
  encodeSignedKeySet,
  type KeySet,
  signKeySet,
  verifyKeySet,
} from "../../firmware/protocol/host/keyset.ts";
import { otherKey, releaseKey } from "./suitFixture.ts";
import { flipBit } from "./support.ts";

const pairs = [1, 2, 3, 4, 5, 6].map((fill) => ed25519Pair(new Uint8Array(32).fill(fill)));
const [p1, p2, p3, p4, p5, p6] = pairs as [
  (typeof pairs)[0],
  (typeof pairs)[0],
  (typeof pairs)[0],
  (typeof pairs)[0],
  (typeof pairs)[0],
  (typeof pairs)[0],
];

const set = (
  version: number,
  root: typeof pairs,
  releaseKeys = [releaseKey.publicKey],
): KeySet => ({
  version,
  roles: {
    root: { threshold: 2, keys: root.map((pair) => pair.publicKey) },
    release: { threshold: 1, keys: releaseKeys },
    agent: { threshold: 1, keys: [p6.publicKey] },
  },
});
const signed = (keySet: KeySet, signers: typeof pairs) => {
  const body = encodeKeySet(keySet);
  return { body, signatures: signers.map((pair) => signKeySet(body, pair)) };
};
const first = set(1, [p1, p2, p3]);
const second = set(2, [p3, p4, p5], [otherKey.publicKey]);

describe("key set", () => {
  test("the first set needs two of its three root keys", () => {
    expect(verifyKeySet(signed(first, [p1, p3]), null)).toEqual(first);
  });

  test("the next set needs two keys of the old root and two of the new", () => {
    expect(verifyKeySet(signed(second, [p1, p2, p4, p5]), first)).toEqual(second);
    expect(verifyKeySet(signed(second, [p1, p3, p4]), first)).toEqual(second);
  });

  test("a signed set comes back from its file form", () => {
    const one = signed(first, [p1, p2]);
    expect(decodeSignedKeySet(encodeSignedKeySet(one))).toEqual(one);
  });

  test.each<[string, () => unknown, Code]>([
    ["one signature", () => verifyKeySet(signed(first, [p1]), null), Code.ManifestNoSignature],
    ["one key twice", () => verifyKeySet(signed(first, [p1, p1]), null), Code.ManifestNoSignature],
    ["strangers", () => verifyKeySet(signed(first, [p4, p5]), null), Code.ManifestNoSignature],
    [
      "only the new root",
      () => verifyKeySet(signed(second, [p4, p5]), first),
      Code.ManifestNoSignature,
    ],
    [
      "only the old root",
      () => verifyKeySet(signed(second, [p1, p2]), first),
      Code.ManifestNoSignature,
    ],
    [
      "a version left out",
      () => verifyKeySet(signed({ ...second, version: 3 }, [p1, p2, p4, p5]), first),
      Code.VersionUnsupported,
    ],
    ["the same version", () => verifyKeySet(signed(first, [p1, p2]), first), 15],
    [
      "a signature of another body",
      () =>
        verifyKeySet(
          {
            ...signed(first, [p1, p2]),
            body: encodeKeySet({
              ...first,
              roles: { ...first.roles, agent: { threshold: 1, keys: [p5.publicKey] } },
            }),
          },
          null,
        ),
      Code.ManifestSignature,
    ],
    [
      "a turned bit",
      () => {
        const one = signed(first, [p1, p2]);
        one.signatures[0]!.signature = flipBit(one.signatures[0]!.signature, 3);
        return verifyKeySet(one, null);
      },
      Code.ManifestSignature,
    ],
  ])("a set with %s is refused by code", (_name, run, code) => {
    expect(run).toThrow(expect.objectContaining({ code }));
  });

  const release = (keys: Uint8Array[], threshold = 1): KeySet => ({
    ...first,
    roles: { ...first.roles, release: { threshold, keys } },
  });
  test.each<[string, () => unknown]>([
    ["no release key", () => encodeKeySet(release([]))],
    ["four release keys", () => encodeKeySet(release(Array(4).fill(releaseKey.publicKey)))],
    ["a key twice", () => encodeKeySet(release([releaseKey.publicKey, releaseKey.publicKey]))],
    ["a threshold of none", () => encodeKeySet(release([releaseKey.publicKey], 0))],
    ["a threshold above the keys", () => encodeKeySet(release([releaseKey.publicKey], 2))],
    ["an Ed25519 key that releases", () => encodeKeySet(release([p1.publicKey]))],
    ["version 0", () => encodeKeySet({ ...first, version: 0 })],
    ["no roles", () => decodeKeySet(encode({ version: 1, roles: {} }))],
    ["no map", () => decodeKeySet(encode([1]))],
    ["a file of another form", () => decodeSignedKeySet(encode([1]))],
    ["a signature of another form", () => decodeSignedKeySet(encode([new Uint8Array(1), [1]]))],
  ])("%s is malformed", (_name, run) => {
    expect(run).toThrow(expect.objectContaining({ code: Code.MessageMalformed }));
  });
});
