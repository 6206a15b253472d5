import { Code } from "../../firmware/protocol/errors.ts";
import {
  type CloudMessage,
  encodeCloudMessage,
} from "../../firmware/protocol/host/cloudMessages.ts";
import { PayloadCoder } from "../../firmware/protocol/host/coding.ts";
import type { Fetch } from "../../firmware/protocol/host/deviceMessages.ts";
import { type SessionKeys, sealFrame } from "../../firmware/protocol/host/frames.ts";
import { sha256, t16 } from "../../firmware/protocol/host/kdf.ts";
import { Lifecycle, WipeMode } from "../../firmware/protocol/messages.ts";
import { nextCommand } from "../core/commands.ts";
import { keySetOf, nextKeySet } from "../core/keySets.ts";
import type { DeviceRecord, SessionRecord } from "../core/records.ts";
import { claimIntentIsOpen, pendingGrant } from "./claim.ts";
import { hex, keyOf, type Step, seconds, unhex } from "./context.ts";

/** Counters of one session; past this the device has to shake hands again, long before the number runs out. */
export const framesPerSessionMax = 0xffff_0000;

/** Kind of a FETCH that reads a key set. */
const fetchKeySet = 4;
/** Kind of a FETCH that takes the payload packed or patched. */
const fetchCoded = 2;

/** What every authenticated contact is answered with: REPLY, then whatever waits: grant, order, settings.
 *  @param isWipeOnly true for a key older than the device's epoch: nothing but the wipe order is served */
export async function contactAnswers(
  step: Step,
  device: DeviceRecord,
  session: SessionRecord,
  isWipeOnly: boolean,
): Promise<CloudMessage[]> {
  const order = orderMessage(step, device, session);
  if (isWipeOnly) return order?.kind === "wipe" ? [order] : [];
  const answers: CloudMessage[] = [await reply(step, device)];
  // The possession proof rides on PROVE only: a device in mid-session has to shake hands to be claimed.
  const claimWaits = (device.claimIntentUntilMs ?? 0) > step.incoming.nowMs;
  if (claimWaits && claimIntentIsOpen(device)) step.helloIsWanted = true;
  const keySet = await nextKeySet(step.tx, device);
  if (keySet) answers.push({ kind: "keys", version: keySet.version, lengths: keySet.lengths });
  const grant = session.epoch === device.epoch ? pendingGrant(step, device) : null;
  if (grant) answers.push(grant);
  if (order) answers.push(order);
  const { wantedSettings } = device;
  if (wantedSettings && wantedSettings.revision > device.settingsRevision && isInUse(device)) {
    const { revision, values } = wantedSettings;
    answers.push({ kind: "settings", revision, values });
  }
  const command = await nextCommand(step.tx, device, step.incoming.nowMs);
  if (command) answers.push(command);
  return answers;
}

async function reply(step: Step, device: DeviceRecord): Promise<CloudMessage> {
  const { ports, tx, incoming } = step;
  const mayUpdate = isInUse(device) || (ports.config.lab && device.lifecycle !== Lifecycle.Wiping);
  const offer = mayUpdate && !step.keySetIsNew ? await ports.offerFor(tx, device) : null;
  return {
    kind: "reply",
    timeS: seconds(incoming.nowMs),
    checkInS: device.checkInS || ports.config.checkInS,
    offer: offer && { sequence: offer.sequence, manifestBytes: offer.envelopeBytes.length },
  };
}

function isInUse(device: DeviceRecord): boolean {
  return device.lifecycle === Lifecycle.Operating || device.lifecycle === Lifecycle.Maintenance;
}

/** The order that waits. A wipe carries the next key only where a next owner or the maker will use the device again; it
 *  is of the epoch after the one the device is at, because that is the epoch the device raises itself to. */
