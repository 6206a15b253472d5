import { Code } from "../../firmware/protocol/errors.ts";
import { Msg } from "../../firmware/protocol/messages.ts";
import { createEmbeddedBroker } from "../broker/embedded.ts";
import { createExternalBroker } from "../broker/external.ts";
import { type BrokerPort, downTopic, readUpTopic } from "../broker/port.ts";
import type { AgentPorts, DeviceService } from "../core/ports.ts";
import { type Contact, createContact } from "./contact.ts";
import { judgeLogin } from "./login.ts";

/** The device protocol behind the agent's own broker, or the one that the settings name.
 *  @param ports what the rest of the agent provides */
export function createDeviceService(ports: AgentPorts): DeviceService {
  const contact = createContact(ports);
  const { mqttUrl: url, mqttShare: share } = ports.config;
  if (url !== undefined) {
    const clientId = `fleetling-agent-${Buffer.from(ports.random.bytes(6)).toString("hex")}`;
    const now = () => performance.now();
    const broker = createExternalBroker({ url, share, clientId, log: ports.log, now });
    return serveBroker(ports, contact, broker);
  }
  const background = (work: Promise<unknown>, what: string) => {
    work.catch((err) => ports.log.error({ err }, what));
  };
  const broker = createEmbeddedBroker({
    host: ports.config.mqttHost,
    port: ports.config.mqttPort,
    log: ports.log,
    judge: (clientId, userName, password) => judgeLogin(ports, clientId, userName, password),
    onRefused: (serial, code, text) =>
      background(contact.recordRefusal(serial, code, text, "fl"), "refusal not recorded"),
    onTakeOver: (serial) => background(recordTakeOver(ports, serial), "take-over not recorded"),
  });
  return serveBroker(ports, contact, broker);
}

/** Joins the protocol with any broker. */
export function serveBroker(
  ports: AgentPorts,
  contact: Contact,
  broker: BrokerPort,
): DeviceService {
  broker.onMessage((topic, bytes) => {
    const from = readUpTopic(topic);
    if (!from) return;
    const send = (answer: Uint8Array) => broker.publish(downTopic(from), answer);
    const begunMs = performance.now();
    const kind = kindOf(bytes);
    void contact
      .handle(from.route, from.serial, bytes, send)
      .then(() => ports.measured?.(kind, performance.now() - begunMs));
  });
  return {
    async start() {
      const brokerPort = await broker.start();
      ports.log.info({ brokerPort }, "devices can connect");
      return { brokerPort };
    },
    async stop() {
      await broker.stop();
      await contact.drained();
    },
    gateways: () => broker.gateways(),
    isConnected: () => broker.isConnected(),
    nudge(serial) {
      void contact.nudge(serial, (route, bytes) =>
        broker.publish(downTopic({ route, serial }), bytes),
      );
    },
  };
}

const kinds: Partial<Record<number, string>> = {
  [Msg.Hello]: "hello",
  [Msg.Prove]: "prove",
  [Msg.Receipt]: "receipt",
};

/** What a message says it is; nobody has checked it yet. */
function kindOf(bytes: Uint8Array): string {
  return bytes[0] === Msg.Frame ? "frame" : (kinds[bytes[1] ?? -1] ?? "other");
}

/** A second connection with a right password: a reconnect that was faster than the broker noticed, or a clone. */
async function recordTakeOver(ports: AgentPorts, serial: string): Promise<void> {
  await ports.store.tx((tx) =>
    tx.appendEvent(
      {
        kind: "connectionTakenOver",
        serial,
        code: Code.Ok,
        text: "A new connection with this device's password replaced the one that was open.",
      },
      ports.clock.nowMs(),
    ),
  );
}
