import { Code } from "../../firmware/protocol/errors.ts";
import {
  challengeNonce,
  decodeHello,
  encodeChal,
  encodeChalBody,
  type Hello,
} from "../../firmware/protocol/host/handshake.ts";
import { Lifecycle, WipeMode } from "../../firmware/protocol/messages.ts";
import type { DeviceRecord } from "../core/records.ts";
import { challengeKeyOf, epochAccess, keyOf, Refusal, type Step, seconds } from "./context.ts";

/** Answers HELLO with CHAL. HELLO is unauthenticated: it changes nothing, costs no memory and raises no event.
 *  @throws Refusal UnknownDevice, DeviceRetired, EpochOld, EpochAhead, NotProvisioned; CodedError for malformed bytes */
export async function answerHello(step: Step): Promise<Uint8Array[]> {
  const { ports, incoming } = step;
  const hello = decodeHello(incoming.bytes);
  const device = await knownDevice(step, hello);
  if (device.lifecycle === Lifecycle.Retired) throw retiredRefusal(device);
  epochAccess(device, hello.epoch);
  const minute = Math.floor(incoming.nowMs / 60_000);
  const nc = challengeNonce(challengeKeyOf(ports, device), hello.serial, hello.nd, minute);
  const chalBody = encodeChalBody({ nc, timeS: seconds(incoming.nowMs), state: device.lifecycle });
  return [encodeChal(keyOf(ports, device, hello.epoch), incoming.bytes, chalBody)];
}

/** The device a HELLO names.
 *  @throws Refusal TopicForbidden when it came over another device's topic; UnknownDevice while its birth is not synced */
export async function knownDevice(step: Step, hello: Hello): Promise<DeviceRecord> {
  const { serialHint } = step.incoming;
  if (serialHint !== null && serialHint !== hello.serial) {
    throw new Refusal(Code.TopicForbidden, "HELLO names another device than its topic", {
      serial: serialHint,
    });
  }
  const device = await step.tx.device(hello.serial);
  if (device) return device;
  throw new Refusal(Code.UnknownDevice, "birth is not known here yet", { retryAfterS: 300 });
}

/** How long a retired device is told to wait: a day, but a minute when it was wiped for resale and its next owner may be
 *  standing in front of it. */
export function retiredRefusal(device: DeviceRecord): Refusal {
  const retryAfterS = awaitsNextOwner(device) ? 60 : 86_400;
  return new Refusal(Code.DeviceRetired, "device is retired", {
    serial: device.serial,
    retryAfterS,
  });
}

/** True for a device that was wiped for resale: its contact is expected, so it is no zombie. */
export function awaitsNextOwner(device: DeviceRecord): boolean {
  return device.lifecycle === Lifecycle.Retired && device.endedWipe?.mode === WipeMode.Resale;
}
