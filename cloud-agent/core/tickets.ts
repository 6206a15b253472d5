/** Downgrade tickets: a second envelope of a release's image, for devices of one floor. Only they are told of it. */
import { Code } from "../../firmware/protocol/errors.ts";
import {
  leavesUsed,
  type VerifiedManifest,
  verifyEnvelope,
} from "../../firmware/protocol/host/suitVerify.ts";
import type { Tx } from "../storage/store.ts";
import { AgentCode, AgentError } from "./errors.ts";
import { noteLeaf } from "./leases.ts";
import type { ReleaseImage, ReleaseRecord, TicketRecord } from "./records.ts";
import { keySetFrom, type ReleaseKeys } from "./releaseKeys.ts";

/** What the sender says of a release's tickets; the floor has to be what their manifests say. */
export interface SentTicket {
  floor: number;
  person: string;
  reason: string;
}

export interface CheckedTicket {
  /** hex */
  classId: string;
  record: NonNullable<ReleaseImage["ticket"]>;
  envelope: Uint8Array;
}

/** Checks the ticket of one image against the image's own manifest.
 *  @returns null when none was sent
 *  @throws AgentError TicketInvalid; CodedError for an envelope that is not acceptable */
export function checkTicket(
  manifest: VerifiedManifest,
  sent: { board: string; ticket?: Uint8Array },
  told: SentTicket | undefined,
  keys: ReleaseKeys,
): CheckedTicket | null {
  const { board, ticket: envelope } = sent;
  if (envelope === undefined && told === undefined) return null;
  const refuse = (expected: string, found: string) =>
    new AgentError(
      AgentCode.TicketInvalid,
      `downgrade ticket for ${board}: expected ${expected}, got ${found}`,
    );
  if (told === undefined) throw refuse("floor, person and reason beside it", "none");
  if (envelope === undefined) throw refuse("an envelope, as for the release's floor", "none");
  const { sequence, floor } = manifest;
  if (told.floor <= floor) {
    throw refuse(
      `a floor above the release's own ${floor}: a ticket may not apply twice`,
      `${told.floor}`,
    );
  }
  // Devices of that floor have confirmed it, and with it every key set that waited for it.
  const ticket = verifyEnvelope(envelope, keys.for(Math.max(sequence, told.floor + 1)));
  if (ticket.downgradeFrom !== told.floor) {
    throw refuse(`floor ${told.floor} in its manifest`, `${ticket.downgradeFrom ?? "no ticket"}`);
  }
  for (const [name, own, other] of [
    ["sequence", sequence, ticket.sequence],
    ["floor", floor, ticket.floor],
    ["bytes", manifest.sizeBytes, ticket.sizeBytes],
    ["digest", hex(manifest.digest), hex(ticket.digest)],
    ["class", hex(manifest.classId), hex(ticket.classId)],
    ["vendor", hex(manifest.vendorId), hex(ticket.vendorId)],
  ] as const) {
    if (own !== other) throw refuse(`the release's ${name} ${own}`, `${other}`);
  }
  const signedBy = ticket.signedBy.map(hex);
  const record = {
    ...{ envelopeBytes: envelope.length, signedBy },
    keySetFrom: keySetFrom(ticket.signedBy, keys),
  };
  return { classId: hex(ticket.classId), record, envelope };
}

/** Stores the tickets of a release; they replace those from before. The same ones again change nothing.
 *  @param given.tickets one for each image
 *  @returns the release as it stands now @throws AgentError ImagePoisoned, LeafReused */
export async function putTickets(
  tx: Tx,
  release: ReleaseRecord,
  given: { tickets: CheckedTicket[]; told: SentTicket; person: string; keys: ReleaseKeys },
  nowMs: number,
): Promise<{ release: ReleaseRecord; wasNew: boolean }> {
  const { tickets, told, person, keys } = given;
  const { sequence, poisonedMs, poisonReason } = release;
  if (poisonedMs !== null) {
    throw new AgentError(Code.ImagePoisoned, `release ${sequence}: poisoned (${poisonReason})`);
  }
  if (await areStored(tx, release, tickets)) return { release, wasNew: false };
  const judge = keys.for(Math.max(sequence, told.floor + 1));
  for (const { envelope } of tickets) {
    for (const used of leavesUsed(envelope)) await noteLeaf(tx, used, judge.release, nowMs);
  }
  const ticket: TicketRecord = { ...told, publishedBy: person, atMs: nowMs };
  const images = release.images.map((image) => ({
    ...image,
    ticket: tickets.find(({ classId }) => classId === image.classId)?.record,
  }));
  const next: ReleaseRecord = { ...release, ticket, images };
  await tx.putRelease(next);
  for (const { classId, envelope } of tickets) await tx.putBlob(2, sequence, classId, envelope);
  await tx.appendEvent(
    {
      kind: "ticketPublished",
      sequence,
      text:
        `${person} published a downgrade ticket of release ${sequence} for devices with floor ${told.floor}, ` +
        `decided by ${told.person}: ${told.reason}`,
      data: { ...told, publishedBy: person, floorBefore: release.ticket?.floor ?? null },
    },
    nowMs,
  );
  return { release: next, wasNew: true };
}

async function areStored(tx: Tx, release: ReleaseRecord, tickets: CheckedTicket[]) {
  for (const { classId, envelope } of tickets) {
    const stored = await tx.blob(2, release.sequence, classId);
    if (stored === null || Buffer.compare(stored, envelope) !== 0) return false;
  }
  return true;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
