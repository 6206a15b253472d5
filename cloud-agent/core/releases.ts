/** Releases come in signed and are checked before anything is stored. The agent holds no signing key. */
import { createHash } from "node:crypto";
import { Code } from "../../firmware/protocol/errors.ts";
import { classIdOf } from "../../firmware/protocol/host/productIds.ts";
import { type DeclaredSettings, declarationFault } from "../../firmware/protocol/host/settings.ts";
import {
  leavesUsed,
  sequenceOf,
  type VerifiedManifest,
  verifyEnvelope,
} from "../../firmware/protocol/host/suitVerify.ts";
import type { Tx } from "../storage/store.ts";
import { AgentCode, AgentError } from "./errors.ts";
import { noteLeaf } from "./leases.ts";
import { productsMax } from "./limits.ts";
import type { Image } from "./ports.ts";
import { checkReleasePromise, type ProductRecord, products } from "./products.ts";
import type { ReleaseImage, ReleaseRecord } from "./records.ts";
import { keySetFrom, type ReleaseKeys } from "./releaseKeys.ts";
import { checkEvidence, type Evidence, type ReportKind } from "./reports.ts";
import { type Backward, ticketApplies } from "./rollout/ticket.ts";
import { type CheckedTicket, checkTicket, putTickets, type SentTicket } from "./tickets.ts";

/** An image as sent; class and digest are compared with the manifest where they are given. */
export interface SentImage extends Image {
  payload: Uint8Array;
  board: string;
  /** hex */
  classId?: string;
  digest?: string;
  /** the app's declared settings */
  settings?: unknown;
  /** names of the app's commands */
  commands?: string[];
  /** digest (hex) of the names for the next build */
  names?: string;
  /** envelope of the same image with a downgrade ticket */
  ticket?: Uint8Array;
}

export interface PublishRequest {
  images: SentImage[];
  /** what the caller believes to publish; must agree with the manifests. Omitted: not compared */
  sequence?: number;
  floor?: number;
  /** used where the manifests carry no text */
  version?: string;
  type?: ReleaseRecord["type"];
  notes?: string;
  /** true: devices below it have to confirm it before anything higher */
  mustPass?: boolean;
  evidence?: Partial<Record<ReportKind, Evidence>>;
  /** who had it signed without trying an update of it, and why */
  unchecked?: ReleaseRecord["unchecked"];
  /** of the downgrade tickets beside the images */
  ticket?: SentTicket;
  person: string;
}

export interface PublishOptions {
  keys: ReleaseKeys;
  gate: "full" | "open";
  /** "origin": they were stored there before. Default: the database */
  payloadsAt?: "origin";
  nowMs: number;
}

interface CheckedImage {
  record: ReleaseImage;
  manifest: VerifiedManifest;
  image: SentImage;
  ticket: CheckedTicket | null;
}

/** Payloads of a publication that are what was signed, by their digest. Whoever stores them elsewhere does so before the
 *  release is there. @throws as publishRelease for what images and keys alone can tell */
export function signedPayloads(
  request: PublishRequest,
  keys: ReleaseKeys,
): { digest: string; payload: Uint8Array }[] {
  return request.images.map((image) => {
    const { record } = checkImage(image, request, keys);
    return { digest: record.digest, payload: image.payload };
  });
}

/** Stores a release whose every envelope is signed by the release keys and whose payloads are what was signed.
 *  The same images again change nothing, except that they may bring a downgrade ticket.
 *  @param options.gate "full": with notes, support-until and the reports of its rehearsal and tests; "open": without
 *  @throws AgentError ReleaseDiffers, ReleaseClassTwice, RequestInvalid, ImageDigest, LeafReused, PromiseBroken,
 *  ReleaseIncomplete, EvidenceMissing, EvidenceWrong, TicketInvalid, TicketAlone, ImagePoisoned; CodedError for an
 *  envelope that is not acceptable */
