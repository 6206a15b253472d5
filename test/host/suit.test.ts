import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Code } from "../../firmware/protocol/errors.ts";
import {
  type CborKey,
  type CborValue,
  concatBytes,
  decode,
  encode,
  Tagged,
} from "../../firmware/protocol/host/cbor.ts";
import { CodedError } from "../../firmware/protocol/host/codedError.ts";
import {
  algEs256,
  keyId,
  parseSign1,
  signSign1,
  verifySign1,
} from "../../firmware/protocol/host/cose.ts";
import {
  encodeEnvelope,
  encodeManifest,
  manifestDigest,
  signManifest,
} from "../../firmware/protocol/host/suit.ts";
import {
  checkDigest,
  leavesUsed,
  readEnvelope,
  readManifest,
  verifyEnvelope,
} from "../../firmware/protocol/host/suitVerify.ts";
import {
  ed25519Signer,
  lmsSigner,
  manifestBytes,
  manifestInput,
  otherKey,
  releaseKey,
} from "./suitFixture.ts";
import { bytes, flipBit, hex, readVector } from "./support.ts";

const keys = { release: [releaseKey.publicKey] };
const unsaid = { limits: null, confirmedBy: "agent", freeVariables: 0, downgradeFrom: null };
const signatures = signManifest(manifestBytes, [lmsSigner(releaseKey, 0)]);
const envelope = encodeEnvelope(manifestBytes, signatures);

function codeOf(run: () => unknown): Code {
  try {
    run();
  } catch (error) {
    if (error instanceof CodedError) return error.code;
    throw error;
  }
  return Code.Ok;
}

describe("an envelope of ours", () => {
  test("has the golden bytes for fixed keys", () => {
    expect(envelope).toEqual(readVector("suit/golden.hex").envelope);
  });

  test("verifies and gives back every field", () => {
    const verified = verifyEnvelope(envelope, keys);
    expect(verified).toEqual({
      ...manifestInput,
      ...unsaid,
      manifestBytes,
      signedBy: [keyId(releaseKey.publicKey)],
    });
  });

  test("may leave out text, trial and battery, which then have the defaults", () => {
    const { text: _t, trialMinutes: _m, batteryMinMv: _b, ...least } = manifestInput;
    const read = readManifest(encodeManifest(least));
    expect(read).toEqual({ ...least, ...unsaid, text: null, trialMinutes: 60, batteryMinMv: 0 });
  });

  test("says that a person in the field confirms it, beside other limits or alone", () => {
    const limits = { 1: [2100, null], 9: [null, 3] } as const;
    for (const given of [limits, null]) {
      const bytes = encodeManifest({ ...manifestInput, confirmedBy: "field", limits: given });
      expect(readManifest(bytes)).toMatchObject({ confirmedBy: "field", limits: given });
    }
    const byHand = { ...manifestInput, limits: { 12: [1, null] as const } };
    expect(() => encodeManifest(byHand)).toThrow("vital 12 is confirmedBy: say it there");
  });

  test("carries the HSS form: four zero bytes before the LMS signature", () => {
    const block = parseSign1(signatures[0]!);
    expect(block.alg).toBe(-46);
    expect(block.signature).toHaveLength(4 + 1380);
    expect(block.signature.subarray(0, 4)).toEqual(new Uint8Array(4));
  });

  test("an Ed25519 block beside the LMS block is counted when its key is trusted, else skipped", () => {
    const ed = ed25519Signer(9);
    const both = encodeEnvelope(
      manifestBytes,
      signManifest(manifestBytes, [lmsSigner(releaseKey, 0), ed]),
    );
    expect(verifyEnvelope(both, keys).signedBy).toHaveLength(1);
    const withEd = verifyEnvelope(both, { ...keys, ed25519: [ed.publicKey] });
    expect(withEd.signedBy).toEqual([keyId(releaseKey.publicKey), keyId(ed.publicKey)]);
  });

  test("tells which leaf signed which digest, and another manifest at that leaf shows", () => {
    const again = encodeManifest({ ...manifestInput, sequence: 8 });
    const other = encodeEnvelope(again, signManifest(again, [lmsSigner(releaseKey, 0)]));
    const [first, second] = [leavesUsed(envelope)[0]!, leavesUsed(other)[0]!];
    expect(first).toMatchObject({ leaf: 0, kid: hex(keyId(releaseKey.publicKey)) });
    expect([second.kid, second.leaf]).toEqual([first.kid, first.leaf]);
    expect(second.digest).not.toBe(first.digest);
  });

  test("two of two keys are needed where the threshold says so", () => {
    const two = { release: [releaseKey.publicKey, otherKey.publicKey], threshold: 2 };
    const signers = [lmsSigner(releaseKey, 0), lmsSigner(otherKey, 0)];
    const both = encodeEnvelope(manifestBytes, signManifest(manifestBytes, signers));
    expect(verifyEnvelope(both, two).signedBy).toHaveLength(2);
    expect(codeOf(() => verifyEnvelope(envelope, two))).toBe(Code.ThresholdMissed);
    const twice = encodeEnvelope(manifestBytes, [signatures[0]!, signatures[0]!]);
    expect(codeOf(() => verifyEnvelope(twice, two))).toBe(Code.ThresholdMissed);
  });
});

