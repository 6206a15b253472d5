/** The release that is rehearsed, as `fleetling release sign` wrote it, and what the agent would know of it. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { ReleaseImage, ReleaseRecord } from "../../cloud-agent/core/records.ts";
import type { Plan } from "../../firmware/core/parts/suit.ts";
import { Code } from "../../firmware/protocol/errors.ts";
import { CodedError } from "../../firmware/protocol/host/codedError.ts";
import type { Manifest } from "../../firmware/protocol/host/suit.ts";
import {
  checkDigest,
  readEnvelope,
  readManifest,
} from "../../firmware/protocol/host/suitVerify.ts";
import { ToolError } from "../cli/keys/errors.ts";

export interface RehearsedImage {
  record: ReleaseImage;
  manifest: Manifest;
  envelope: Uint8Array;
  payload: Uint8Array;
}

export interface RehearsedRelease {
  path: string;
  /** hex SHA-256 of the file */
  digest: string;
  record: ReleaseRecord;
  images: RehearsedImage[];
}

/** @throws ToolError REHEARSE_INPUT */
export function readReleaseFile(path: string): RehearsedRelease {
  let text: string;
  let file: Record<string, unknown>;
  try {
    text = readFileSync(path, "utf8");
    file = JSON.parse(text);
  } catch (cause) {
    throw releaseError(path, "a release file", (cause as Error).message, cause);
  }
  const { images, version, type, notes } = file;
  if (!Array.isArray(images) || images.length === 0) {
    throw releaseError(path, "images", "none");
  }
  const read = images.map((image, at) => readImage(path, at, image));
  const { sequence } = read[0]!.manifest;
  const other = read.find((image) => image.manifest.sequence !== sequence);
  if (other !== undefined) {
    throw releaseError(path, `one sequence, ${sequence}`, String(other.manifest.sequence));
  }
  const text0 = read[0]!.manifest.text;
  return {
    path,
    digest: createHash("sha256").update(text).digest("hex"),
    images: read,
    record: {
      sequence,
      version: String(text0?.version ?? version ?? sequence),
      images: read.map((image) => image.record),
      type: (text0?.type ?? type ?? "feature") as ReleaseRecord["type"],
      notes: String(text0?.notes ?? notes ?? ""),
      supportUntil: text0?.supportUntil,
      endOfLife: text0?.endOfLife,
      disposal: text0?.disposal,
      publishedMs: 0,
      poisonedMs: null,
      poisonReason: null,
    },
  };
}

function readImage(path: string, at: number, sent: Record<string, unknown>): RehearsedImage {
  const name = `image ${at + 1}`;
  const { board } = sent;
  if (typeof board !== "string") throw releaseError(path, `${name}: a board`, "none");
  if (typeof sent.envelope !== "string" || typeof sent.payload !== "string") {
    throw releaseError(path, `${name}: envelope and payload in base64`, "none");
  }
  const envelope = new Uint8Array(Buffer.from(sent.envelope, "base64"));
  const payload = new Uint8Array(Buffer.from(sent.payload, "base64"));
  let manifest: Manifest;
  try {
    const opened = readEnvelope(envelope);
    checkDigest(opened);
    manifest = readManifest(opened.manifestBytes);
  } catch (cause) {
    if (!(cause instanceof CodedError)) throw cause;
    throw releaseError(path, `${name}: an envelope of our profile`, cause.message, cause);
  }
  const digest = createHash("sha256").update(payload).digest("hex");
  if (digest !== hex(manifest.digest)) {
    throw releaseError(path, `${name}: a payload with digest ${hex(manifest.digest)}`, digest);
  }
  const record: ReleaseImage = {
    classId: hex(manifest.classId),
    board,
    digest,
    sizeBytes: payload.length,
    floor: manifest.floor,
    envelopeBytes: envelope.length,
  };
  return { record, manifest, envelope, payload };
}

/** What the device's profile makes of the manifest; its form and digest are checked above. */
export function planOf({ manifest }: RehearsedImage): Plan | Code {
  if (manifest.floor > manifest.sequence) return Code.FloorAboveSequence;
  const { sequence, sizeBytes, digest, floor, trialMinutes, batteryMinMv } = manifest;
  const limits = manifest.limits as Plan[6];
  const { freeVariables, downgradeFrom } = manifest;
  return [
    sequence,
    sizeBytes,
    digest,
    floor,
    trialMinutes,
    batteryMinMv,
    limits,
    freeVariables,
    downgradeFrom,
  ];
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

function releaseError(path: string, expected: string, found: string, cause?: unknown) {
  return new ToolError("REHEARSE_INPUT", {
    object: path,
    expected,
    found,
    next: "Give a file that fleetling release sign wrote.",
    cause,
  });
}
