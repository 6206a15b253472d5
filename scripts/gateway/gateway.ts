/** Gateway: carries the messages of devices on lines to the agent's broker and back. It knows serials, because HELLO and
 *  RECEIPT name them; what is sealed it can neither read nor make. */
import type { AddressInfo, Server } from "node:net";
import { createServer } from "node:net";
import type { Duplex } from "node:stream";
import mqtt, { type MqttClient } from "mqtt";
import { encodeHelloWanted } from "../../firmware/protocol/host/handshake.ts";
import { encodeLine, LineDecoder, linePayloadBytesMax } from "../../firmware/protocol/host/line.ts";
import { messageBytesMax } from "../../firmware/protocol/limits.ts";
import { Carriers } from "./carriers.ts";
import { Outbox } from "./outbox.ts";
import { serialNamedIn } from "./route.ts";

export interface GatewayOptions {
  /** mqtt://host:port */
  broker: string;
  /** letters, digits, - and _ ; the name of its token */
  id: string;
  /** user name at the broker; omitted: "gw:ID" */
  user?: string;
  token: string;
  /** pause between attempts to reach the broker; default 2000 */
  reconnectMs?: number;
  /** one line about what happened; omitted: silent */
  log?(text: string): void;
}

const helloWanted = encodeHelloWanted();
/** Links at once: a site's worth. */
export const linksMax = 1_000;
/** Bytes that may wait for a line that does not take them. */
const lineBacklogBytesMax = 16_384;
/** A start byte that was noise is given up when the line is silent for so long: 1,536 B take 133 ms at 115,200 baud. */
const lineIdleMs = 500;

/** Runs until stopped. Lines come by `listen` (TCP) and `attach` (any stream). */
export class Gateway {
  readonly #options: GatewayOptions;
  #client: MqttClient | null = null;
  #server: Server | null = null;
  #carriers = new Carriers<Link>();
  #open = new Set<Link>();
  #outbox = new Outbox();

  constructor(options: GatewayOptions) {
    this.#options = options;
  }

  /** Connects to the broker and stays connected: the promise resolves with the first connection.
   *  @throws never: a broker that cannot be reached is tried again */
  start(): Promise<void> {
    const { broker, id, token, user = `gw:${id}`, reconnectMs = 2000 } = this.#options;
    const client = mqtt.connect(broker, {
      ...{ protocolVersion: 4, clientId: `gw:${id}`, username: user, password: token },
      ...{ clean: true, keepalive: 30, reconnectPeriod: reconnectMs, queueQoSZero: false },
    });
    this.#client = client;
    client.on("message", (topic, bytes) => this.#down(topic, bytes));
    client.on("error", (error) => this.#log(`broker: ${error.message}`));
    client.on("close", () => this.#log("broker: connection closed"));
    return new Promise((resolve) => {
      client.on("connect", () => {
        client.subscribe(`gw/${id}/dn/+`, { qos: 0 }, () => {
          this.#log("broker: connected");
          for (const [serial, bytes] of this.#outbox.drain()) this.#publish(serial, bytes);
          resolve();
        });
      });
    });
  }

  /** Takes device links on a TCP port. @returns the port */
  async listen(port: number, host = "127.0.0.1"): Promise<number> {
    const server = createServer((socket) => {
      socket.setNoDelay(true);
      this.attach(socket);
    });
    server.maxConnections = linksMax;
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, host, resolve);
    });
    return (server.address() as AddressInfo).port;
  }

  /** Takes a device link on any stream: a serial port, a pty, a child's standard streams. */
  attach(stream: Duplex): void {
    if (this.#open.size >= linksMax) {
      stream.destroy();
      return;
    }
    const link = new Link(stream, (bytes) => this.#up(link, bytes));
    this.#open.add(link);
    // A board that is updated at its cable only waits for this knock; any other one just shakes hands again.
    link.send(helloWanted);
    const gone = () => {
      if (!this.#open.delete(link)) return;
      link.close();
      const serials = this.#carriers.closed(link);
      this.#log(`link closed: ${serials.join(", ") || "no device"}`);
    };
    stream.on("close", gone);
    stream.on("error", gone);
    stream.on("end", gone);
  }

  /** Ends links and connections. */
  async stop(): Promise<void> {
    for (const link of this.#open) {
      link.close();
      this.#carriers.closed(link);
    }
    this.#open.clear();
    const server = this.#server;
    if (server) await new Promise<void>((resolve) => server.close(() => resolve()));
    await this.#client?.endAsync(true);
  }

  #up(link: Link, bytes: Uint8Array): void {
    if (bytes.length > messageBytesMax) return;
    const named = serialNamedIn(bytes);
    if (named !== null) {
      if (link.lastSerial !== named) this.#log(`link names ${named}`);
      link.lastSerial = named;
      if (!this.#carriers.asked(link, named, bytes, performance.now())) {
        link.close();
        return;
      }
    }
    // A sealed frame names nobody: it belongs to the device that shook hands on this line last.
    const serial = named ?? link.lastSerial;
    if (serial === null) return;
    if (this.#client?.connected) this.#publish(serial, bytes);
    else this.#outbox.put(serial, bytes);
  }

  #publish(serial: string, bytes: Uint8Array): void {
    const topic = `gw/${this.#options.id}/up/${serial}`;
    this.#client?.publish(topic, Buffer.from(bytes), { qos: 0 });
  }

  #down(topic: string, bytes: Uint8Array): void {
    const serial = topic.slice(topic.lastIndexOf("/") + 1);
    for (const link of this.#carriers.linesFor(serial, bytes, performance.now())) link.send(bytes);
  }

  #log(text: string): void {
    this.#options.log?.(text);
  }
}

/** One line: frames in, frames out. */
class Link {
  /** the device that a plain message named last: sealed frames are taken to be its */
  lastSerial: string | null = null;
  readonly #stream: Duplex;
  readonly #decoder = new LineDecoder();
  #idle: NodeJS.Timeout | null = null;

  constructor(stream: Duplex, take: (bytes: Uint8Array) => void) {
    this.#stream = stream;
    stream.on("data", (chunk: Uint8Array) => {
      if (this.#idle) clearTimeout(this.#idle);
      for (const payload of this.#decoder.push(chunk)) take(payload);
      this.#idle = setTimeout(() => {
        for (const payload of this.#decoder.idle()) take(payload);
      }, lineIdleMs);
    });
  }

  /** Sends to the device; dropped when the line is too far behind, because the agent sends again. */
  send(bytes: Uint8Array): void {
    if (bytes.length === 0 || bytes.length > linePayloadBytesMax) return;
    if (this.#stream.writableLength > lineBacklogBytesMax) return;
    this.#stream.write(encodeLine(bytes));
  }

  close(): void {
    if (this.#idle) clearTimeout(this.#idle);
    this.#stream.destroy();
  }
}
