/** One agent's device protocol over a store in memory, and devices that talk to it. Time is set by hand. */
import { registerBirth } from "../../cloud-agent/core/births.ts";
import { openClaim } from "../../cloud-agent/core/claims.ts";
import { decommission } from "../../cloud-agent/core/lifecycle.ts";
import type { AgentPorts, Image, Offer } from "../../cloud-agent/core/ports.ts";
import type { DeviceRecord, EventRecord } from "../../cloud-agent/core/records.ts";
import { type Contact, createContact } from "../../cloud-agent/session/contact.ts";
import type { BirthRecord } from "../../firmware/protocol/birth.ts";
import { type Heard, HostDevice } from "../../firmware/protocol/host/hostDevice.ts";
import { batchKey, codeHash, deviceKey0, popKey } from "../../firmware/protocol/host/kdf.ts";
import { makeCode } from "../../firmware/protocol/host/labels.ts";
import { receiptPublic } from "../../firmware/protocol/host/receipt.ts";
import { Lifecycle, Suite } from "../../firmware/protocol/messages.ts";
import { openTestStore } from "./stores.ts";

export const startMs = 1_800_000_000_000;
export const km = new Uint8Array(32).fill(7);
export const code = makeCode(new Uint8Array(10).fill(0x5a));
export const receiptI = new Uint8Array(16).fill(1);
export const receiptSeed = new Uint8Array(24).fill(2);
const receiptPublicHex = Buffer.from(receiptPublic(receiptI, receiptSeed)).toString("hex");

export interface DeviceBench {
  ports: AgentPorts;
  contact: Contact;
  /** what offerFor and image give */
  offer: (Offer & Image) | null;
  /** the image that running gives */
  running: Uint8Array | null;
  nowMs: number;
  certified: number;
  /** another agent over the same store, as after kill -9 */
  restartAgent(): void;
  device(serial: string, options?: Partial<{ suite: Suite; isBorn: boolean }>): Promise<HostDevice>;
  record(serial: string): Promise<DeviceRecord>;
  change(serial: string, changes: Partial<DeviceRecord>): Promise<void>;
  events(kind: string, serial?: string): Promise<EventRecord[]>;
  /** gives bytes to the agent. @returns the bytes of its answers */
  give(serial: string, bytes: Uint8Array, route?: string): Promise<Uint8Array[]>;
  /** gives bytes and lets the device hear the answers */
  say(device: HostDevice, bytes: Uint8Array): Promise<Heard[]>;
  /** a whole handshake. @returns what the device heard after PROVE */
  shakeHands(device: HostDevice): Promise<Heard[]>;
  claim(serial: string): Promise<void>;
  wipe(serial: string, mode: number): Promise<DeviceRecord>;
}

/** Random bytes that repeat from run to run. */
export function seededBytes(seed: number): (count: number) => Uint8Array {
  let state = seed;
  return (count) =>
    Uint8Array.from({ length: count }, () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return state >>> 24;
    });
}

