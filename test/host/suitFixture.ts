/** One release of ours with fixed keys, for the tests of envelope, key set and command line. */
import { createHash } from "node:crypto";
import { algEd25519, algHssLms, type Signer } from "../../firmware/protocol/host/cose.ts";
import { ed25519Pair, ed25519Sign } from "../../firmware/protocol/host/ed25519.ts";
import type { LmsPrivateKey } from "../../firmware/protocol/host/lms/index.ts";
import { encodeManifest, type ManifestInput } from "../../firmware/protocol/host/suit.ts";
import { bytes, lmsTestKey } from "./support.ts";

export const image = new TextEncoder().encode("[function(kit,app){},function(){}]");

export const manifestInput: ManifestInput = {
  sequence: 7,
  vendorId: bytes("fa6b4a53d5ad5fdfbe9de663e4d41ffe"),
  classId: bytes("1492af1425695e48bf429b2d51f2ab45"),
  digest: new Uint8Array(createHash("sha256").update(image).digest()),
  sizeBytes: image.length,
  floor: 5,
  interpreter: ["2v25", "2v29"],
  trialMinutes: 60,
  batteryMinMv: 2400,
  text: {
    version: "1.4.2",
    type: "security",
    notes: "Closes a hole.",
    supportUntil: "2030-12-31",
    endOfLife: "",
    disposal: "Collection point for electronics.",
  },
};

export const manifestBytes = encodeManifest(manifestInput);

export const lmsSigner = (key: LmsPrivateKey, leaf: number): Signer => ({
  alg: algHssLms,
  publicKey: key.publicKey,
  sign: (message) => key.sign(leaf, message),
});

export const ed25519Signer = (fill: number): Signer => {
  const pair = ed25519Pair(new Uint8Array(32).fill(fill));
  return {
    alg: algEd25519,
    publicKey: pair.publicKey,
    sign: (message) => ed25519Sign(pair.seed, message),
  };
};

export const releaseKey = lmsTestKey(5, 1);
export const otherKey = lmsTestKey(5, 2);
