import { createHash } from "node:crypto";
import { Code } from "../../firmware/protocol/errors.ts";
import {
  mqttLoginIsRight,
  readMqttPassword,
  wipedPassword,
} from "../../firmware/protocol/host/mqttLogin.ts";
import { serialPattern } from "../../firmware/protocol/host/wire.ts";
import { Lifecycle, WipeMode } from "../../firmware/protocol/messages.ts";
import type { AgentPorts } from "../core/ports.ts";
import type { DeviceRecord } from "../core/records.ts";
import { keyOf, type Step } from "./context.ts";
import { awaitsNextOwner, retiredRefusal } from "./hello.ts";
import { countZombie } from "./zombie.ts";

/** How a broker connection is confined. It is no authority: nothing is believed because of it. */
export type Login =
  | { kind: "device"; serial: string; isWiped: boolean }
  | { kind: "gateway"; id: string }
  | { kind: "refused"; code: Code; text: string };

const refused = (code: Code, text: string): Login => ({ kind: "refused", code, text });

/** Judges user name and password of an MQTT CONNECT.
 *  @param clientId must equal the user name
 *  @throws never for what a client can send */
export async function judgeLogin(
  ports: AgentPorts,
  clientId: string,
  userName: string,
  password: string,
): Promise<Login> {
  // A client id of somebody else would end that client's connection.
  if (clientId !== userName) {
    return refused(Code.TopicForbidden, "client id and user name have to be the same");
  }
  if (userName.startsWith("gw:")) return judgeGateway(ports, userName.slice(3), password);
  if (!serialPattern.test(userName)) {
    return refused(Code.TopicForbidden, "user name is no serial");
  }
  return ports.store.tx(async (tx) => {
    const device = await tx.device(userName);
    if (!device) return refused(Code.UnknownDevice, "birth is not known here yet");
    const nowMs = ports.clock.nowMs();
    const incoming = { route: "fl", serialHint: userName, bytes: new Uint8Array(0), nowMs };
    const step: Step = { ports, tx, incoming };
    if (password === wipedPassword) return judgeWiped(step, device);
    return judgeDevice(step, device, password);
  });
}

async function judgeDevice(step: Step, device: DeviceRecord, password: string): Promise<Login> {
  const login = readMqttPassword(password);
  if (!login || !epochMayLogIn(device, login.epoch)) {
    return refused(Code.BrokerPasswordWrong, "broker password is not of this device");
  }
  if (!mqttLoginIsRight(keyOf(step.ports, device, login.epoch), login)) {
    return refused(Code.BrokerPasswordWrong, "broker password is not of this device");
  }
  if (device.lifecycle === Lifecycle.Retired && !awaitsNextOwner(device)) {
    await countZombie(step, device, retiredRefusal(device));
    return refused(Code.DeviceRetired, "device is retired");
  }
  if (login.counter <= device.brokerCounter) {
    const text = `broker password: expected a counter above ${device.brokerCounter}, got ${login.counter}`;
    return refused(Code.BrokerPasswordReplayed, text);
  }
  await step.tx.putDevice({ ...device, brokerCounter: login.counter });
  return { kind: "device", serial: device.serial, isWiped: false };
}

/** Epochs whose key may open a connection: what a device can hold in its state, older ones too where they only lead to
 *  the wipe order or, on a retired device, to being counted. */
function epochMayLogIn(device: DeviceRecord, epoch: number): boolean {
  const { lifecycle, order } = device;
  if (epoch === device.epoch) return true;
  const isEnded = lifecycle === Lifecycle.Wiping || lifecycle === Lifecycle.Retired;
  if (epoch === device.epoch + 1) {
    const hasNextKey = order?.kind === "wipe" && order.mode !== WipeMode.Scrap;
    return device.grantPending || (isEnded && hasNextKey);
  }
  return epoch < device.epoch && (isEnded || lifecycle === Lifecycle.Transfer);
}

/** A wiped device has no key: anyone may claim to be it, so it may send a receipt and nothing else. After the receipt was
 *  taken it is let in again, because only the acknowledgement may have been lost, but counted. */
async function judgeWiped(step: Step, device: DeviceRecord): Promise<Login> {
  const { lifecycle, order, endedWipe } = device;
  const isRetired = lifecycle === Lifecycle.Retired;
  const isWiping = lifecycle === Lifecycle.Wiping && order?.kind === "wipe";
  if (!isWiping && !isRetired && !endedWipe) {
    return refused(Code.BrokerPasswordWrong, "device is not being wiped");
  }
  if (isRetired) await countZombie(step, device, retiredRefusal(device));
  const hasReceipt = isWiping || endedWipe || order?.kind === "wipe";
  if (!hasReceipt) return refused(Code.DeviceRetired, "device is retired");
  return { kind: "device", serial: device.serial, isWiped: true };
}

async function judgeGateway(ports: AgentPorts, id: string, token: string): Promise<Login> {
  if (!/^[A-Za-z0-9_-]{1,32}$/.test(id)) {
    return refused(Code.TopicForbidden, "gateway id: expected 1 to 32 letters, digits, - or _");
  }
  const hash = createHash("sha256").update(token).digest("hex");
  const record = await ports.store.tx((tx) => tx.tokenByHash(hash));
  const nowMs = ports.clock.nowMs();
  const isNamed = (token: { id: string; name: string }) => token.name === id || token.id === id;
  const isLive = record && (record.expiresMs === null || record.expiresMs > nowMs);
  if (!isLive || record.role !== "gateway" || !isNamed(record)) {
    return refused(Code.BrokerPasswordWrong, "token is not one of this gateway");
  }
  return { kind: "gateway", id };
}