describe("signatures that do not count", () => {
  const withBlocks = (blocks: Uint8Array[]) => encodeEnvelope(manifestBytes, blocks);
  const payload = manifestDigest(manifestBytes);
  const wrong = { ...lmsSigner(releaseKey, 0), sign: (m: Uint8Array) => otherKey.sign(0, m) };
  const elsewhere = signManifest(encodeManifest({ ...manifestInput, sequence: 8 }), [
    lmsSigner(releaseKey, 1),
  ]);

  test.each<[string, Uint8Array[], Code]>([
    ["no block", [], Code.ManifestNoSignature],
    ["only Ed25519", signManifest(manifestBytes, [ed25519Signer(9)]), Code.ManifestNoSignature],
    [
      "a key that is not trusted",
      signManifest(manifestBytes, [lmsSigner(otherKey, 0)]),
      Code.ManifestKeyUnknown,
    ],
    ["another key under our key's id", [signSign1(wrong, payload)], Code.ManifestSignature],
    ["a signature of another manifest", elsewhere, Code.ManifestSignature],
    ["a block that is no COSE", [Uint8Array.of(0)], Code.ManifestNoSignature],
    ["more than six blocks", Array(7).fill(Uint8Array.of(0)), Code.ManifestMalformed],
  ])("%s is refused", (_name, blocks, code) => {
    expect(codeOf(() => verifyEnvelope(withBlocks(blocks), keys))).toBe(code);
  });

  test("a wrong Ed25519 signature by a trusted key is refused although LMS is right", () => {
    const ed = ed25519Signer(9);
    const bad = signSign1({ ...ed, sign: () => new Uint8Array(64) }, payload);
    const run = () =>
      verifyEnvelope(withBlocks([signatures[0]!, bad]), { ...keys, ed25519: [ed.publicKey] });
    expect(codeOf(run)).toBe(Code.ManifestSignature);
  });
});

