/** Every single-bit flip and every truncation of one real envelope, played on the device's update code. */
import { encodeEnvelope, signManifest } from "../../firmware/protocol/host/suit.ts";
import {
  ed25519Signer,
  lmsSigner,
  manifestBytes,
  manifestInput,
  releaseKey,
} from "../host/suitFixture.ts";
import { playEnvelope, type Receiver } from "./playEnvelope.ts";

export const receiver: Receiver = {
  vendorId: manifestInput.vendorId,
  classId: manifestInput.classId,
  keys: [releaseKey.publicKey],
  threshold: 1,
  interpreter: "2v29",
};
const blocks = signManifest(manifestBytes, [lmsSigner(releaseKey, 0), ed25519Signer(9)]);
export const envelope = encodeEnvelope(manifestBytes, blocks);
const foreign = blocks[1]!;
/** Where the block of the algorithm that a device does not use stands. */
export const foreignFrom = Buffer.from(envelope).indexOf(foreign);
export const foreignTo = foreignFrom + foreign.length;
export const isForeign = (bit: number) => bit >= foreignFrom * 8 && bit < foreignTo * 8;

export interface Flipped {
  bit: number;
  code: number;
  writes: number;
}

/** Plays the flips of every step-th bit from `first` on, before `end`. */
export function playFlips(first: number, step: number, end = envelope.length * 8): Flipped[] {
  const out: Flipped[] = [];
  for (let bit = first; bit < end; bit += step) {
    const bad = envelope.slice();
    bad[bit >> 3]! ^= 1 << (bit & 7);
    out.push({ bit, ...playEnvelope(receiver, manifestInput.sequence, bad) });
  }
  return out;
}
