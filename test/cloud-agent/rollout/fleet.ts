/** A fleet in virtual time that obeys offers the way devices do: only at a check-in, and truth only at the next one. */
import type { EventRecord, ReleaseRecord } from "../../../cloud-agent/core/records.ts";
import { draftRollout, startRollout } from "../../../cloud-agent/core/rollout/control.ts";
import { nextFor } from "../../../cloud-agent/core/rollout/decide.ts";
import { type Penalty, penalise } from "../../../cloud-agent/core/rollout/penalty.ts";
import { parsePolicy } from "../../../cloud-agent/core/rollout/policy.ts";
import { stepRollout } from "../../../cloud-agent/core/rollout/step.ts";
import type {
  DeviceFacts,
  RolloutEffect,
  RolloutRecord,
  RolloutStep,
  RolloutView,
  VitalsSample,
} from "../../../cloud-agent/core/rollout/types.ts";
import {
  summaryOf,
  type VitalsSummary,
} from "../../../cloud-agent/core/rollout/verdict/summary.ts";
import { vitalsWanted } from "../../../cloud-agent/core/rollout/verdict/wanted.ts";
import { Code } from "../../../firmware/protocol/errors.ts";
import { Lifecycle, SlotState } from "../../../firmware/protocol/messages.ts";

export const minuteMs = 60_000;
export const hourMs = 3_600_000;
export const dayMs = 86_400_000;
export const oldSequence = 6;
export const newSequence = 7;
const oldDigest = "66".repeat(8);
const newDigest = "77".repeat(32);

export type Behaviour =
  | ("good" | "crash" | "drain" | "reject" | "stall" | "asleep")
  /** its image arrives damaged for `damagedTimes` times */
  | "damaged"
  /** says "not now" until `deferUntilMs`, then takes it */
  | "defer";

export interface SimDevice {
  facts: DeviceFacts;
  behaviour: Behaviour;
  /** what it will report at its next check-in */
  pending: Partial<DeviceFacts> | null;
  usedMicroAh: number;
  lastTickMs: number;
  damagedTimes?: number;
  deferUntilMs?: number;
  penalty?: Penalty | null;
}

export function releaseOf(
  sequence = newSequence,
  boards = ["puckjs", "esp32", "linux"],
): ReleaseRecord {
  return {
    sequence,
    version: `1.${sequence}.0`,
    images: boards.map((board) => ({
      classId: `class-${board}`,
      board,
      digest: newDigest,
      sizeBytes: 8192,
      floor: 1,
      envelopeBytes: 2000,
    })),
    type: "fix",
    notes: "",
    publishedMs: 0,
    poisonedMs: null,
    poisonReason: null,
  };
}

export function factsFor(
  index: number,
  board: string,
  changes: Partial<DeviceFacts> = {},
): DeviceFacts {
  return {
    serial: `${board.slice(0, 2).toUpperCase()}-${String(index).padStart(4, "0")}`,
    model: "sensor-1",
    board,
    classId: `class-${board}`,
    lifecycle: Lifecycle.Operating,
    group: null,
    tags: [],
    runningSequence: oldSequence,
    runningDigest: oldDigest,
    slotState: SlotState.Confirmed,
    floor: 1,
    otherSequence: 0,
    otherValid: false,
    lastSeenMs: 0,
    nextCheckInS: 3600,
    lastFailed: null,
    refused: null,
    download: null,
    maintenance: false,
    orderPending: null,
    ...changes,
  };
}

/** Facts of a device that confirmed the new release. */
export function updatedFacts(facts: DeviceFacts, nowMs: number): DeviceFacts {
  return { ...facts, ...confirmed(facts), lastSeenMs: nowMs };
}

export function policyJson(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    name: "Release 7",
    sequence: newSequence,
    target: { models: ["sensor-1"] },
    waves: [
      { name: "canary", size: { perBoard: 1 }, soakMs: dayMs },
      { name: "early", size: { percent: 20 }, soakMs: 6 * hourMs },
      { name: "all", size: { percent: 100 }, soakMs: hourMs },
    ],
    holdBackShare: 0.2,
    author: "ada",
    approver: "bob",
    ...changes,
  };
}

export class Fleet {
  nowMs = 10 * dayMs;
  devices: SimDevice[];
  release = releaseOf();
  /** others that are published */
  releases: ReleaseRecord[] = [];
  record: RolloutRecord;
  effects: RolloutEffect[] = [];
  events: EventRecord[] = [];
  offeredTo = new Set<string>();
  vitals: Record<string, VitalsSample[]> = {};
  /** set to pass the record through JSON before each step, as a restart would */
  isRestarting = false;

  constructor(devices: { facts: DeviceFacts; behaviour: Behaviour }[], policy = policyJson()) {
    this.devices = devices.map(({ facts, behaviour }, index) => ({
      facts: { ...facts, lastSeenMs: this.nowMs - (index % 60) * minuteMs },
      behaviour,
      pending: null,
      usedMicroAh: 0,
      lastTickMs: this.nowMs,
    }));
    this.record = draftRollout("r1", parsePolicy(policy));
  }

  view(): RolloutView {
    const devices = this.devices.map((device) => device.facts);
    const { serials, sinceMs, cutMs, metrics } = vitalsWanted(this.record, devices, this.nowMs);
    const vitals: Record<string, VitalsSummary> = {};
    for (const serial of serials) {
      const rows = (this.vitals[serial] ?? []).filter((row) => row.atMs >= sinceMs);
      vitals[serial] = summaryOf(rows, cutMs, metrics);
    }
    return { devices, vitals, release: this.release, releases: this.releases };
  }