describe("damage", () => {
  test("every bit of the manifest and of its digest turned is refused by a named code", () => {
    const start = envelope.length - manifestBytes.length;
    const counts: Record<number, number> = {};
    for (let bit = start * 8; bit < envelope.length * 8; bit++) {
      const code = codeOf(() => verifyEnvelope(flipBit(envelope, bit), keys));
      counts[code] = (counts[code] ?? 0) + 1;
    }
    expect(counts).toEqual({ [Code.ManifestDigest]: manifestBytes.length * 8 });
  });

  test("one bit turned anywhere (a sample of every 5th) is refused by a named code", () => {
    for (let bit = 0; bit < envelope.length * 8; bit += 5) {
      expect(codeOf(() => verifyEnvelope(flipBit(envelope, bit), keys))).toBeGreaterThanOrEqual(
        100,
      );
    }
  });

  test("every truncation and a byte too many are refused as malformed", () => {
    for (let length = 0; length < envelope.length; length++) {
      const run = () => verifyEnvelope(envelope.subarray(0, length), keys);
      expect(codeOf(run)).toBe(Code.ManifestMalformed);
    }
    const longer = concatBytes([envelope, Uint8Array.of(0)]);
    expect(codeOf(() => verifyEnvelope(longer, keys))).toBe(Code.ManifestMalformed);
  });

  test("an envelope over 4096 bytes is refused before it is read", () => {
    expect(codeOf(() => verifyEnvelope(new Uint8Array(4097), keys))).toBe(Code.ManifestTooLarge);
    const notes = "x".repeat(4096);
    const long = encodeManifest({ ...manifestInput, text: { ...manifestInput.text!, notes } });
    expect(codeOf(() => encodeEnvelope(long, []))).toBe(Code.ManifestTooLarge);
  });

  test("random bytes and random CBOR are refused by code, never by another exception", () => {
    const value = fc.letrec<{ node: CborValue }>((tie) => ({
      node: fc.oneof(
        { depthSize: "small" },
        fc.integer(),
        fc.uint8Array({ maxLength: 8 }),
        fc.constant(null),
        fc.array(tie("node"), { maxLength: 3 }),
        fc
          .array(fc.tuple(fc.integer({ min: -4, max: 24 }), tie("node")), { maxLength: 4 })
          .map((entries) => new Map<CborKey, CborValue>(entries)),
        tie("node").map((inner) => encode(inner)),
      ),
    })).node;
    const map = fc.record({ auth: value, manifest: value }).map(({ auth, manifest }) =>
      encode(
        new Tagged(
          107,
          new Map([
            [2, encode(auth)],
            [3, encode(manifest)],
          ]),
        ),
      ),
    );
    const input = fc.oneof(fc.uint8Array({ maxLength: 64 }), map, value.map(encode));
    const property = fc.property(input, (random) => {
      expect(codeOf(() => verifyEnvelope(random, keys))).toBeGreaterThanOrEqual(100);
      const read = codeOf(() => readManifest(random));
      expect(read).toBeGreaterThanOrEqual(100);
    });
    fc.assert(property, { numRuns: 1500, seed: 4 });
  });
});

