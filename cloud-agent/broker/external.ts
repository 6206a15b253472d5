import mqtt, { type MqttClient } from "mqtt";
import { messageBytesMax } from "../../firmware/protocol/limits.ts";
import { withoutPassword } from "../core/address.ts";
import { AgentCode, AgentError } from "../core/errors.ts";
import type { Log } from "../core/ports.ts";
import type { BrokerPort } from "./port.ts";

export interface ExternalBrokerOptions {
  /** mqtt://USER:PASSWORD@HOST:PORT, or mqtts:// */
  url: string;
  /** Name of a shared subscription: of several agents with one name each message reaches one. MQTT 5, where the broker has
   *  it; omitted: this agent takes every message. */
  share?: string;
  /** differs from every other agent's on this broker */
  clientId: string;
  log: Log;
  /** milliseconds that never jump */
  now(): number;
}

/** Topics that devices and gateways publish to. Source: SPEC.md §5 */
const upTopics = ["fl/+/up", "gw/+/up/+"];
const connectLimitMs = 10_000;
const reconnectPauseMs = 1_000;
/** A gateway that carried nothing for so long is no longer counted as connected: the broker does not tell. */
const gatewayQuietMs = 15 * 60_000;
/** Gateways that are remembered at once. */
const gatewaysMax = 10_000;

/** Any MQTT broker, as a client of it. What it does with logins and topics is confinement only: nothing that arrives is
 *  believed because of it, and what the agent sends is lost where nobody listens. */
export function createExternalBroker(options: ExternalBrokerOptions): BrokerPort {
  const { url, share, log, now } = options;
  const heardMs = new Map<string, number>();
  let consume: (topic: string, bytes: Uint8Array) => void = () => undefined;
  let client: MqttClient | null = null;
  const received = (topic: string, payload: Buffer) => {
    if (payload.length > messageBytesMax) {
      log.debug({ topic, bytes: payload.length }, "a message was longer than any of ours");
      return;
    }
    const gateway = /^gw\/([A-Za-z0-9_-]{1,32})\//.exec(topic)?.[1];
    if (gateway !== undefined && (heardMs.has(gateway) || heardMs.size < gatewaysMax))
      heardMs.set(gateway, now());
    consume(topic, new Uint8Array(payload));
  };
  return {
    onMessage(handler) {
      consume = handler;
    },
    isConnected: () => client?.connected ?? false,
    async start() {
      const started = await connected(options);
      client = started;
      started.on("message", received);
      started.on("error", (err) => log.warn({ err }, "the broker refused something"));
      started.on("offline", () => log.warn({ broker: withoutPassword(url) }, "the broker is away"));
      started.on("connect", () => log.info({ broker: withoutPassword(url) }, "the broker is back"));
      const topics = upTopics.map((topic) => (share ? `$share/${share}/${topic}` : topic));
      // Again at each reconnect by itself: the client keeps what it subscribed to.
      const granted = await started.subscribeAsync(topics, { qos: 0 }).catch((cause: Error) => {
        throw refused(url, cause.message);
      });
      const denied = granted.filter(({ qos }) => qos > 2);
      if (granted.length < topics.length || denied.length > 0) {
        await started.endAsync(true);
        throw refused(url, `no right to subscribe to ${topics.join(" and ")}`);
      }
      return Number(new URL(url).port) || (url.startsWith("mqtts:") ? 8883 : 1883);
    },
    async stop() {
      await client?.endAsync();
      client = null;
    },
    gateways() {
      for (const [id, atMs] of heardMs) if (now() - atMs > gatewayQuietMs) heardMs.delete(id);
      return [...heardMs.keys()];
    },
    publish(topic, bytes) {
      // A device that misses an answer asks again; one that is kept for later would only be stale.
      if (!client?.connected) return;
      client.publish(topic, Buffer.from(bytes), { qos: 0 }, (err) => {
        if (err) log.debug({ topic, err }, "nothing was sent");
      });
    },
  };
}

/** @throws AgentError BrokerUnreachable */
async function connected({ url, share, clientId }: ExternalBrokerOptions): Promise<MqttClient> {
  const settings = {
    ...{ clientId, clean: true, connectTimeout: connectLimitMs, queueQoSZero: false },
    protocolVersion: share ? (5 as const) : (4 as const),
  };
  // The first connection is tried once, so that a wrong address or password is told at once.
  const client = mqtt.connect(url, { ...settings, reconnectPeriod: 0 });
  await new Promise<void>((resolve, reject) => {
    const failed = (cause: Error) => {
      done();
      client.end(true);
      reject(refused(url, cause.message || String((cause as NodeJS.ErrnoException).code)));
    };
    const closed = () => failed(new Error("it closed the connection"));
    const opened = () => {
      done();
      resolve();
    };
    // Its own listeners must stay: it reconnects by them.
    const done = () => {
      client.off("error", failed).off("close", closed).off("connect", opened);
      client.on("error", () => undefined);
    };
    client.on("error", failed).on("close", closed).on("connect", opened);
  });
  client.options.reconnectPeriod = reconnectPauseMs;
  return client;
}

function refused(url: string, found: string): AgentError {
  return new AgentError(
    AgentCode.BrokerUnreachable,
    `broker ${withoutPassword(url)}: expected one that lets this agent in, got: ${found}`,
  );
}
