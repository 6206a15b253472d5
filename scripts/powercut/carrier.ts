import { encodeLine, LineDecoder } from "../../firmware/protocol/host/line.ts";
import type { SimBoard } from "../sim/board/simBoard.ts";
import type { VirtualClock } from "../sim/clock.ts";
import type { ConnectionEvents, SimConnection, SimNet } from "../sim/net.ts";

const wayMs = 1;

/** The far end of a carrier: takes messages, and sends through what the carrier has set. */
export interface FarEnd {
  receive(bytes: Uint8Array): void;
  send: (bytes: Uint8Array) => void;
}

/** Joins a board's serial port with the peer. */
export function joinSerial(sim: SimBoard, peer: FarEnd, clock: VirtualClock): void {
  const decoder = new LineDecoder();
  const down = (bytes: Uint8Array) =>
    void clock.after(wayMs, () => sim.feedSerial(encodeLine(bytes)));
  sim.onSerial((data) => {
    for (const message of decoder.push(data))
      clock.after(wayMs, () => {
        peer.send = down;
        peer.receive(message);
      });
  });
  peer.send = down;
}

/** A network with one broker in it that speaks what a device needs of MQTT 3.1.1 (CONNECT, SUBSCRIBE, PUBLISH, PINGREQ)
 *  and hands everything to the peer. Nothing is trusted because of it, so it asks for no password. */
export function brokerNet(peer: FarEnd, serial: string, clock: VirtualClock): SimNet {
  return {
    connect(_host, _port, events) {
      const link = new Link(peer, serial, clock, events);
      clock.after(wayMs, () => events.connected());
      return link;
    },
  };
}

/** One connection, from the broker's side. */
class Link implements SimConnection {
  readonly #peer: FarEnd;
  readonly #serial: string;
  readonly #clock: VirtualClock;
  readonly #events: ConnectionEvents;
  #buffer: Buffer = Buffer.alloc(0);
  #isOpen = true;

  constructor(peer: FarEnd, serial: string, clock: VirtualClock, events: ConnectionEvents) {
    this.#peer = peer;
    this.#serial = serial;
    this.#clock = clock;
    this.#events = events;
  }

  write(data: Uint8Array): void {
    this.#buffer = Buffer.concat([this.#buffer, data]);
    this.#clock.after(wayMs, () => this.#isOpen && this.#events.drained());
    for (;;) {
      const packet = takePacket(this.#buffer);
      if (!packet) return;
      this.#buffer = packet.rest;
      this.#clock.after(wayMs, () => this.#isOpen && this.#take(packet.type, packet.body));
    }
  }

  end(): void {
    this.#clock.after(wayMs, () => {
      if (this.#isOpen) this.#events.closed();
      this.#isOpen = false;
    });
  }

  destroy(): void {
    this.#isOpen = false;
  }

  #take(type: number, body: Buffer): void {
    if (type === 0x10) this.#give(0x20, Buffer.from([0, 0]));
    else if (type === 0x80) {
      this.#peer.send = (bytes) => this.#publish(bytes);
      this.#give(0x90, Buffer.concat([body.subarray(0, 2), Buffer.from([0])]));
    } else if (type === 0x30) this.#peer.receive(body.subarray(2 + body.readUInt16BE(0)));
    else if (type === 0xc0) this.#give(0xd0, Buffer.alloc(0));
  }

  #publish(bytes: Uint8Array): void {
    const topic = Buffer.from(`fl/${this.#serial}/dn`);
    this.#give(0x30, Buffer.concat([Buffer.from([0, topic.length]), topic, bytes]));
  }

  #give(type: number, body: Buffer): void {
    const n = body.length;
    const head = n < 128 ? [type, n] : [type, (n & 127) | 128, n >> 7];
    const packet = new Uint8Array(Buffer.concat([Buffer.from(head), body]));
    this.#clock.after(wayMs, () => this.#isOpen && this.#events.data(packet));
  }
}

/** The first whole packet of a buffer; lengths of up to two bytes, which is all that a device sends. */
function takePacket(buffer: Buffer): { type: number; body: Buffer; rest: Buffer } | null {
  if (buffer.length < 2) return null;
  const isLong = buffer[1]! > 127;
  if (isLong && buffer.length < 3) return null;
  const n = isLong ? (buffer[1]! & 127) | (buffer[2]! << 7) : buffer[1]!;
  const at = isLong ? 3 : 2;
  if (buffer.length < at + n) return null;
  const body = buffer.subarray(at, at + n);
  return { type: buffer[0]! & 0xf0, body, rest: buffer.subarray(at + n) };
}