export async function publishRelease(
  tx: Tx,
  request: PublishRequest,
  options: PublishOptions,
): Promise<{ release: ReleaseRecord; wasNew: boolean }> {
  const images = request.images.map((image) => checkImage(image, request, options.keys));
  const described = describe(request, images, options.nowMs);
  const known = await tx.release(described.sequence);
  if (known && !sameImages(known, described)) {
    throw new AgentError(
      AgentCode.ReleaseDiffers,
      `release ${described.sequence}: it was published with other images`,
    );
  }
  const present = known ?? (await putNew(tx, described, images, request, options));
  const { ticket: told, person } = request;
  if (!told) return { release: present, wasNew: !known };
  const tickets = images.flatMap(({ ticket }) => (ticket ? [ticket] : []));
  const given = { tickets, told, person, keys: options.keys };
  const put = await putTickets(tx, present, given, options.nowMs);
  return { release: put.release, wasNew: !known || put.wasNew };
}

async function putNew(
  tx: Tx,
  described: ReleaseRecord,
  images: CheckedImage[],
  request: PublishRequest,
  options: PublishOptions,
): Promise<ReleaseRecord> {
  const { person } = request;
  // An open agent keeps what it is given; a reference that nobody checked would look like one that somebody did.
  const evidence =
    options.gate === "full" || request.evidence !== undefined
      ? await checkEvidence(tx, described, request.evidence ?? {}, options.nowMs)
      : undefined;
  const told = evidence === undefined ? described : { ...described, evidence };
  const release = options.payloadsAt === "origin" ? inOrigin(told) : told;
  await checkPromises(tx, images);
  for (const { image } of images) {
    for (const used of leavesUsed(image.envelope)) {
      await noteLeaf(tx, used, options.keys.for(release.sequence).release, options.nowMs);
    }
  }
  await tx.putRelease(release);
  for (const { record, image } of images) {
    await tx.putBlob(0, release.sequence, record.classId, image.envelope);
    if (options.payloadsAt === "origin") continue;
    await tx.putBlob(1, release.sequence, record.classId, image.payload);
  }
  const boards = release.images.map((image) => image.board);
  await tx.appendEvent(
    {
      kind: "releasePublished",
      sequence: release.sequence,
      text: `${person} published release ${release.sequence} (${release.version}) for ${boards.join(", ")}.${uncheckedWords(release)}`,
      data: { version: release.version, boards, person, unchecked: release.unchecked ?? null },
    },
    options.nowMs,
  );
  return release;
}

function inOrigin(release: ReleaseRecord): ReleaseRecord {
  const images = release.images.map((image) => ({ ...image, payloadAt: "origin" as const }));
  return { ...release, images };
}

function uncheckedWords({ unchecked }: ReleaseRecord): string {
  if (!unchecked) return "";
  return ` Nobody tried whether it can be updated, by the word of ${unchecked.person}: ${unchecked.reason}`;
}

/** @throws AgentError ReleaseNotFound */
export async function needRelease(tx: Tx, sequence: number): Promise<ReleaseRecord> {
  const release = await tx.release(sequence);
  if (release) return release;
  throw new AgentError(Code.ReleaseNotFound, `release ${sequence}: never published here`);
}

/** Reads the payload of an image from wherever it is. @returns null when it is nowhere */
export type ReadPayload = (
  tx: Tx,
  sequence: number,
  image: ReleaseImage,
) => Promise<Uint8Array | "loading" | null>;

/** Texts of a release for one device; null when there are none or the release is poisoned. */
export async function releaseImage(
  tx: Tx,
  sequence: number,
  device: Backward,
  read: ReadPayload,
): Promise<Image | null> {
  const { classId } = device;
  const release = await tx.release(sequence);
  if (!release || release.poisonedMs !== null) return null;
  const envelope = await envelopeFor(tx, release, device);
  const image = release.images.find((one) => one.classId === classId);
  const payload = image ? await read(tx, sequence, image) : null;
  return envelope && payload ? { envelope, payload } : null;
}

/** The envelope that a device is offered: the one with the downgrade ticket where that applies to it. */
export function envelopeFor(
  tx: Tx,
  release: ReleaseRecord,
  device: Backward,
): Promise<Uint8Array | null> {
  const kind = ticketApplies(release, device) ? 2 : 0;
  return tx.blob(kind, release.sequence, device.classId);
}

