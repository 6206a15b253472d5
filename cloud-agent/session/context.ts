import { Code } from "../../firmware/protocol/errors.ts";
import { CodedError } from "../../firmware/protocol/host/codedError.ts";
import type { SessionKeys } from "../../firmware/protocol/host/frames.ts";
import { sessionKeys } from "../../firmware/protocol/host/frames.ts";
import { decodeHello } from "../../firmware/protocol/host/handshake.ts";
import { agentKey, deviceKeyAt } from "../../firmware/protocol/host/kdf.ts";
import { Lifecycle } from "../../firmware/protocol/messages.ts";
import type { AgentPorts } from "../core/ports.ts";
import type { DeviceRecord, SessionRecord } from "../core/records.ts";
import type { Tx } from "../storage/store.ts";

/** One message on its way through the agent. */
export interface Incoming {
  /** "fl" for a device's own connection, "gw/ID" for a gateway's */
  route: string;
  /** serial from the topic: routing only, checked against what the message says */
  serialHint: string | null;
  bytes: Uint8Array;
  nowMs: number;
}

/** What one message needs: the ports and the transaction in which all its effects stand. */
export interface Step {
  ports: AgentPorts;
  tx: Tx;
  incoming: Incoming;
  /** set by whoever finds that the device must shake hands before it can go on */
  helloIsWanted?: boolean;
  /** set when this check-in is the first to be told of a key set */
  keySetIsNew?: boolean;
}

/** How a refused message is answered and recorded. */
export interface RefusalOptions {
  serial?: string;
  /** seconds the device is asked to wait; omitted: it gets no answer */
  retryAfterS?: number;
  /** true appends event "messageRefused" (rate limited); an unauthenticated HELLO leaves no trace */
  isRecorded?: boolean;
}

/** A message that is not accepted. Thrown inside the transaction, so that nothing of the message stays. */
export class Refusal extends CodedError {
  readonly options: RefusalOptions;
  constructor(code: Code, message: string, options: RefusalOptions = {}) {
    super(code, message);
    this.name = "Refusal";
    this.options = options;
  }
}

/** Device key of an epoch. @throws Refusal NotProvisioned when this agent does not hold the epoch's master key */
export function keyOf(ports: AgentPorts, device: DeviceRecord, epoch: number): Uint8Array {
  return deviceKeyAt(masterKeyOf(ports, device, epoch), device.birth, epoch);
}

/** Key of the stateless challenges for this device. */
export function challengeKeyOf(ports: AgentPorts, device: DeviceRecord): Uint8Array {
  return agentKey(masterKeyOf(ports, device, 0));
}

/** Number of the master key that a device's key of this epoch follows from: the newest that a key change up to it
 *  moved to (`keyedNext`), else the one it was born under. */
export function masterKeyIdOf(device: DeviceRecord, epoch: number): number {
  const settled = Object.keys(device.epochKmIds ?? {})
    .map(Number)
    .filter((at) => at <= epoch);
  return settled.length > 0 ? device.epochKmIds![Math.max(...settled)]! : device.birth.kmId;
}

/** That master key. @throws Refusal NotProvisioned */
export function masterKeyOf(ports: AgentPorts, device: DeviceRecord, epoch: number): Uint8Array {
  const id = masterKeyIdOf(device, epoch);
  const km = ports.keys.km(id);
  if (!km) {
    throw new Refusal(Code.NotProvisioned, `master key ${id} is not held here`, {
      serial: device.serial,
      retryAfterS: 300,
    });
  }
  return km;
}

/** Settles that the key after this epoch follows from the active master key: so a fleet moves to a new one, device by
 *  device, with the key changes that happen anyway. The first decision stands, because the device may hold the key. */
export function keyedNext(ports: AgentPorts, device: DeviceRecord, epoch: number): DeviceRecord {
  const next = epoch + 1;
  const { activeId } = ports.keys;
  const isSettled = device.epochKmIds?.[next] !== undefined;
  if (isSettled || masterKeyIdOf(device, next) === activeId) return device;
  return { ...device, epochKmIds: { ...device.epochKmIds, [next]: activeId } };
}

/** Keys of a stored session: derived again, because the row holds nothing secret. */
export function keysOf(
  ports: AgentPorts,
  device: DeviceRecord,
  session: SessionRecord,
): SessionKeys {
  const hello = new Uint8Array(Buffer.from(session.hello, "hex"));
  const chalBody = new Uint8Array(Buffer.from(session.chalBody, "hex"));
  const dk = keyOf(ports, device, session.epoch);
  return sessionKeys(dk, decodeHello(hello).suite, hello, chalBody);
}

export type EpochAccess = "current" | "next" | "wipeOnly";

/** What a device of this epoch may do.
 *  "next": it holds the key of a GRANT whose COMMIT has not been seen. "wipeOnly": it missed a key change and is being
 *  wiped or handed on, so an old key opens nothing but the wipe order.
 *  @throws Refusal EpochOld, EpochAhead, DeviceWiping */
export function epochAccess(device: DeviceRecord, epoch: number): EpochAccess {
  const refuse = (code: Code, retryAfterS: number) => {
    const text = `epoch: expected ${device.epoch}, got ${epoch}`;
    return new Refusal(code, text, { serial: device.serial, retryAfterS });
  };
  if (epoch === device.epoch) return "current";
  if (epoch > device.epoch) {
    if (epoch === device.epoch + 1 && device.grantPending) return "next";
    // A wiped device already holds its next key; its receipt has to come first.
    if (device.lifecycle === Lifecycle.Wiping) throw refuse(Code.DeviceWiping, 60);
    throw refuse(Code.EpochAhead, 3600);
  }
  const isLeaving =
    device.lifecycle === Lifecycle.Transfer || device.lifecycle === Lifecycle.Wiping;
  if (isLeaving && device.order?.kind === "wipe") return "wipeOnly";
  throw refuse(Code.EpochOld, 3600);
}

/** Seconds of the agent's clock, as the wire has them. */
export function seconds(nowMs: number): number {
  return Math.floor(nowMs / 1000);
}

/** Hex of bytes, for records. */
export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** Bytes of a record's hex. */
export function unhex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "hex"));
}