  start(): void {
    this.apply(startRollout(this.record, this.view(), this.nowMs));
  }

  step(): void {
    if (this.isRestarting) this.record = JSON.parse(JSON.stringify(this.record));
    this.apply(stepRollout(this.record, this.view(), this.nowMs));
  }

  apply(step: RolloutStep): void {
    this.record = step.record;
    this.effects.push(...step.effects);
    for (const effect of step.effects) {
      if (effect.kind === "offer") this.offeredTo.add(effect.serial);
      if (effect.kind === "poison") {
        this.release = { ...this.release, poisonedMs: this.nowMs, poisonReason: effect.reason };
      }
      if (effect.kind === "failure") {
        const device = this.find(effect.serial);
        const { sequence, rule } = effect;
        device.penalty = penalise(device.penalty ?? null, sequence, rule, this.nowMs);
        device.facts.penaltyUntilMs = device.penalty.untilMs;
      }
      if (effect.kind === "orderRevert") this.find(effect.serial).facts.orderPending = "revert";
      if (effect.kind === "event") {
        const blank = { serial: null, rolloutId: null, sequence: null, code: null, data: {} };
        const id = this.events.length + 1;
        this.events.push({ ...blank, id, atMs: this.nowMs, ...effect.event });
      }
    }
  }

  /** Lets time pass in ticks of ten minutes; stops when `until` holds. */
  run(forMs: number, until: () => boolean = () => false): void {
    const endMs = this.nowMs + forMs;
    while (this.nowMs < endMs && !until()) {
      this.nowMs += 10 * minuteMs;
      for (const device of this.devices) this.tick(device);
      this.step();
    }
  }

  find(serial: string): SimDevice {
    return this.devices.find((device) => device.facts.serial === serial)!;
  }

  running(sequence: number): number {
    return this.devices.filter((device) => device.facts.runningSequence === sequence).length;
  }

  effectsOf<K extends RolloutEffect["kind"]>(kind: K): Extract<RolloutEffect, { kind: K }>[] {
    return this.effects.filter((effect) => effect.kind === kind) as Extract<
      RolloutEffect,
      { kind: K }
    >[];
  }

  private tick(device: SimDevice): void {
    const { facts } = device;
    if (device.behaviour === "asleep") return;
    if (this.nowMs - (facts.lastSeenMs ?? 0) < facts.nextCheckInS * 1000) return;
    const isDraining = device.behaviour === "drain" && facts.runningSequence === newSequence;
    const perHour = (20 + (Number(facts.serial.slice(3)) % 5)) * (isDraining ? 4 : 1);
    device.usedMicroAh += (perHour * (this.nowMs - device.lastTickMs)) / hourMs;
    device.lastTickMs = this.nowMs;
    const next: DeviceFacts = { ...facts, ...device.pending, lastSeenMs: this.nowMs };
    device.pending = null;
    if (next.orderPending === "revert") {
      device.pending = { ...wentBack(next, Code.RevertOrdered, ""), orderPending: null };
    }
    device.facts = next;
    if (facts.board !== "linux") {
      const values = { chargeMicroAh: [Math.round(device.usedMicroAh)] };
      (this.vitals[facts.serial] ??= []).push({
        atMs: this.nowMs,
        sequence: next.runningSequence,
        values,
      });
    }
    const releases = [this.release, ...this.releases];
    const { offer } = nextFor(next, [this.record], releases, this.nowMs);
    if (offer !== null) device.pending = reaction(device, next, offer, this.nowMs);
  }
}

function reaction(
  device: SimDevice,
  facts: DeviceFacts,
  offer: number,
  nowMs: number,
): Partial<DeviceFacts> {
  const { behaviour } = device;
  if (behaviour === "damaged" && (device.damagedTimes ?? 0) > 0) {
    device.damagedTimes!--;
    return { refused: { sequence: offer, code: Code.ImageDigest }, refusedMs: nowMs };
  }
  if (behaviour === "defer" && nowMs < device.deferUntilMs!) {
    return { deferred: facts.deferred ?? { sequence: offer, sinceMs: nowMs } };
  }
  if (behaviour === "crash") return wentBack(facts, Code.TrialCrashed, "");
  if (behaviour === "reject") {
    return { refused: { sequence: newSequence, code: Code.WrongInterpreter } };
  }
  if (behaviour === "stall") {
    return { download: { sequence: newSequence, bytesDone: 4096, sizeBytes: 8192 } };
  }
  return confirmed(facts, offer);
}

function confirmed(facts: DeviceFacts, sequence = newSequence): Partial<DeviceFacts> {
  return {
    deferred: null,
    runningSequence: sequence,
    runningDigest: newDigest.slice(0, 16),
    slotState: SlotState.Confirmed,
    otherSequence: facts.runningSequence,
    otherValid: true,
    download: null,
  };
}

function wentBack(facts: DeviceFacts, code: number, text: string): Partial<DeviceFacts> {
  const wasNew = facts.runningSequence === newSequence;
  return {
    runningSequence: wasNew ? facts.otherSequence : facts.runningSequence,
    runningDigest: oldDigest,
    otherValid: false,
    lastFailed: { sequence: newSequence, digest: newDigest.slice(0, 16), code, text },
  };
}

/** 51 devices on three boards, 17 each. */
export function fiftyOne(
  behaviourOf: (board: string, index: number) => Behaviour = () => "good",
): { facts: DeviceFacts; behaviour: Behaviour }[] {
  return ["puckjs", "esp32", "linux"].flatMap((board) =>
    Array.from({ length: 17 }, (_, index) => ({
      facts: factsFor(index + 1, board),
      behaviour: behaviourOf(board, index),
    })),
  );
}
