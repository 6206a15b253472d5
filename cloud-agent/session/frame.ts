import { Code } from "../../firmware/protocol/errors.ts";
import type { CloudMessage } from "../../firmware/protocol/host/cloudMessages.ts";
import {
  type CheckIn,
  type DeviceEvent,
  type DeviceMessage,
  decodeDeviceMessage,
  type OrderResult,
} from "../../firmware/protocol/host/deviceMessages.ts";
import { frameSid, openFrame } from "../../firmware/protocol/host/frames.ts";
import { Lifecycle } from "../../firmware/protocol/messages.ts";
import { nextCommand, takeCommandResult } from "../core/commands.ts";
import { takeKeySetReport } from "../core/keySets.ts";
import type { DeviceRecord, SessionRecord } from "../core/records.ts";
import { answerFetch, contactAnswers, sealAnswers } from "./answers.ts";
import { takeCheckIn } from "./checkIn.ts";
import { takeCommit } from "./claim.ts";
import { keysOf, Refusal, type Step, unhex } from "./context.ts";
import { retiredRefusal } from "./hello.ts";
import { noteContact } from "./noteContact.ts";
import { countZombie } from "./zombie.ts";

/** Takes a sealed frame of a running session.
 *  @returns sealed answers, to be sent after the transaction; "unknownSession" when a handshake is needed
 *  @throws Refusal FrameMac, FrameReplayed, EpochOld; CodedError for a malformed message */
export async function takeFrame(step: Step): Promise<Uint8Array[] | "unknownSession"> {
  const { ports, tx, incoming } = step;
  const sid = frameSid(incoming.bytes);
  if (sid === null) throw new Refusal(Code.MessageMalformed, "frame: too short");
  const found = await findSession(step, sid);
  if (!found) return "unknownSession";
  const { device, session } = found;
  const keys = keysOf(ports, device, session);
  const frame = openFrame(keys, "up", incoming.bytes);
  const { serial } = device;
  if (!frame) {
    throw new Refusal(Code.FrameMac, "frame: not of this session", { serial, isRecorded: true });
  }
  if (frame.counter <= session.receivedCounter) {
    const text = `frame: expected a counter above ${session.receivedCounter}, got ${frame.counter}`;
    throw new Refusal(Code.FrameReplayed, text, { serial });
  }
  const received: SessionRecord = { ...session, receivedCounter: frame.counter };
  if (device.lifecycle === Lifecycle.Retired) {
    await tx.putSession(received);
    return countZombie(step, device, retiredRefusal(device));
  }
  const taken = isAmbiguous(device, session)
    ? await takeWhileLeaving(step, device, frame.message)
    : await takeMessage(step, device, frame.message);
  if (!taken) return "unknownSession";
  const now = await noteContact(step, taken.device);
  const answers = taken.isContact
    ? [...(await contactAnswers(step, now, received, false)), ...taken.answers]
    : taken.answers;
  const sealed = sealAnswers(keys, received, answers);
  await tx.putDevice(now);
  await tx.putSession(sealed.session);
  return sealed.frames;
}

async function findSession(
  step: Step,
  sid: string,
): Promise<{ device: DeviceRecord; session: SessionRecord } | null> {
  const { serialHint } = step.incoming;
  const session =
    serialHint === null ? await step.tx.sessionBySid(sid) : await step.tx.session(serialHint);
  if (!session || session.sid !== sid) return null;
  const device = await step.tx.device(session.serial);
  if (!device) return null;
  // After COMMIT the session of the old key lives on until the next handshake; any older one is over.
  const isCurrent = session.epoch === device.epoch || session.epoch === device.epoch - 1;
  return isCurrent || isLeaving(device) ? { device, session } : null;
}

/** True when the session does not tell which key a leaving device holds: it may have missed a key change, or committed to
 *  one within this session. Its next key follows from that, so only a handshake may lead to a wipe order. */
export function isAmbiguous(device: DeviceRecord, session: SessionRecord): boolean {
  return session.epoch !== device.epoch && isLeaving(device);
}

function isLeaving(device: DeviceRecord): boolean {
  return device.lifecycle === Lifecycle.Wiping || device.lifecycle === Lifecycle.Transfer;
}

export interface Taken {
  device: DeviceRecord;
  answers: CloudMessage[];
  /** a check-in: REPLY and what waits are to be sent too */
  isContact: boolean;
}

/** Takes one message out of a frame and does what it asks.
 *  @throws CodedError for a malformed message */
export async function takeMessage(
  step: Step,
  device: DeviceRecord,
  bytes: Uint8Array,
): Promise<Taken> {
  return takeDecoded(step, device, decodeDeviceMessage(bytes));
}

/** Does what one message asks. */
export async function takeDecoded(
  step: Step,
  device: DeviceRecord,
  message: DeviceMessage,
): Promise<Taken> {
  const done = (next: DeviceRecord, answers: CloudMessage[] = [], isContact = false): Taken => ({
    device: next,
    answers,
    isContact,
  });
  switch (message.kind) {
    case "checkIn": {
      const next = await takeCheckIn(step, device, message);
      return done(next, repeatedAck(next, message), true);
    }
    case "fetch": {
      const answer = await answerFetch(step, device, message);
      return done(device, answer ? [answer] : []);
    }
    case "event":
      return done(await takeEvent(step, device, message));
    case "commit": {
      const taken = await takeCommit(step, device, message);
      return done(taken.device, taken.answers);
    }
    case "orderResult":
      return takeResult(step, device, message);
    case "pong":
      return done(device);
  }
}