/** Opens a bench. @param path of its database; default in memory */
export async function openDeviceBench(path?: string): Promise<DeviceBench> {
  const store = await openTestStore(path);
  const quiet = () => undefined;
  const random = { bytes: seededBytes(1) };
  const edge = () => ({ random, nowMs: bench.nowMs });
  const ports: AgentPorts = {
    store,
    clock: { nowMs: () => bench.nowMs },
    random,
    log: { debug: quiet, info: quiet, warn: quiet, error: (f, m) => console.error(m, f) },
    keys: { km: (id) => (id === 1 ? km : null), activeId: 1 },
    config: { mqttPort: 0, mqttHost: "127.0.0.1", checkInS: 300, lab: false, coding: "any" },
    offerFor: async () => bench.offer,
    image: async (_tx, _device, sequence) =>
      bench.offer?.sequence === sequence ? bench.offer : null,
    running: async () => bench.running,
    labOffer: () => null,
    certify: async (tx, device, receipt) => {
      if (device.lifecycle !== Lifecycle.Retired) bench.certified++;
      const { orderId, mode } = receipt;
      const order = device.order?.kind === "wipe" ? device.order : null;
      const endedWipe = order
        ? { orderId, mode, ackToken: order.ackToken, nonce: order.nonce }
        : device.endedWipe;
      const ended = { ...device, lifecycle: Lifecycle.Retired, endedWipe };
      await tx.putDevice(ended);
      const certificate = { index: 0, serial: device.serial, previous: "", json: "" };
      return { device: ended, certificate };
    },
  };
  const bench: DeviceBench = {
    ports,
    contact: createContact(ports),
    offer: null,
    running: null,
    nowMs: startMs,
    certified: 0,
    restartAgent() {
      bench.contact = createContact(ports);
    },
    device: (serial, options = {}) => bear(ports, serial, options),
    async record(serial) {
      const device = await store.tx((tx) => tx.device(serial));
      if (!device) throw new Error(`no device ${serial}`);
      return device;
    },
    async change(serial, changes) {
      const device = await bench.record(serial);
      await store.tx((tx) => tx.putDevice({ ...device, ...changes }));
    },
    events: (kind, serial) => store.tx((tx) => tx.events({ kind, serial, limit: 1000 })),
    async give(serial, bytes, route = "fl") {
      const answers: Uint8Array[] = [];
      await bench.contact.handle(route, serial, bytes, (answer) => answers.push(answer));
      return answers;
    },
    async say(device, bytes) {
      const answers = await bench.give(device.options.serial, bytes);
      return answers.map((answer) => device.hear(answer));
    },
    async shakeHands(device) {
      const heard = await bench.say(device, device.hello());
      const first = heard[0];
      if (first?.kind !== "challenge") return heard;
      return bench.say(device, first.prove);
    },
    async claim(serial) {
      const result = await store.tx((tx) =>
        openClaim(tx, { serial, code, account: "acme", person: "ann" }, edge()),
      );
      if (result instanceof Error) throw result;
    },
    wipe: (serial, mode) =>
      store.tx((tx) => decommission(tx, { serial, mode, person: "ann" }, edge())),
  };
  return bench;
}

async function bear(
  ports: AgentPorts,
  serial: string,
  options: Partial<{ suite: Suite; isBorn: boolean }>,
): Promise<HostDevice> {
  const salt = new Uint8Array(16).fill(3);
  const birth: BirthRecord = {
    ...{ serial, model: "sensor-1", board: "puckjs", hardwareRev: 1, batch: "B1", kmId: 1 },
    salt: Buffer.from(salt).toString("hex"),
    codeHash: Buffer.from(codeHash(serial, code)).toString("hex"),
    receiptPublic: receiptPublicHex,
    ...{ vendorId: "22".repeat(16), classId: "33".repeat(16) },
    ...{ bornAt: "2026-01-01T00:00:00.000Z", station: "line-1" },
  };
  if (options.isBorn !== false) {
    const nowMs = ports.clock.nowMs();
    await ports.store.tx((tx) => registerBirth(tx, { birth, checkInS: 300, nowMs }));
  }
  return new HostDevice({
    ...{ serial, kmId: 1, suite: options.suite ?? Suite.AesCtr, epoch: 0, bootCount: 1 },
    deviceKey: deviceKey0(batchKey(km, "B1"), serial, salt),
    popKey: popKey(code),
    random: seededBytes(serial.length + serial.charCodeAt(serial.length - 1)),
  });
}

/** Kinds of what a device heard: "reply", "grant", or the refusal's code. */
export function kinds(heard: Heard[]): string[] {
  return heard.map((one) => {
    if (one.kind === "message") return one.message.kind;
    if (one.kind === "refused") return `refused ${one.code}`;
    if (one.kind === "ignored") return `ignored ${one.code}`;
    return one.kind;
  });
}

/** The message of a kind that a device heard. @throws Error when there is none */
export function messageOf<K extends string>(heard: Heard[], kind: K) {
  for (const one of heard) {
    if (one.kind === "message" && one.message.kind === kind) {
      return one.message as Extract<typeof one.message, { kind: K }>;
    }
  }
  throw new Error(`nothing of kind ${kind} was heard`);
}
