/** Signatures of a release by more than one person: each signs with a key of their own, in their own key folder. */
import { algHssLms } from "../../../firmware/protocol/host/cose.ts";
import { keySetFor, kidOf } from "../../../firmware/protocol/host/keyset.ts";
import type { KeySetChange } from "../../../firmware/protocol/host/keysetChange.ts";
import {
  type LeafProgress,
  lmsParameters,
  otsN24W4,
  otsParameters,
} from "../../../firmware/protocol/host/lms/index.ts";
import { encodeEnvelope, signManifest } from "../../../firmware/protocol/host/suit.ts";
import {
  readEnvelope,
  readManifest,
  signersOf,
  verifyEnvelope,
} from "../../../firmware/protocol/host/suitVerify.ts";
import { ToolError } from "../keys/errors.ts";
import { keysIn, type LeafSigner, openKeyFile } from "../keys/keyFile.ts";
import { namedReleaseKeys, readKeySets } from "../keys/store.ts";
import { base64Of, bytesOf, type FileImage, type ReleaseFile, short } from "./file.ts";

/** How far a release is signed. */
export interface Signed {
  /** key set that judges it */
  keySetVersion: number;
  /** signatures that are needed */
  threshold: number;
  /** kids (hex) of the keys whose signatures hold on every envelope */
  signedBy: string[];
  isComplete: boolean;
}

/** The key set that a ticket is judged by: devices of its floor have confirmed that release, and with it every key set
 *  that waited for it. */
export function ticketKeySet(
  sets: readonly KeySetChange[],
  sequence: number,
  floor: number,
): KeySetChange {
  return keySetFor(sets, Math.max(sequence, floor + 1));
}

/** Adds to every envelope of a release file the signature of one key of a folder that has not signed it yet.
 *  @param input.builds digests (hex) of images that the signer built; omitted: not compared
 *  @throws ToolError RELEASE_SIGNED, RELEASE_DIFFERS, those of folder and ledger; CodedError of an envelope that is not
 *  acceptable, ManifestSignature for a signature over something else, ManifestTooLarge */
export function addSignature(
  file: ReleaseFile,
  input: { keysDir: string; builds?: string[]; onProgress?: LeafProgress },
): { file: ReleaseFile; signed: Signed; addedBy: string; leavesLeft: number } {
  const { keysDir, builds } = input;
  const sets = readKeySets(keysDir);
  checkBuilds(file, builds);
  for (const image of file.images) checkManifests(file, image);
  const judges = judgesOf(file, sets);
  const before = judges.map(({ envelope, set }) => signersOf(envelope, set.release.keys));
  const named = namedReleaseKeys(keysDir, judges[0]!.set);
  const isFree = ({ publicKey }: { publicKey: Uint8Array }) =>
    before.some((kids) => !kids.includes(kidOf(publicKey)));
  const own = named.find(isFree);
  if (!own)
    throw signedAlready(
      keysDir,
      named.map(({ publicKey }) => kidOf(publicKey)),
    );
  for (const [at, { envelope }] of judges.entries()) {
    if (before[at]!.includes(kidOf(own.publicKey))) continue;
    const { manifestBytes, blocks } = readEnvelope(envelope);
    // A release that would grow too large must not cost leaves.
    encodeEnvelope(manifestBytes, [...(blocks as Uint8Array[]), blankBlock(own.publicKey)]);
  }
  const signer = openKeyFile(keysDir, own.name, { onProgress: input.onProgress });
  const images = file.images.map((image) => ({
    ...image,
    envelope: signedText(image.envelope, signer),
    ...(image.ticket === undefined ? {} : { ticket: signedText(image.ticket, signer) }),
  }));
  const next = { ...file, images };
  const last = signer.reservations.at(-1);
  return {
    ...{ file: next, signed: signaturesOf(next, sets), addedBy: kidOf(own.publicKey) },
    leavesLeft: last?.leavesLeft ?? 0,
  };
}

/** Who has signed all envelopes of a release file, against what its key set asks for.
 *  @throws CodedError of an envelope that is not acceptable */
export function signaturesOf(file: ReleaseFile, sets: readonly KeySetChange[]): Signed {
  const judges = judgesOf(file, sets);
  const all = judges.map(({ envelope, set }) => signersOf(envelope, set.release.keys));
  const signedBy = all[0]!.filter((kid) => all.every((kids) => kids.includes(kid)));
  const { version, release } = judges[0]!.set;
  const isEnough = all.every((kids, at) => kids.length >= judges[at]!.set.release.threshold);
  const { threshold } = release;
  return { keySetVersion: version, threshold, signedBy, isComplete: isEnough };
}