/** A release says until when it is supported; that may not be less than its product's promise. */
async function checkPromises(tx: Tx, images: CheckedImage[]): Promise<void> {
  const all = await tx.documents.list(products, { limit: productsMax });
  for (const { image, record, manifest } of images) {
    const isOf = ({ value }: { value: ProductRecord }) =>
      hex(classIdOf(manifest.vendorId, value.model, image.board)) === record.classId;
    const supportUntil = manifest.text?.supportUntil ?? null;
    const endOfLife = manifest.text?.endOfLife ?? null;
    for (const { value } of all.filter(isOf)) {
      checkReleasePromise(value, { supportUntil, endOfLife });
    }
  }
}

function checkImage(image: SentImage, request: PublishRequest, keys: ReleaseKeys): CheckedImage {
  const manifest = verifyEnvelope(image.envelope, keys.for(sequenceOf(image.envelope)));
  if (manifest.downgradeFrom !== null) {
    throw new AgentError(
      AgentCode.TicketAlone,
      `image for ${image.board}: expected the release's own envelope, got its downgrade ticket for floor ${manifest.downgradeFrom}`,
    );
  }
  const digest = createHash("sha256").update(image.payload).digest("hex");
  if (digest !== hex(manifest.digest) || image.payload.length !== manifest.sizeBytes) {
    throw new AgentError(
      Code.ImageDigest,
      `image for ${image.board}: expected ${manifest.sizeBytes} bytes with digest ${hex(manifest.digest).slice(0, 16)}, ` +
        `got ${image.payload.length} bytes with digest ${digest.slice(0, 16)}`,
    );
  }
  const record = {
    classId: hex(manifest.classId),
    board: image.board,
    digest,
    sizeBytes: manifest.sizeBytes,
    floor: manifest.floor,
    envelopeBytes: image.envelope.length,
    settings: checkSettings(image),
    commands: image.commands,
    names: image.names,
    signedBy: manifest.signedBy.map(hex),
    keySetFrom: keySetFrom(manifest.signedBy, keys),
  };
  return { record, manifest, image, ticket: checkTicket(manifest, image, request.ticket, keys) };
}

function checkSettings({ board, settings }: SentImage): DeclaredSettings | undefined {
  if (settings === undefined) return undefined;
  const fault = declarationFault(settings);
  if (fault) throw new AgentError(AgentCode.RequestInvalid, `image for ${board}: ${fault}`);
  return settings as DeclaredSettings;
}

function describe(request: PublishRequest, images: CheckedImage[], nowMs: number): ReleaseRecord {
  const first = images[0]!.manifest;
  const classes = new Set<string>();
  const expected = request.sequence ?? first.sequence;
  for (const { record, manifest, image } of images) {
    const agree = (name: string, sent: string | number | undefined, signed: string | number) => {
      if (sent === undefined || sent === signed) return;
      throw new AgentError(
        AgentCode.RequestInvalid,
        `image for ${record.board}: expected ${name} ${sent}, its manifest says ${signed}`,
      );
    };
    agree("sequence", expected, manifest.sequence);
    agree("floor", request.floor, manifest.floor);
    agree("class", image.classId, record.classId);
    agree("digest", image.digest, record.digest);
    if (classes.has(record.classId)) {
      throw new AgentError(
        AgentCode.ReleaseClassTwice,
        `release ${expected}: class ${record.classId} has two images`,
      );
    }
    classes.add(record.classId);
  }
  // What was signed goes before what was merely sent.
  return {
    sequence: first.sequence,
    version: first.text?.version ?? request.version ?? String(first.sequence),
    type: first.text?.type ?? request.type ?? "feature",
    notes: first.text?.notes ?? request.notes ?? "",
    supportUntil: first.text?.supportUntil,
    endOfLife: first.text?.endOfLife,
    disposal: first.text?.disposal,
    unchecked: request.unchecked,
    images: images.map((image) => image.record),
    ...(request.mustPass ? { mustPass: true } : {}),
    publishedMs: nowMs,
    poisonedMs: null,
    poisonReason: null,
  };
}

function sameImages(a: ReleaseRecord, b: ReleaseRecord): boolean {
  const key = (release: ReleaseRecord) =>
    release.images
      .map((image) =>
        [image.classId, image.board, image.digest, image.sizeBytes, image.floor].join(),
      )
      .sort()
      .join(";");
  return key(a) === key(b);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
