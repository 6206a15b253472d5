import { Code } from "../../firmware/protocol/errors.ts";
import type { CloudMessage } from "../../firmware/protocol/host/cloudMessages.ts";
import { openFrame, sessionKeys } from "../../firmware/protocol/host/frames.ts";
import {
  challengeIsFresh,
  challengeMinutes,
  decodeChalBody,
  decodeHello,
  decodeProve,
  type Hello,
  type Prove,
  proveMacIsRight,
  slowChallengeMinutes,
} from "../../firmware/protocol/host/handshake.ts";
import { Lifecycle } from "../../firmware/protocol/messages.ts";
import { isSlow } from "../core/boards.ts";
import { askAfterCrash } from "../core/commands.ts";
import type { DeviceRecord, SessionRecord } from "../core/records.ts";
import { contactAnswers, sealAnswers } from "./answers.ts";
import { commitClaim, judgePossession } from "./claim.ts";
import { challengeKeyOf, epochAccess, hex, keyOf, Refusal, type Step, unhex } from "./context.ts";
import { takeMessage } from "./frame.ts";
import { knownDevice, retiredRefusal } from "./hello.ts";
import { noteContact } from "./noteContact.ts";
import { countZombie } from "./zombie.ts";

/** Takes a PROVE: opens the session, handles the check-in inside it and answers.
 *  @returns sealed frames, to be sent after the transaction
 *  @throws Refusal HandshakeMac, HandshakeReplayed, ChallengeExpired and those of HELLO; CodedError for malformed bytes */
export async function takeProve(step: Step): Promise<Uint8Array[]> {
  const { ports, tx, incoming } = step;
  const prove = decodeProve(incoming.bytes);
  const hello = decodeHello(prove.hello);
  let device = await knownDevice(step, hello);
  const { serial } = device;
  const isRetired = device.lifecycle === Lifecycle.Retired;
  const access = isRetired ? "current" : epochAccess(device, hello.epoch);
  const dk = keyOf(ports, device, hello.epoch);
  if (!proveMacIsRight(dk, prove)) {
    const options = { serial, retryAfterS: 60, isRecorded: true };
    throw new Refusal(Code.HandshakeMac, "PROVE is not by this device's key", options);
  }
  const opened = await openSession(step, device, hello, prove);
  if (isRetired) return countZombie(step, device, retiredRefusal(device));
  const isWipeOnly = access === "wipeOnly";
  if (!opened.isRepeat) {
    if (access === "next") device = await commitClaim(step, device);
    if (access === "current") device = await judgePossession(step, device, hello.nd, prove.pop);
  }
  let own: CloudMessage[] = [];
  if (!opened.isRepeat && !isWipeOnly) {
    const taken = await takeMessage(step, device, opened.message);
    device = taken.device;
    own = taken.answers;
    if (opened.isNewStart) device = await askAfterCrash(tx, device, incoming.nowMs);
  }
  // A repeat may be anybody's recording: it is answered, and says nothing about where the device is.
  if (!opened.isRepeat) {
    device = await noteContact(step, device);
  }
  const answers = await contactAnswers(step, device, opened.session, isWipeOnly);
  // A proof that was just judged does not get better by being asked for again at once.
  if (prove.pop !== null) step.helloIsWanted = false;
  answers.push(...own);
  if (access === "next" && own.length === 0 && device.claimId !== null) {
    answers.push({ kind: "ack", claimId: unhex(device.claimId) });
  }
  const keys = sessionKeys(dk, hello.suite, prove.hello, prove.chalBody);
  const sealed = sealAnswers(keys, opened.session, answers);
  await tx.putDevice(device);
  await tx.putSession(sealed.session);
  return sealed.frames;
}

interface Opened {
  session: SessionRecord;
  message: Uint8Array;
  /** the very PROVE that opened the running session: it gets its answer again and changes nothing */
  isRepeat: boolean;
  /** the device has started again since its last session */
  isNewStart: boolean;
}

/** Judges order and freshness of a PROVE whose MAC is right, and opens the frame inside. */
async function openSession(
  step: Step,
  device: DeviceRecord,
  hello: Hello,
  prove: Prove,
): Promise<Opened> {
  const { serial } = device;
  const last = await step.tx.session(serial);
  const isRepeat = last?.hello === hex(prove.hello) && last.chalBody === hex(prove.chalBody);
  if (last && !isRepeat && !isLater(last, hello, prove)) {
    const text = `counts: expected above ${last.bootCount}/${last.handshakeCount}, got ${hello.bootCount}/${hello.handshakeCount}`;
    const options = { serial, retryAfterS: 10, isRecorded: true };
    throw new Refusal(Code.HandshakeReplayed, text, options);
  }
  requireFresh(step, device, hello, prove);
  const dk = keyOf(step.ports, device, hello.epoch);
  const keys = sessionKeys(dk, hello.suite, prove.hello, prove.chalBody);
  const frame = openFrame(keys, "up", prove.frame);
  if (!frame || frame.counter !== 0) {
    const options = { serial, retryAfterS: 60, isRecorded: true };
    throw new Refusal(Code.FrameMac, "PROVE: the frame inside is not of this session", options);
  }
  if (isRepeat) return { session: last, message: frame.message, isRepeat, isNewStart: false };
  const session: SessionRecord = {
    serial,
    epoch: hello.epoch,
    hello: hex(prove.hello),
    chalBody: hex(prove.chalBody),
    sid: hex(keys.sid),
    bootCount: hello.bootCount,
    handshakeCount: hello.handshakeCount,
    receivedCounter: 0,
    sendReserved: 0,
  };
  const isNewStart = last !== null && last.bootCount !== hello.bootCount;
  return { session, message: frame.message, isRepeat, isNewStart };
}

/** True when the PROVE comes after the last accepted one. The same HELLO answered by a later CHAL counts as later: the
 *  device tried again. The challenge's time must rise then, or old and new PROVE could be played in turn, each starting
 *  its session's counters, and with them its key stream, over. */
function isLater(last: SessionRecord, hello: Hello, prove: Prove): boolean {
  if (hello.bootCount !== last.bootCount) return hello.bootCount > last.bootCount;
  if (hello.handshakeCount !== last.handshakeCount) {
    return hello.handshakeCount > last.handshakeCount;
  }
  const lastHello = decodeHello(unhex(last.hello));
  if (hex(lastHello.nd) !== hex(hello.nd)) return false;
  return decodeChalBody(prove.chalBody).timeS > decodeChalBody(unhex(last.chalBody)).timeS;
}

function requireFresh(step: Step, device: DeviceRecord, hello: Hello, prove: Prove): void {
  const { nowMs } = step.incoming;
  const { nc, timeS } = decodeChalBody(prove.chalBody);
  const minutes = isSlow(device.birth.board) ? slowChallengeMinutes : challengeMinutes;
  const isFresh = challengeIsFresh(
    challengeKeyOf(step.ports, device),
    hello.serial,
    hello.nd,
    nc,
    nowMs,
    minutes,
  );
  // The nonce is good for so many minutes at most; a time further away was not given with it.
  const isOfThisLife = timeS >= (step.ports.config.challengesSinceS ?? 0);
  if (isFresh && isOfThisLife && Math.abs(timeS * 1000 - nowMs) <= (minutes + 1) * 60_000) return;
  throw new Refusal(
    Code.ChallengeExpired,
    "PROVE answers a challenge that is not of these minutes",
    {
      serial: device.serial,
      retryAfterS: 5,
      isRecorded: true,
    },
  );
}