/** "signed by 1 of the 2 keys that key set 2 asks for (0011223344556677); 1 more has to sign" */
export function signedWords({ keySetVersion, threshold, signedBy, isComplete }: Signed): string {
  const who = signedBy.length > 0 ? ` (${signedBy.join(", ")})` : "";
  const count = `signed by ${signedBy.length} of the ${threshold} keys that key set ${keySetVersion} asks for${who}`;
  if (isComplete) return count;
  const more = Math.max(1, threshold - signedBy.length);
  return `${count}; ${more} more ${more === 1 ? "has" : "have"} to sign: fleetling release add-signature`;
}

/** A signature block of the size that a key makes, without a signature: to know a size before a leaf is taken. */
export function blankBlock(publicKey: Uint8Array): Uint8Array {
  const { h } = lmsParameters(Buffer.from(publicKey).readUInt32BE(0))!;
  const bytes = 8 + otsParameters(otsN24W4)!.signatureBytes + 24 * h;
  const blank = { alg: algHssLms, publicKey, sign: () => new Uint8Array(bytes) };
  return signManifest(new Uint8Array(0), [blank])[0]!;
}

/** Every envelope of a file and the key set that judges it; the release's own first. */
function judgesOf(file: ReleaseFile, sets: readonly KeySetChange[]) {
  const { sequence, ticket, images } = file;
  const plain = images.map(({ envelope }) => ({
    envelope: bytesOf(envelope),
    set: keySetFor(sets, sequence),
  }));
  const tickets = images.flatMap((image) =>
    image.ticket === undefined || !ticket
      ? []
      : [{ envelope: bytesOf(image.ticket), set: ticketKeySet(sets, sequence, ticket.floor) }],
  );
  return [...plain, ...tickets];
}

/** What the file says beside its manifests has to be what they say: the signer reads the file. */
function checkManifests(file: ReleaseFile, image: FileImage): void {
  const { sequence, floor, ticket } = file;
  const said = { sequence, floor, digest: image.digest, downgradeFrom: null as number | null };
  const envelopes: [string, typeof said][] = [[image.envelope, said]];
  if (image.ticket !== undefined && ticket)
    envelopes.push([image.ticket, { ...said, downgradeFrom: ticket.floor }]);
  for (const [text, wanted] of envelopes) {
    const manifest = readManifest(readEnvelope(bytesOf(text)).manifestBytes);
    const found = { ...manifest, digest: Buffer.from(manifest.digest).toString("hex") };
    for (const name of Object.keys(wanted) as (keyof typeof wanted)[]) {
      if (found[name] === wanted[name]) continue;
      throw new ToolError("RELEASE_FILE", {
        object: `image for ${image.board}`,
        expected: `${name} ${wanted[name]}, as the file says`,
        found: `${found[name]} in its manifest`,
        next: "Do not sign it. Ask for the file that the release command wrote.",
      });
    }
  }
}

function checkBuilds(file: ReleaseFile, builds: string[] | undefined): void {
  if (!builds) return;
  for (const { board, digest } of file.images) {
    if (builds.includes(digest)) continue;
    throw new ToolError("RELEASE_DIFFERS", {
      object: `image for ${board}`,
      expected: `one that was built here (${builds.map(short).join(", ")})`,
      found: short(digest),
      next: "Build the same sources with the same tools and names, and find out why they differ.",
    });
  }
}

function signedText(envelope: string, signer: LeafSigner): string {
  const { manifestBytes, blocks } = readEnvelope(bytesOf(envelope));
  const present = signersOf(bytesOf(envelope), [signer.publicKey]);
  if (present.length > 0) return envelope;
  const all = [...(blocks as Uint8Array[]), ...signManifest(manifestBytes, [signer])];
  const whole = encodeEnvelope(manifestBytes, all);
  verifyEnvelope(whole, { release: [signer.publicKey] });
  return base64Of(whole);
}

function signedAlready(keysDir: string, kids: string[]): ToolError {
  const here = keysIn(keysDir, "release").length;
  return new ToolError("RELEASE_SIGNED", {
    object: keysDir,
    expected: "a release key that has not signed this release yet",
    found: `only ${kids.join(", ")}, ${here === 1 ? "which has" : "all of which have"} signed it`,
    next: "Have another person sign it with their own key; one key counts once.",
  });
}