describe("a signed manifest outside the profile", () => {
  /** Changes one place of the decoded manifest and reads it. */
  const changed = (change: (manifest: Map<CborKey, CborValue>) => void) => {
    const manifest = decode(manifestBytes) as Map<CborKey, CborValue>;
    change(manifest);
    return codeOf(() => readManifest(encode(manifest)));
  };
  const common = (parameters: [number, CborValue][], tail: CborValue[] = [1, 15, 2, 15]) =>
    encode(
      new Map<CborKey, CborValue>([
        [2, [[Uint8Array.of(0)]]],
        [4, encode([20, new Map<CborKey, CborValue>(parameters), ...tail])],
      ]),
    );
  const parameters: [number, CborValue][] = [
    [1, manifestInput.vendorId],
    [2, manifestInput.classId],
    [3, encode([-16, manifestInput.digest])],
    [14, manifestInput.sizeBytes],
    [-1, 5],
    [-2, ["2v25", "2v29"]],
  ];
  const withParameter = (key: number, value: CborValue) =>
    parameters.map(([k, v]): [number, CborValue] => [k, k === key ? value : v]);

  test("the unchanged parts read well", () => {
    expect(changed((m) => m.set(3, common(parameters)))).toBe(Code.Ok);
  });

  test.each<[string, number, CborValue, Code]>([
    ["version 2", 1, 2, Code.ManifestVersion],
    ["no sequence", 2, null, Code.ManifestMalformed],
    ["a sequence above 32 bits", 2, 0x100000000, Code.ManifestMalformed],
    ["sequence 0", 2, 0, Code.ManifestOutsideProfile],
    ["an unknown key", 4, "http://x", Code.ManifestOutsideProfile],
    ["a severed install", 20, [-16, new Uint8Array(32)], Code.ManifestMalformed],
    ["validate without image match", 7, encode([]), Code.ManifestMalformed],
    ["another command than invoke", 9, encode([21, 2]), Code.ManifestOutsideProfile],
    ["a policy that is no policy", 9, encode([23, 16]), Code.ManifestOutsideProfile],
    ["a command without argument", 9, encode([23]), Code.ManifestMalformed],
    ["install without version check", 20, encode([21, 2, 3, 15]), Code.ManifestOutsideProfile],
    [
      "another place to fetch from",
      20,
      encode([-1, 15, 20, new Map([[21, "http://x"]]), 21, 2, 3, 15]),
      Code.ManifestOutsideProfile,
    ],
    ["text that is no text", 23, encode({ en: new Map([[-2, 1]]) }), Code.ManifestMalformed],
    [
      "a release type unknown",
      23,
      encode({ en: new Map([[-2, "x"]]) }),
      Code.ManifestOutsideProfile,
    ],
  ])("%s is refused", (_name, key, value, code) => {
    expect(changed((m) => m.set(key, value))).toBe(code);
  });

  test.each<[string, Uint8Array, Code]>([
    ["a floor above the sequence", common(withParameter(-1, 8)), Code.FloorAboveSequence],
    ["an image of no bytes", common(withParameter(14, 0)), Code.ManifestOutsideProfile],
    ["a short vendor id", common(withParameter(1, new Uint8Array(15))), Code.WrongVendor],
    ["no interpreter range", common(withParameter(-2, ["x", "y"])), Code.WrongInterpreter],
    [
      "a digest of another algorithm",
      common(withParameter(3, encode([-44, new Uint8Array(32)]))),
      Code.ManifestOutsideProfile,
    ],
    ["a missing parameter", common(parameters.slice(1)), Code.WrongVendor],
    ["an unknown parameter", common([...parameters, [12, 1]]), Code.ManifestOutsideProfile],
    ["no class condition", common(parameters, [1, 15]), Code.ManifestOutsideProfile],
    ["33 commands", common(parameters, Array(66).fill(1)), Code.ManifestOutsideProfile],
    [
      "two components",
      encode(
        new Map<CborKey, CborValue>([
          [2, [[bytes("00")], [bytes("01")]]],
          [4, encode([])],
        ]),
      ),
      Code.DependencyUnknown,
    ],
  ])("%s is refused", (_name, value, code) => {
    expect(changed((m) => m.set(3, value))).toBe(code);
  });

  test("an envelope without tag, with a severed member or with a second tag is refused", () => {
    const untagged = envelope.subarray(2);
    expect(codeOf(() => verifyEnvelope(untagged, keys))).toBe(Code.ManifestMalformed);
    const item = decode(envelope) as unknown as Tagged;
    const more = new Map([...(item.value as Map<CborKey, CborValue>), [23, new Uint8Array(1)]]);
    const severed = encode(new Tagged(107, more as Map<CborKey, CborValue>));
    expect(codeOf(() => verifyEnvelope(severed, keys))).toBe(Code.ManifestOutsideProfile);
    const twice = concatBytes([bytes("d86b"), envelope]);
    expect(codeOf(() => verifyEnvelope(twice, keys))).toBe(Code.ManifestMalformed);
  });

  test("an author cannot write a floor above the sequence, a wrong id or a wrong version", () => {
    const floor = () => encodeManifest({ ...manifestInput, floor: 8 });
    expect(codeOf(floor)).toBe(Code.FloorAboveSequence);
    const id = () => encodeManifest({ ...manifestInput, classId: new Uint8Array(4) });
    expect(id).toThrow(RangeError);
    const interpreter = () => encodeManifest({ ...manifestInput, interpreter: ["2.29", "2v29"] });
    expect(interpreter).toThrow(RangeError);
  });
});

describe("published examples of draft-ietf-suit-manifest", () => {
  const spki = readVector("suit/key.hex").spki!;
  // Profile's own verdict on each manifest; all are signed with ES256, so verifyEnvelope refuses them sooner.
  test.each<[number, number, Code]>([
    [0, 237, Code.ManifestMalformed],
    [1, 272, Code.ManifestOutsideProfile],
    [2, 923, Code.ManifestOutsideProfile],
    [3, 396, Code.ManifestOutsideProfile],
    [4, 403, Code.ManifestOutsideProfile],
    [5, 382, Code.DependencyUnknown],
  ])("example %i (%i bytes): digest and signature are right, the profile refuses it", (...row) => {
    const [number, length, verdict] = row;
    const example = readVector(`suit/example${number}.hex`).envelope!;
    expect(example).toHaveLength(length);
    const parts = readEnvelope(example, { withSevered: true });
    checkDigest(parts);
    expect(parts.blocks).toHaveLength(1);
    const block = parseSign1(parts.blocks[0] as Uint8Array);
    expect(block.alg).toBe(algEs256);
    expect(verifySign1(block, spki, parts.digestBytes)).toBe(true);
    expect(verifySign1(block, spki, flipBit(parts.digestBytes, 40))).toBe(false);
    expect(codeOf(() => readManifest(parts.manifestBytes))).toBe(verdict);
    const refusal = number === 2 ? Code.ManifestOutsideProfile : Code.ManifestNoSignature;
    expect(codeOf(() => verifyEnvelope(example, keys))).toBe(refusal);
  });
});