/** What a device with an older key may still say: that it took the wipe order.
 *  @returns null for everything else: a handshake has to tell first */
async function takeWhileLeaving(
  step: Step,
  device: DeviceRecord,
  bytes: Uint8Array,
): Promise<Taken | null> {
  const message = decodeDeviceMessage(bytes);
  if (message.kind !== "orderResult") return null;
  return { device: await takeOrderResult(step, device, message), answers: [], isContact: false };
}

/** Records what a device reports at once. Steps of an update that the next check-in will repeat are kept in the record, so
 *  that they become one event and not two. */
async function takeEvent(
  step: Step,
  device: DeviceRecord,
  event: DeviceEvent,
): Promise<DeviceRecord> {
  const { sequence, code } = event;
  const ofKeySet = await takeKeySetReport(step.tx, device, event, step.incoming.nowMs);
  if (ofKeySet) return ofKeySet;
  if (code === Code.UpdateStarted && device.download?.sequence !== sequence) {
    await appendReport(step, device, event, "updateStarted", "The download began.");
    return { ...device, download: { sequence, bytesDone: 0, sizeBytes: 0 } };
  }
  const { refused } = device;
  if (refused?.sequence === sequence && refused.code === code) {
    // The same once more: a further try failed like the one before.
    return { ...device, refusedMs: step.incoming.nowMs };
  }
  if (sequence > 0 && refusesUpdate(code)) {
    const text = `The device refused release ${sequence} with code ${code}.`;
    await appendReport(step, device, event, "updateRefused", text);
    return { ...device, refused: { sequence, code }, refusedMs: step.incoming.nowMs };
  }
  if (code === Code.UpdateDeferred && sequence > 0 && device.deferred?.sequence !== sequence) {
    await appendReport(step, device, event, "updateDeferred", "The app puts the restart off.");
    return { ...device, deferred: { sequence, sinceMs: step.incoming.nowMs } };
  }
  await appendReport(step, device, event, "deviceReported", event.text || `Code ${code}.`);
  return device;
}

/** Codes of a manifest or image that was not taken. */
function refusesUpdate(code: number): boolean {
  // Between them stand an app's wish to wait, and what became of key sets.
  return (
    (code >= Code.ManifestMalformed && code < Code.UpdateDeferred) ||
    (code >= Code.WrongSlot && code <= Code.TicketFloor) ||
    (code >= Code.SequenceTooFar && code <= Code.BundlePartial) ||
    code === Code.MemoryTooLow ||
    code === Code.PatchMalformed
  );
}

async function appendReport(
  step: Step,
  device: DeviceRecord,
  event: DeviceEvent,
  kind: string,
  text: string,
): Promise<void> {
  await step.tx.appendEvent(
    {
      kind,
      serial: device.serial,
      code: event.code,
      sequence: event.sequence,
      text,
      data: { detail: event.detail, text: event.text },
    },
    step.incoming.nowMs,
  );
}

/** A device that holds its new key but still calls itself unclaimed has missed the ACK. */
function repeatedAck(device: DeviceRecord, { info }: CheckIn): CloudMessage[] {
  const isUnaware = info.lifecycle > 0 && info.lifecycle <= Lifecycle.ClaimPending;
  const isDone = device.lifecycle === Lifecycle.Operating && !device.grantPending;
  if (!isUnaware || !isDone || device.claimId === null) return [];
  return [{ kind: "ack", claimId: unhex(device.claimId) }];
}

/** The device's answer to an order, or to a command; then the next command goes out at once. */
async function takeResult(step: Step, device: DeviceRecord, result: OrderResult): Promise<Taken> {
  const { tx, incoming } = step;
  if (device.order?.orderId === result.orderId) {
    return { device: await takeOrderResult(step, device, result), answers: [], isContact: false };
  }
  const next = await takeCommandResult(tx, device, result, incoming.nowMs);
  const command = next === device ? null : await nextCommand(tx, next, incoming.nowMs);
  return { device: next, answers: command ? [command] : [], isContact: false };
}

/** The device's answer to its order. A refused order is over; an accepted wipe is over only with its receipt. */
async function takeOrderResult(
  step: Step,
  device: DeviceRecord,
  result: OrderResult,
): Promise<DeviceRecord> {
  const { order } = device;
  if (order?.orderId !== result.orderId) return device;
  const isDone = result.code === Code.Ok;
  const isWipe = order.kind === "wipe";
  if (isWipe && isDone && order.acceptedMs !== null) return device;
  const kind = !isDone ? "orderRefused" : isWipe ? "wipeAccepted" : "orderDone";
  await step.tx.appendEvent(
    {
      kind,
      serial: device.serial,
      sequence: order.kind === "revert" ? order.toSequence : null,
      code: result.code,
      text: isDone
        ? `The device accepted order ${order.orderId} (${order.kind}).`
        : `The device refused order ${order.orderId} (${order.kind}) with code ${result.code}.`,
      data: { orderId: order.orderId, order: order.kind },
    },
    step.incoming.nowMs,
  );
  if (!isWipe) return { ...device, order: null };
  // A device that refuses its wipe now is asked again at the next contact: only the receipt ends a wipe.
  return isDone ? { ...device, order: { ...order, acceptedMs: step.incoming.nowMs } } : device;
}
