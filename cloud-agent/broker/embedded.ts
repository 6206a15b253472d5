import { createServer, type Server, type Socket } from "node:net";
import { Aedes, type AuthenticateError, type Client, type PublishPacket } from "aedes";
import { Code } from "../../firmware/protocol/errors.ts";
import { messageBytesMax } from "../../firmware/protocol/limits.ts";
import { Msg } from "../../firmware/protocol/messages.ts";
import type { Log } from "../core/ports.ts";
import type { Login } from "../session/login.ts";
import type { BrokerPort } from "./port.ts";

export interface EmbeddedBrokerOptions {
  host: string;
  /** 0 picks a free port */
  port: number;
  log: Log;
  /** Judges user name and password. */
  judge(clientId: string, userName: string, password: string): Promise<Login>;
  /** Told of refusals that are worth a record. */
  onRefused(serial: string, code: Code, text: string): void;
  /** Told when a device's connection was taken over by another one with the same, right, credentials. */
  onTakeOver(serial: string): void;
}

/** Connections the broker holds at once: some 55 kB each. */
export const connectionsMax = 20_000;
/** Bytes a client may have sent without completing a packet: CONNECT and the longest PUBLISH fit well. */
const unparsedBytesMax = 8_192;
const connectTimeoutMs = 10_000;

type Confined = Exclude<Login, { kind: "refused" }>;

/** MQTT 3.1.1 broker inside the agent. Every client is confined to its own topics; nobody's word is taken for anything. */
export function createEmbeddedBroker(options: EmbeddedBrokerOptions): BrokerPort {
  let consume: (topic: string, bytes: Uint8Array) => void = () => undefined;
  let running: { aedes: Aedes; server: Server } | null = null;
  return {
    onMessage(handler) {
      consume = handler;
    },
    async start() {
      const aedes = await createAedes(options, (topic, bytes) => consume(topic, bytes));
      const server = createServer((socket) => admit(aedes, socket));
      server.maxConnections = connectionsMax;
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(options.port, options.host, resolve);
      });
      running = { aedes, server };
      const address = server.address();
      return typeof address === "object" && address ? address.port : options.port;
    },
    async stop() {
      if (!running) return;
      const { aedes, server } = running;
      running = null;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await new Promise<void>((resolve) => aedes.close(() => resolve()));
      await closed;
    },
    isConnected: () => running !== null,
    gateways() {
      // A gateway's client id is its user name; nobody else's begins so (session/login.ts).
      const ids = Object.keys(running ? clientsOf(running.aedes) : {});
      return ids.flatMap((id) => (id.startsWith("gw:") ? [id.slice("gw:".length)] : []));
    },
    publish(topic, bytes) {
      const payload = Buffer.from(bytes);
      const packet = { cmd: "publish", topic, payload, qos: 0, retain: false, dup: false } as const;
      running?.aedes.publish(packet, () => undefined);
    },
  };
}

