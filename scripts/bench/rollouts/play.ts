import type { ReleaseRecord } from "../../../cloud-agent/core/records.ts";
import { draftRollout, startRollout } from "../../../cloud-agent/core/rollout/control.ts";
import { nextFor } from "../../../cloud-agent/core/rollout/decide.ts";
import { parsePolicy } from "../../../cloud-agent/core/rollout/policy.ts";
import { stepRollout } from "../../../cloud-agent/core/rollout/step.ts";
import type { RolloutRecord, RolloutStep } from "../../../cloud-agent/core/rollout/types.ts";
import { noteSample } from "../../../cloud-agent/core/rollout/verdict/summary.ts";
import { vitalsWanted } from "../../../cloud-agent/core/rollout/verdict/wanted.ts";
import { Dice } from "../../sim/field/dice.ts";
import { boards, type Defect, field } from "../../sim/field/model.ts";
import { Site } from "../../sim/field/site.ts";
import { Device, newDigest, newSequence, oldSequence } from "./device.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const startMs = 20_000 * dayMs;
/** Days of the old release before the rollout, and the longest a rollout may take. */
const pastDays = 2;
const daysMax = 14;

export interface Plan {
  seed: number;
  devices: number;
  defect: Defect;
}

/** How one rollout ended. */
export interface Played {
  seed: number;
  status: RolloutRecord["status"];
  /** index of the wave it stopped in; the canary is 0 */
  wave: number;
  /** from the first offer to the end */
  hours: number;
  /** metrics that were worse when it halted, without boards */
  metrics: string[];
  reason: string | null;
  checkIns: number;
  /** times a wave held although nothing was wrong or missing */
  holds: number;
}

/** Canary of 100 and 48 h of soak, then a quarter and all. Thresholds of vitals are the defaults; some installations go
 *  wrong in any fleet, so causes have a tolerance. */
export const benchPolicy = parsePolicy({
  name: "bench",
  sequence: newSequence,
  target: { models: ["sensor-1"] },
  waves: [
    { name: "canary", size: { count: 100 }, soakMs: 48 * hourMs, confirmShare: 0.9 },
    { name: "quarter", size: { percent: 25 }, soakMs: 24 * hourMs, confirmShare: 0.9 },
    { name: "all", size: { percent: 100 }, soakMs: 24 * hourMs, confirmShare: 0.9 },
  ],
  thresholds: { failed: 0.05, reverted: 0.05, rejected: 0.05, timedOut: 0.05 },
  author: "bench",
});

const release: ReleaseRecord = {
  sequence: newSequence,
  version: "1.7.0",
  images: boards.map(({ board }) => ({
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

/** Plays one rollout in virtual time through the engine that the agent runs, with a step each hour. Same seed, same end. */
export function play({ seed, devices: count, defect }: Plan): Played {
  const dice = new Dice(seed);
  const world = createFleet(dice, count);
  const facts = world.map((device) => device.facts);
  const bySerial = new Map(world.map((device) => [device.facts.serial, device]));
  const vitals = Object.fromEntries(world.map((one) => [one.facts.serial, one.summary]));
  let record = draftRollout("bench", benchPolicy);
  let checkIns = 0;
  const liveUntil = (untilMs: number) => {
    for (const device of world) {
      while (device.nextMs < untilMs) {
        const atMs = device.nextMs;
        const values = device.live(defect);
        checkIns++;
        if (values === null) continue;
        const sequence = device.facts.runningSequence;
        noteSample(device.summary, { atMs, sequence, values }, record.waveStartedMs);
        serve(device, record, atMs);
      }
    }
  };
  const apply = (step: RolloutStep) => {
    record = step.record;
    for (const effect of step.effects) {
      if (effect.kind === "orderRevert") bySerial.get(effect.serial)!.facts.orderPending = "revert";
    }
  };
  const view = (nowMs: number) => {
    const { serials } = vitalsWanted(record, facts, nowMs);
    const wanted = Object.fromEntries(serials.map((serial) => [serial, vitals[serial]!]));
    return { devices: facts, vitals: wanted, release };
  };
  let nowMs = startMs + pastDays * dayMs;
  liveUntil(nowMs);
  const begunMs = nowMs;
  apply(startRollout(record, view(nowMs), nowMs));
  while (record.status === "running" && nowMs < begunMs + daysMax * dayMs) {
    nowMs += hourMs;
    liveUntil(nowMs);
    apply(stepRollout(record, view(nowMs), nowMs));
  }
  return ended(seed, record, (nowMs - begunMs) / hourMs, checkIns);
}

function createFleet(dice: Dice, count: number): Device[] {
  const sites = Array.from(
    { length: field.sites },
    () => new Site(dice, startMs, pastDays + daysMax),
  );
  return boards.flatMap((board) =>
    Array.from({ length: Math.round(board.share * count) }, (_, index) => {
      const serial = `${board.board.slice(0, 2).toUpperCase()}-${String(index).padStart(5, "0")}`;
      const site = sites[Math.floor(dice.next() * sites.length)]!;
      return new Device(serial, board, site, new Dice(Math.floor(dice.next() * 2 ** 32)), startMs);
    }),
  );
}

/** What the agent answers to a check-in: an offer of a running rollout, or an order to go back. */
function serve(device: Device, record: RolloutRecord, nowMs: number): void {
  const { facts } = device;
  if (facts.orderPending === "revert") device.goBack();
  // Without the step's note there is no offer, so only noted devices are asked about.
  if (facts.runningSequence !== oldSequence || record.progress?.[facts.serial] === undefined)
    return;
  const { offer } = nextFor(facts, [record], [release], nowMs);
  if (offer !== null) device.take();
}

function ended(seed: number, record: RolloutRecord, hours: number, checkIns: number): Played {
  const last = record.verdicts.at(-1);
  const worse = (last?.figures?.comparisons ?? []).filter((one) => one.result === "worse");
  const isHalted = record.status === "halted";
  return {
    seed,
    status: record.status,
    wave: record.wave,
    hours,
    metrics: isHalted ? [...new Set(worse.map((one) => one.metric))].sort() : [],
    reason: record.haltReason,
    checkIns,
    holds: record.verdicts.filter(
      (one, at) => one.result === "hold" && at < record.verdicts.length - Number(isHalted),
    ).length,
  };
}
