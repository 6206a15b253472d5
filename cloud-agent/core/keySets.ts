/** Key sets on their way to devices. Every version in turn: a device takes N+1 only (SPEC.md §12). */
import { createHash } from "node:crypto";
import { Code } from "../../firmware/protocol/errors.ts";
import { decodeSignedKeySet, encodeSignedKeySet } from "../../firmware/protocol/host/keyset.ts";
import { changeDocument } from "../../firmware/protocol/host/keysetChange.ts";
import { Lifecycle, SlotState } from "../../firmware/protocol/messages.ts";
import type { Tx } from "../storage/store.ts";
import { isFixed } from "./boards.ts";
import type { DeviceRecord } from "./records.ts";
import type { ReleaseKeys } from "./releaseKeys.ts";

/** A key set as a device fetches it. */
export interface OfferedKeySet {
  version: number;
  document: Uint8Array;
  /** of body and signatures, in order */
  lengths: number[];
  /** first 8 bytes of SHA-256 over the document, hex */
  digest: string;
}

/** Text by which a device marks reports about key sets. */
const reportMark = "keys";
const finalRefusals: number[] = [
  Code.ManifestSignature,
  Code.ThresholdMissed,
  Code.KeySetVersion,
  Code.KeySetRoot,
  Code.KeySetMalformed,
];

/** Keeps accepted key sets where check-ins find them. */
export async function keepKeySets(tx: Tx, chain: ReleaseKeys["chain"]): Promise<void> {
  for (const { keySet, signed } of chain) {
    const name = metaName(keySet.version);
    const text = Buffer.from(encodeSignedKeySet(signed)).toString("base64");
    if ((await tx.meta(name)) === text) continue;
    await tx.putMeta(name, text);
  }
}

/** The key set of a version, null when the agent has none. */
export async function keySetOf(tx: Tx, version: number): Promise<OfferedKeySet | null> {
  const text = await tx.meta(metaName(version));
  if (text === null) return null;
  const { body, signatures } = decodeSignedKeySet(new Uint8Array(Buffer.from(text, "base64")));
  const { document, lengths } = changeDocument(body, signatures);
  const digest = createHash("sha256").update(document).digest("hex").slice(0, 16);
  return { version, document, lengths, digest };
}

/** The key set that a device is to be told of at this contact.
 *  @returns null when it has the newest one, holds the next one already, or cannot take any now */
export async function nextKeySet(tx: Tx, device: DeviceRecord): Promise<OfferedKeySet | null> {
  const { keySetVersion, keySetNews, lifecycle, slotState } = device;
  // A core without its slot's framework takes releases only.
  if (keySetVersion === undefined || slotState === SlotState.Recovery) return null;
  if (lifecycle === Lifecycle.Wiping || lifecycle === Lifecycle.Retired) return null;
  // It judges no releases.
  if (isFixed(device.birth.board)) return null;
  const version = keySetVersion + 1;
  const set = await keySetOf(tx, version);
  if (set === null || keySetNews?.version !== version) return set;
  const { code, digest } = keySetNews;
  if (code === Code.KeySetTaken) return null;
  // What it refused for good it would refuse again, after fetching it again.
  const isFinal = code !== null && finalRefusals.includes(code);
  return isFinal && digest === set.digest ? null : set;
}

/** Notes the offer; the first one of a version is an event. */
export async function noteKeySetOffer(
  tx: Tx,
  device: DeviceRecord,
  { version, digest }: OfferedKeySet,
  nowMs: number,
): Promise<DeviceRecord> {
  const { keySetNews } = device;
  if (keySetNews?.version === version && keySetNews.digest === digest) return device;
  await tx.appendEvent(
    {
      kind: "keySetOffered",
      serial: device.serial,
      text: `The device was offered key set ${version}; it has ${device.keySetVersion}.`,
      data: { version },
    },
    nowMs,
  );
  return { ...device, keySetNews: { version, code: null, digest } };
}

/** Takes what a device reports about a key set. @returns null when the report is about something else */
export async function takeKeySetReport(
  tx: Tx,
  device: DeviceRecord,
  report: { sequence: number; code: number; text: string },
  nowMs: number,
): Promise<DeviceRecord | null> {
  const { sequence: version, code } = report;
  if (report.text !== reportMark) return null;
  const { keySetNews } = device;
  if (keySetNews?.version === version && keySetNews.code === code) return device;
  const isTaken = code === Code.KeySetTaken;
  await tx.appendEvent(
    {
      kind: isTaken ? "keySetTaken" : "keySetRefused",
      serial: device.serial,
      code,
      text: isTaken
        ? `The device took key set ${version}.`
        : `The device refused key set ${version} with code ${code}.`,
      data: { version },
    },
    nowMs,
  );
  const digest = keySetNews?.version === version ? keySetNews.digest : "";
  return { ...device, keySetNews: { version, code, digest } };
}

function metaName(version: number): string {
  return `keySet:${version}`;
}