async function createAedes(
  options: EmbeddedBrokerOptions,
  consume: (topic: string, bytes: Uint8Array) => void,
): Promise<Aedes> {
  const confinement = new WeakMap<Client, Confined>();
  const forbid = (client: Client | null, what: string) => {
    const who = client ? confinement.get(client) : undefined;
    const serial = who?.kind === "device" ? who.serial : null;
    options.log.debug({ client: client?.id, serial }, what);
    if (serial !== null) options.onRefused(serial, Code.TopicForbidden, what);
  };
  const aedes: Aedes = await Aedes.createBroker({
    // With the default of 100 a subscriber with a backlog that disconnects ends the process, and a frozen one stalls all.
    concurrency: 0,
    drainTimeout: 10_000,
    connectTimeout: connectTimeoutMs,
    queueLimit: 16,
    maxInflightInbound: 1,
    maxTopicLevels: 8,
    maxClientsIdLength: 64,
    preConnect(_client, packet, done) {
      // Sessions and wills would be memory that a stranger can fill; both ends live without them.
      packet.clean = true;
      packet.will = undefined;
      done(null, true);
    },
    authenticate(client, userName, password, done) {
      const text = password ? password.toString("utf8") : "";
      options.judge(client.id, userName ?? "", text).then(
        (login) => {
          if (login.kind === "refused") {
            if (login.code === Code.BrokerPasswordWrong || isReplay(login)) {
              options.onRefused(client.id, login.code, login.text);
            }
            done(authenticationError(login.text, 4), false);
            return;
          }
          confinement.set(client, login);
          if (login.kind === "device" && isConnected(aedes, client.id)) {
            options.onTakeOver(login.serial);
          }
          done(null, true);
        },
        (err) => {
          options.log.error({ client: client.id, err }, "a broker login could not be judged");
          done(authenticationError("agent unavailable", 3), false);
        },
      );
    },
    authorizePublish(client, packet, done) {
      const reason = client && publishRefusal(confinement.get(client), packet);
      if (!reason) return done(null);
      forbid(client, reason);
      done(new Error(reason));
    },
    authorizeSubscribe(client, subscription, done) {
      const own = ownDownTopic(confinement.get(client));
      if (own !== null && subscription.topic === own) {
        return done(null, { ...subscription, qos: 0 });
      }
      forbid(client, `subscription to ${subscription.topic.slice(0, 64)} is not this client's`);
      // No error: the client is told by return code 128 and stays connected.
      done(null, null);
    },
  });
  aedes.on("publish", (packet, client) => {
    if (client) consume(packet.topic, new Uint8Array(packet.payload as Buffer));
  });
  return aedes;
}

function isReplay(login: { code: Code }): boolean {
  return login.code === Code.BrokerPasswordReplayed;
}

function isConnected(aedes: Aedes, clientId: string): boolean {
  return clientsOf(aedes)[clientId] !== undefined;
}

function clientsOf(aedes: Aedes): Record<string, unknown> {
  return (aedes as unknown as { clients: Record<string, unknown> }).clients;
}

/** @returns why this client may not publish this packet; null when it may */
function publishRefusal(who: Confined | undefined, packet: PublishPacket): string | null {
  if (!who) return "publish before login";
  if (packet.retain) return "retained messages are not taken";
  if (packet.qos === 2) return "QoS 2 is not taken";
  const payload = packet.payload as Buffer;
  if (payload.length > messageBytesMax) {
    return `payload: at most ${messageBytesMax} bytes, got ${payload.length}`;
  }
  if (who.kind === "gateway") {
    const start = `gw/${who.id}/up/`;
    const isOwn =
      packet.topic.startsWith(start) && /^[A-Z0-9-]{4,23}$/.test(packet.topic.slice(start.length));
    return isOwn ? null : `topic ${packet.topic.slice(0, 64)} is not this gateway's`;
  }
  if (packet.topic !== `fl/${who.serial}/up`) {
    return `topic ${packet.topic.slice(0, 64)} is not this device's`;
  }
  if (who.isWiped && payload[1] !== Msg.Receipt) return "a wiped device may only send its receipt";
  return null;
}

function ownDownTopic(who: Confined | undefined): string | null {
  if (!who) return null;
  return who.kind === "device" ? `fl/${who.serial}/dn` : `gw/${who.id}/dn/+`;
}

function authenticationError(text: string, returnCode: number): AuthenticateError {
  return Object.assign(new Error(text), { returnCode }) as AuthenticateError;
}

/** Hands a connection to the broker and watches what it holds back: the MQTT parser would collect a packet of up to
 *  256 MB before anybody is asked for a password. */
function admit(aedes: Aedes, socket: Socket): void {
  socket.setNoDelay(true);
  const client = aedes.handle(socket) as unknown as { _parser?: { _list?: { length: number } } };
  socket.on("readable", () => {
    const unparsed = client._parser?._list?.length ?? 0;
    if (unparsed > unparsedBytesMax) socket.destroy();
  });
}
