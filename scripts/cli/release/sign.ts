/** Signs one release: one manifest and one envelope per device class. */
import { createHash } from "node:crypto";
import { keySetFor } from "../../../firmware/protocol/host/keyset.ts";
import type { LeafProgress } from "../../../firmware/protocol/host/lms/index.ts";
import type { DeclaredSettings } from "../../../firmware/protocol/host/settings.ts";
import {
  encodeEnvelope,
  encodeManifest,
  type Manifest,
  type ManifestText,
  signManifest,
} from "../../../firmware/protocol/host/suit.ts";
import { verifyEnvelope } from "../../../firmware/protocol/host/suitVerify.ts";
import { openReleaseKeys, readKeySets } from "../keys/store.ts";
import { base64Of, type ReleaseFile } from "./file.ts";
import { blankBlock } from "./signatures.ts";

export interface ReleaseInput extends ManifestText {
  /** folder of `fleetling keys new` */
  keysDir: string;
  images: {
    /** id of a board file */
    board: string;
    /** UUIDv5, 16 bytes */
    classId: Uint8Array;
    vendorId: Uint8Array;
    /** bytes of the image text */
    text: Uint8Array;
    /** the app's declared settings, from build.json; they travel beside what is signed */
    settings?: DeclaredSettings;
    /** names of the app's commands, likewise */
    commands?: string[];
    /** names of its build, for the next one; they are kept beside the release file */
    names?: { text: string; digest: string };
    /** least and greatest interpreter version; default the release's */
    interpreter?: readonly [string, string];
  }[];
  sequence: number;
  floor: number;
  /** true: devices below it confirm it before anything higher; it travels beside what is signed */
  mustPass?: boolean;
  /** least and greatest interpreter version: ["2v25", "2v29"] */
  interpreter: readonly [string, string];
  trialMinutes?: number;
  batteryMinMv?: number;
  /** vitals that a trial has to keep */
  limits?: Manifest["limits"];
  /** who ends its trial well; default the agent's answer */
  confirmedBy?: Manifest["confirmedBy"];
  /** who had it signed without trying an update, and why; omitted: it was tried */
  unchecked?: { person: string; reason: string };
  onProgress?: LeafProgress;
}

export interface SignedImage {
  board: string;
  /** hex */
  classId: string;
  vendorId: string;
  /** hex SHA-256 of the payload */
  digest: string;
  envelope: Uint8Array;
  payload: Uint8Array;
  leaf: number;
}

export interface SignedRelease {
  images: SignedImage[];
  leavesLeft: number;
  /** one sentence when the release key runs out, else null */
  warning: string | null;
}

/** Builds manifests, reserves a leaf for each, signs, and checks every envelope against the newest key set.
 *  The same input gives the same bytes and takes no new leaf.
 *  @throws ToolError of key folder and ledger; CodedError FloorAboveSequence, ManifestTooLarge; RangeError */
export function signRelease(input: ReleaseInput): SignedRelease {
  // All manifests first: a mistake in the last image must not cost leaves for the others.
  const manifests = input.images.map((image) => manifestOf(input, image));
  const keySet = keySetFor(readKeySets(input.keysDir), input.sequence);
  const { threshold, keys } = keySet.release;
  const blanks = keys.slice(0, threshold).map(blankBlock);
  for (const manifest of manifests) encodeEnvelope(manifest, blanks);
  const [signer] = openReleaseKeys(input.keysDir, keySet, { onProgress: input.onProgress });
  const images = input.images.map((image, index): SignedImage => {
    const manifest = manifests[index]!;
    const envelope = encodeEnvelope(manifest, signManifest(manifest, [signer!]));
    const { digest } = verifyEnvelope(envelope, { release: keys });
    return {
      board: image.board,
      classId: hex(image.classId),
      vendorId: hex(image.vendorId),
      digest: hex(digest),
      envelope,
      payload: image.text,
      leaf: signer!.reservations.at(-1)!.leaf,
    };
  });
  const last = signer!.reservations.at(-1);
  return { images, leavesLeft: last?.leavesLeft ?? 0, warning: last?.warning ?? null };
}

/** The file that is published to an agent: envelope and payload in base64 per class. */
export function releaseFile(input: ReleaseInput, signed: SignedRelease): ReleaseFile {
  const { sequence, floor, version, type, notes, mustPass, unchecked } = input;
  return {
    ...{ sequence, floor, version, type, notes, mustPass, unchecked },
    images: signed.images.map(({ board, classId, digest, envelope, payload }, index) => ({
      ...{ board, classId, digest, settings: input.images[index]!.settings },
      commands: input.images[index]!.commands,
      names: input.images[index]!.names?.digest,
      ...{ envelope: base64Of(envelope), payload: base64Of(payload) },
    })),
  };
}

function manifestOf(input: ReleaseInput, image: ReleaseInput["images"][number]): Uint8Array {
  const { version, type, notes, supportUntil, endOfLife, disposal } = input;
  return encodeManifest({
    sequence: input.sequence,
    floor: input.floor,
    vendorId: image.vendorId,
    classId: image.classId,
    digest: new Uint8Array(createHash("sha256").update(image.text).digest()),
    sizeBytes: image.text.length,
    interpreter: image.interpreter ?? input.interpreter,
    trialMinutes: input.trialMinutes,
    batteryMinMv: input.batteryMinMv,
    limits: input.limits,
    confirmedBy: input.confirmedBy,
    text: { version, type, notes, supportUntil, endOfLife, disposal },
  });
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
