/** The agent's own session and rollout code over a store in memory: what a device says goes in as values, what it is told
 *  comes out as values. */

import type { AgentPorts } from "../../cloud-agent/core/ports.ts";
import type { DeviceRecord, SessionRecord } from "../../cloud-agent/core/records.ts";
import { factsOf } from "../../cloud-agent/core/rollout/facts.ts";
import type {
  DeviceFacts,
  RolloutRecord,
  RolloutStep,
} from "../../cloud-agent/core/rollout/types.ts";
import {
  emptySummary,
  type VitalsSummary,
} from "../../cloud-agent/core/rollout/verdict/summary.ts";
import { applyStep } from "../../cloud-agent/core/rollouts.ts";
import { createOffers, LabOffers } from "../../cloud-agent/offers.ts";
import { contactAnswers } from "../../cloud-agent/session/answers.ts";
import type { Step } from "../../cloud-agent/session/context.ts";
import { takeDecoded } from "../../cloud-agent/session/frame.ts";
import type { Tx } from "../../cloud-agent/storage/store.ts";
import { type CloudMessage, cloudItems } from "../../firmware/protocol/host/cloudMessages.ts";
import { readDeviceMessage } from "../../firmware/protocol/host/deviceMessages.ts";
import { Msg } from "../../firmware/protocol/messages.ts";
import type { Dice } from "../sim/field/dice.ts";
import { isNumber } from "./bytes.ts";
import type { EventQueue } from "./queue.ts";
import { MemoryStore } from "./store.ts";

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

export class Agent {
  readonly store = new MemoryStore();
  checkIns = 0;
  readonly #queue: EventQueue;
  readonly #ports: AgentPorts;
  readonly #isAskedForVitals: boolean;
  readonly #told: DeviceRecord[] = [];

  /** @param isAskedForVitals true when the policy's filters may name a vital */
  constructor(queue: EventQueue, dice: Dice, checkInS: number, isAskedForVitals: boolean) {
    this.#queue = queue;
    this.#isAskedForVitals = isAskedForVitals;
    const clock = { nowMs: () => queue.nowMs };
    const offers = createOffers({ clock, lab: new LabOffers() });
    this.#ports = {
      store: this.store,
      clock,
      random: { bytes: (count) => dice.bytes(count) },
      log: quiet,
      keys: { km: () => null, activeId: 1 },
      config: { mqttPort: 0, mqttHost: "", checkInS, lab: false, coding: "any" },
      offerFor: offers.offerFor,
      image: offers.image,
      running: offers.running,
      labOffer: () => null,
      certify: () => Promise.reject(new Error("no device is wiped in a rehearsal")),
    };
  }

  /** Takes one message of a device. @returns what it is answered, as items */
  async take(serial: string, message: unknown[]): Promise<unknown[][]> {
    if (message[0] === Msg.Hello) return [[Msg.Chal]];
    const items = message[1] as unknown[];
    return this.store.tx(async (tx) => {
      const known = await tx.device(serial);
      if (known === null) throw new Error(`rehearsal: device ${serial} is not known`);
      const step = this.#step(serial, tx);
      const taken = await takeDecoded(step, known, readDeviceMessage(wire(items)));
      const now = { ...taken.device, lastSeenMs: this.#queue.nowMs, route: "fl" };
      let answers: CloudMessage[] = taken.answers;
      if (taken.isContact) {
        this.checkIns++;
        answers = [...(await contactAnswers(step, now, session, false)), ...answers];
      }
      await tx.putDevice(now);
      return answers.map(framed);
    });
  }

  /** What waits for a device that did not ask. */
  async waiting(serial: string): Promise<unknown[][]> {
    return this.store.tx(async (tx) => {
      const device = (await tx.device(serial))!;
      if (device.lastSeenMs === null) return [];
      const answers = await contactAnswers(this.#step(serial, tx), device, session, false);
      return answers.map(framed);
    });
  }

  /** Does to its devices what a step of the rollout decided. @returns serials that have something waiting */
  async apply(before: RolloutRecord, step: RolloutStep): Promise<string[]> {
    const edge = { nowMs: this.#queue.nowMs, random: this.#ports.random };
    return this.store.tx(async (tx) => (await applyStep(tx, before, step, edge)).changedSerials);
  }

  /** Facts of devices that changed since the last call; the others were only heard again, if at all. */
  news(): { changed: DeviceFacts[]; seen: [index: number[], lastSeenMs: number[]] } {
    const changed: DeviceFacts[] = [];
    const seen: [number[], number[]] = [[], []];
    let index = 0;
    for (const device of this.store.devices.values()) {
      const at = index++;
      const told = this.#told[at];
      if (told === device) continue;
      this.#told[at] = device;
      if (told !== undefined && isSameButSeen(told, device, this.#isAskedForVitals)) {
        seen[0].push(at);
        seen[1].push(device.lastSeenMs!);
      } else changed.push(factsOf(device));
    }
    return { changed, seen };
  }

  vitalsOf(serials: string[]): Record<string, VitalsSummary> {
    const vitals: Record<string, VitalsSummary> = {};
    for (const serial of serials) {
      if (!this.store.devices.has(serial)) continue;
      vitals[serial] = this.store.summaries.get(serial) ?? emptySummary();
    }
    return vitals;
  }

  #step(serial: string, tx: Tx): Step {
    const { nowMs } = this.#queue;
    return {
      ports: this.#ports,
      tx,
      incoming: { route: "fl", serialHint: serial, bytes: nothing, nowMs },
    };
  }
}

/** True when two records of a device differ in the time it was heard, and in nothing else that is asked for. */
function isSameButSeen(before: DeviceRecord, now: DeviceRecord, asksForVitals: boolean): boolean {
  let name: keyof DeviceRecord;
  for (name in now) {
    const [old, value] = [before[name], now[name]];
    if (old === value || name === "lastSeenMs") continue;
    if (name === "latestVitals" && !asksForVitals) continue;
    // What a check-in tells is decoded anew each time.
    if (typeof old !== "object" || JSON.stringify(old) !== JSON.stringify(value)) return false;
  }
  return true;
}

const nothing = new Uint8Array(0);

const framed = (message: CloudMessage) => [Msg.Frame, cloudItems(message)];

/** Keys are no part of a rehearsal: all that answers read of a session is its epoch. */
const session: SessionRecord = {
  ...{ serial: "", epoch: 1, hello: "", chalBody: "", sid: "" },
  ...{ bootCount: 0, handshakeCount: 0, receivedCounter: 0, sendReserved: 0 },
};

/** A device's items as the decoder gives them: maps are Maps, keys of digits are numbers. */
export function wire(items: unknown[]): unknown[] {
  return items.map((item) => (isMap(item) ? asMap(item) : item));
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" &&
  value !== null &&
  !Array.isArray(value) &&
  !(value instanceof Uint8Array);

function asMap(value: Record<string, unknown>): Map<unknown, unknown> {
  const map = new Map<unknown, unknown>();
  for (const key in value) {
    const item = value[key];
    map.set(isNumber(key) ? Number(key) : key, isMap(item) ? asMap(item) : item);
  }
  return map;
}