function orderMessage(
  step: Step,
  device: DeviceRecord,
  session: SessionRecord,
): CloudMessage | null {
  const { order } = device;
  if (!order) return null;
  if (order.kind === "revert") {
    return { kind: "revert", orderId: order.orderId, toSequence: order.toSequence };
  }
  if (order.kind === "sunset") {
    return { kind: "sunset", orderId: order.orderId, isOn: order.isOn };
  }
  if (order.kind === "confirm") {
    return { kind: "confirm", orderId: order.orderId, sequence: order.sequence };
  }
  if (order.kind === "clearPoison") {
    return { kind: "clearPoison", orderId: order.orderId, digest: unhex(order.digest) };
  }
  const isUsedAgain = order.mode === WipeMode.Resale || order.mode === WipeMode.Return;
  return {
    kind: "wipe",
    orderId: order.orderId,
    mode: order.mode,
    nonce: unhex(order.nonce),
    ackHash: t16(sha256(unhex(order.ackToken))),
    nextKey: isUsedAgain ? keyOf(step.ports, device, session.epoch + 1) : null,
  };
}

/** Serves a FETCH from the release's texts.
 *  @returns BLOCK, or NO with the reason; null for none while the payload is still on its way from its origin: the device
 *  asks again */
export async function answerFetch(
  step: Step,
  device: DeviceRecord,
  fetch: Fetch,
): Promise<CloudMessage | null> {
  const { what, sequence } = fetch;
  const no = (code: Code): CloudMessage => ({ kind: "no", code, what, sequence });
  if (device.lifecycle === Lifecycle.Wiping) return no(Code.DeviceWiping);
  if (what === fetchKeySet) {
    const set = await keySetOf(step.tx, sequence);
    return set ? blockOf(fetch, set.document) : no(Code.ReleaseNotFound);
  }
  if (what > fetchCoded) return no(Code.ReleaseNotFound);
  if (!isInUse(device) && !step.ports.config.lab) return no(Code.ReleaseNotFound);
  const image = await step.ports.image(step.tx, device, sequence);
  if (!image) return no(Code.ReleaseNotFound);
  if (what === 0) return blockOf(fetch, image.envelope);
  const { payload } = image;
  if (payload === "loading") return null;
  if (what !== fetchCoded) return blockOf(fetch, payload);
  if (fetch.offset >= payload.length) return no(Code.FlashRange);
  const { coding } = step.ports.config;
  if (coding === "plain") return blockOf({ ...fetch, what: 1 }, payload);
  const running = coding === "any" ? await step.ports.running(step.tx, device) : null;
  const { offset, length } = fetch;
  const coded = coder.next(named(payload), running && named(running), offset, length);
  const block = { kind: "block", what: coded.what, data: coded.data } as const;
  return { ...block, sequence, offset, totalBytes: payload.length };
}

/** Holds only what follows from published images, so it is no truth and may be shared. */
const coder = new PayloadCoder();

/** A text that stays in memory is hashed once, not for each of its blocks. */
const digests = new WeakMap<Uint8Array, string>();

function named(bytes: Uint8Array): { bytes: Uint8Array; digest: string } {
  let digest = digests.get(bytes);
  if (digest === undefined) {
    digest = hex(sha256(bytes));
    digests.set(bytes, digest);
  }
  return { bytes, digest };
}

function blockOf({ what, sequence, offset, length }: Fetch, text: Uint8Array): CloudMessage {
  if (offset >= text.length) return { kind: "no", code: Code.FlashRange, what, sequence };
  const data = text.slice(offset, offset + length);
  return { kind: "block", what, sequence, offset, totalBytes: text.length, data };
}

/** Seals answers in order. The raised send counter is in the returned session row, which has to be committed before any
 *  frame leaves: a killed agent then never uses a counter twice.
 *  @throws CodedError when the session is used up */
export function sealAnswers(
  keys: SessionKeys,
  session: SessionRecord,
  answers: CloudMessage[],
): { session: SessionRecord; frames: Uint8Array[] } {
  let counter = session.sendReserved;
  if (counter + answers.length > framesPerSessionMax) return { session, frames: [] };
  const frames = answers.map((answer) =>
    sealFrame(keys, "down", counter++, encodeCloudMessage(answer)),
  );
  return { session: { ...session, sendReserved: counter }, frames };
}
