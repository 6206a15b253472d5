/** Downgrade tickets: the way back on purpose. The same image, signed once more for devices of one floor. */
import { keySetFor } from "../../../firmware/protocol/host/keyset.ts";
import type { LeafProgress } from "../../../firmware/protocol/host/lms/index.ts";
import {
  encodeEnvelope,
  encodeManifest,
  signManifest,
} from "../../../firmware/protocol/host/suit.ts";
import {
  readEnvelope,
  readManifest,
  verifyEnvelope,
} from "../../../firmware/protocol/host/suitVerify.ts";
import { openReleaseKeys, readKeySets } from "../keys/store.ts";
import { appendDecision } from "./decisions.ts";
import { base64Of, bytesOf, type ReleaseFile } from "./file.ts";
import { checkDecision, inputError, type TicketWish } from "./input.ts";
import { blankBlock, ticketKeySet } from "./signatures.ts";

/** Puts a ticket beside every envelope of a release, and the decision into the folder's log before anything is signed.
 *  The same again takes no leaf.
 *  @throws ToolError RELEASE_INPUT, those of folder and ledger; CodedError of an envelope, ManifestTooLarge */
export function addTicket(
  file: ReleaseFile,
  input: { keysDir: string; wish: TicketWish; onProgress?: LeafProgress },
): { file: ReleaseFile; leavesLeft: number } {
  const { keysDir, wish } = input;
  checkTicket(file.floor, wish);
  const sets = readKeySets(keysDir);
  const { sequence } = file;
  const set = ticketKeySet(sets, sequence, wish.floor);
  const own = keySetFor(sets, sequence).release.keys;
  const manifests = file.images.map(({ envelope }) => {
    const bytes = bytesOf(envelope);
    // A ticket for what nobody signed would be a release of its own.
    verifyEnvelope(bytes, { release: [...own, ...set.release.keys] });
    const { text, ...manifest } = readManifest(readEnvelope(bytes).manifestBytes);
    return encodeManifest({ ...manifest, text: text ?? undefined, downgradeFrom: wish.floor });
  });
  const [signer] = openReleaseKeys(keysDir, set, { onProgress: input.onProgress });
  const blanks = Array.from({ length: set.release.threshold }, () => blankBlock(signer!.publicKey));
  for (const manifest of manifests) encodeEnvelope(manifest, blanks);
  appendDecision(keysDir, {
    kind: "downgradeTicket",
    ...{ sequence, ...wish },
    digests: file.images.map(({ digest }) => digest),
  });
  const images = file.images.map((image, index) => {
    const manifest = manifests[index]!;
    const envelope = encodeEnvelope(manifest, signManifest(manifest, [signer!]));
    verifyEnvelope(envelope, { release: [signer!.publicKey] });
    return { ...image, ticket: base64Of(envelope) };
  });
  const leavesLeft = signer!.reservations.at(-1)?.leavesLeft ?? 0;
  return { file: { ...file, ticket: wish, images }, leavesLeft };
}

/** @param releaseFloor what the release's own confirm sets the floor to
 *  @throws ToolError RELEASE_INPUT */
export function checkTicket(releaseFloor: number, { floor, person, reason }: TicketWish): void {
  if (floor <= releaseFloor) {
    const expected = `more than ${releaseFloor}, the release's own floor: a ticket must not apply twice`;
    throw inputError("--downgrade-from", expected, String(floor));
  }
  checkDecision({ person, reason });
}
