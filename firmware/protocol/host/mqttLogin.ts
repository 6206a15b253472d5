/** Broker password of SPEC.md §5: `counter.epoch.tag`. It confines a connection; nothing is trusted because of it. */
import { timingSafeEqual } from "node:crypto";
import { hmac, lp, mqttKey, t16 } from "./kdf.ts";

/** Password of a wiped device, which has no key left and may only send its receipt. */
export const wipedPassword = "wiped";

export interface MqttLogin {
  counter: number;
  epoch: number;
  /** 16 bytes */
  tag: Uint8Array;
}

/** Builds the password of one connect.
 *  @param counter bootCount·4096 + connect number, never used before */
export function mqttPassword(deviceKey: Uint8Array, epoch: number, counter: number): string {
  return `${counter}.${epoch}.${Buffer.from(tagOf(deviceKey, counter)).toString("hex")}`;
}

/** Reads a password into its parts.
 *  @returns null when it is not one */
export function readMqttPassword(password: string): MqttLogin | null {
  const match = /^(0|[1-9]\d{0,15})\.(0|[1-9]\d{0,9})\.([0-9a-f]{32})$/.exec(password);
  if (!match) return null;
  const counter = Number(match[1]);
  const epoch = Number(match[2]);
  if (!Number.isSafeInteger(counter) || epoch > 0xffffffff) return null;
  return { counter, epoch, tag: new Uint8Array(Buffer.from(match[3]!, "hex")) };
}

/** True when the tag is by this device key. Whether the counter rose is for the caller, who keeps the last one. */
export function mqttLoginIsRight(deviceKey: Uint8Array, login: MqttLogin): boolean {
  return timingSafeEqual(login.tag, tagOf(deviceKey, login.counter));
}

function tagOf(deviceKey: Uint8Array, counter: number): Uint8Array {
  return t16(hmac(mqttKey(deviceKey), lp("FL1-pw", String(counter))));
}
