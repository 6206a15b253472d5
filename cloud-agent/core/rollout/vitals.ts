import {
  pastSamplesFactor,
  rangeDevicesMin,
  rankSumDevicesMin,
  slopeSamplesLeast,
  vitalsDevicesPerBoardMax,
  vitalsEvidence,
  vitalsLookBackMsMin,
} from "./limits.ts";
import { leastSquares, median, rankSumP } from "./stats.ts";
import type { DeviceFacts, RolloutRecord, VitalsSample } from "./types.ts";

/** Energy per day, as a multiple of what the board's old release uses. */
interface Rated {
  ratio: number;
  error: number;
}
interface Drain {
  perDay: number;
  error: number;
}
type Vitals = Record<string, VitalsSample[]>;
type Metric = "chargeMicroAh" | "batteryMv";
type Baseline = "heldBack" | "notUpdated" | "ownPast";

export interface VitalsJudgement {
  isWorse: boolean;
  /** clause with figures, null when nothing could be measured */
  words: string | null;
  /** boards that have a battery but too few samples to judge: the wave holds until they have */
  waitingFor: string[];
}

interface BoardComparison {
  board: string;
  fresh: Rated[];
  base: Rated[];
  baseline: Baseline;
}

/** Names the devices and the span whose vitals the next step wants to see. Pure.
 *  @returns no serials when there is nothing to judge */
export function vitalsWanted(
  record: RolloutRecord,
  devices: DeviceFacts[],
): { serials: string[]; sinceMs: number } {
  const soakMs = record.policy.waves[record.wave]?.soakMs ?? 0;
  const sinceMs = record.waveStartedMs - Math.max(soakMs, vitalsLookBackMsMin);
  const progress = record.progress ?? {};
  if (record.status !== "running" || Object.keys(progress).length === 0) {
    return { serials: [], sinceMs };
  }
  const counts = new Map<string, number>();
  const held = new Set(record.holdBack);
  const serials: string[] = [];
  const take = (device: DeviceFacts, side: string) => {
    const key = `${side} ${device.board}`;
    const count = counts.get(key) ?? 0;
    if (count >= vitalsDevicesPerBoardMax) return;
    counts.set(key, count + 1);
    serials.push(device.serial);
  };
  for (const device of devices) {
    if (record.assigned[device.serial] === undefined) continue;
    if (device.runningSequence === record.policy.sequence) take(device, "fresh");
    else take(device, held.has(device.serial) ? "held" : "old");
  }
  return { serials, sinceMs };
}

/** Compares the drain of updated devices with that of devices on the old release over the same time. Pure.
 *  Per device: least-squares slope over charge (where the board measures it) or battery voltage since the wave began.
 *  Per board: ratio to the median slope of the held-back devices; else of those not updated yet; else of the same
 *  devices before the update. Worse means: the median ratio lies above the threshold AND the difference is not
 *  noise, that is with five and more devices on both sides a one-sided rank-sum test gives p < 0.01; with fewer, the
 *  median stands out by three standard errors and lies above every one of three or more compared devices. Before the
 *  soak is over: p < 0.001, or six. Judged for each board and for all together;
 *  devices without a battery have no samples and are left out.
 *  @param updated devices whose check-ins confirmed the release */
export function judgeVitals(
  record: RolloutRecord,
  vitals: Vitals,
  updated: DeviceFacts[],
  others: DeviceFacts[],
  nowMs: number,
): VitalsJudgement {
  const byBoard = groupByBoard(updated);
  const othersByBoard = groupByBoard(others);
  const comparisons: BoardComparison[] = [];
  const waitingFor: string[] = [];
  const soakMs = record.policy.waves[record.wave]!.soakMs;
  const isSoaked = record.soakStartedMs !== null && nowMs - record.soakStartedMs >= soakMs;
  for (const [board, devices] of byBoard) {
    const old = othersByBoard.get(board) ?? [];
    const result = compareBoard(record, vitals, board, devices, old, isSoaked);
    if (result === "waiting") waitingFor.push(board);
    else if (result !== null) comparisons.push(result);
  }
  if (comparisons.length === 0) return { isWorse: false, words: null, waitingFor };
  const evidence = isSoaked ? vitalsEvidence.atGate : vitalsEvidence.early;
  const limit = record.policy.thresholds.batterySlopeRatio;
  // The past was another time: an outage or a cold night falls on one side only. It counts once a soak has spread it out.
  const judged = comparisons.filter((one) => isSoaked || one.baseline !== "ownPast");
  const fresh = judged.flatMap((one) => one.fresh);
  const base = judged.flatMap((one) => one.base);
  const worse = judged.filter((one) => isWorse(one.fresh, one.base, limit, evidence));
  const allWorse = isWorse(fresh, base, limit, evidence);
  return {
    isWorse: allWorse || worse.length > 0,
    words: judgementWords(record, comparisons, worse),
    waitingFor,
  };
}

function compareBoard(
  record: RolloutRecord,
  vitals: Vitals,
  board: string,
  updated: DeviceFacts[],
  others: DeviceFacts[],
  isSoaked: boolean,
): BoardComparison | "waiting" | null {
  const { sequence } = record.policy;
  const sinceMs = record.waveStartedMs;
  const isFresh = (sample: VitalsSample) => sample.sequence === sequence && sample.atMs >= sinceMs;
  const isOld = (sample: VitalsSample) => sample.sequence !== sequence && sample.atMs >= sinceMs;
  const metric = metricOf(vitals, [...updated, ...others]);
  if (metric === null) return null;
  const samplesMin = Math.max(slopeSamplesLeast, record.policy.thresholds.slopeSamplesMin);
  const drains = (devices: DeviceFacts[], keep: (sample: VitalsSample) => boolean) =>
    devices
      .map((device) => drainOf((vitals[device.serial] ?? []).filter(keep), metric, samplesMin))
      .filter((drain) => drain !== null);
  const fresh = drains(updated, isFresh);
  const held = new Set(record.holdBack);
  const sides: [Baseline, () => Drain[]][] = [
    [
      "heldBack",
      () =>
        drains(
          others.filter((device) => held.has(device.serial)),
          isOld,
        ),
    ],
    ["notUpdated", () => drains(others, isOld)],
    ["ownPast", () => pastDrains(updated, vitals, sequence, sinceMs, metric, samplesMin)],
  ];
  // Someone on the old release reports this metric but too seldom so far. That comparison is waited for: the devices'
  // own past was another time, and could call a good release bad. So is the one with the held-back devices, which stay
  // as they are, but only as long as the soak lasts.
  const reports = (device: DeviceFacts) => (vitals[device.serial] ?? []).some(isOld);
  const canCome = others.some(reports);
  const heldCanCome = others.some((device) => held.has(device.serial) && reports(device));
  for (const [baseline, read] of sides) {
    if (baseline === "notUpdated" && heldCanCome && !isSoaked) return "waiting";
    if (baseline === "ownPast" && canCome) return "waiting";
    const base = read();
    if (base.length === 0) continue;
    if (fresh.length === 0) return "waiting";
    // A drain below its own noise cannot be divided by; the noise then stands for it.
    const noise = median(base.map((drain) => drain.error));
    const unit = Math.max(median(base.map((drain) => drain.perDay)), noise, 1e-6);
    const rate = (drain: Drain) => ({
      ratio: Math.max(0, drain.perDay) / unit,
      error: drain.error / unit,
    });
    return { board, fresh: fresh.map(rate), base: base.map(rate), baseline };
  }
  return null;
}

/** What the same devices used before: a few times as many samples as each has since, so that one late message does not
 *  bend the line, and a long time on a shelf, the app not yet running, does not count. */
function pastDrains(
  devices: DeviceFacts[],
  vitals: Vitals,
  sequence: number,
  sinceMs: number,
  metric: Metric,
  samplesMin: number,
): Drain[] {
  return devices
    .map((device) => {
      const samples = vitals[device.serial] ?? [];
      const freshCount = samples.filter(
        (sample) => sample.sequence === sequence && sample.atMs >= sinceMs,
      ).length;
      const past = samples.filter((sample) => sample.sequence !== sequence);
      return drainOf(
        past.slice(-pastSamplesFactor * Math.max(samplesMin, freshCount)),
        metric,
        samplesMin,
      );
    })
    .filter((drain) => drain !== null);
}

function isWorse(
  fresh: Rated[],
  base: Rated[],
  limit: number,
  evidence: { p: number; errors: number },
): boolean {
  const ratios = fresh.map((rated) => rated.ratio);
  const baseRatios = base.map((rated) => rated.ratio);
  const middle = median(ratios);
  if (!(middle > limit)) return false;
  if (fresh.length >= rankSumDevicesMin && base.length >= rankSumDevicesMin) {
    return rankSumP(ratios, baseRatios) < evidence.p;
  }
  const error = Math.hypot(
    median(fresh.map((rated) => rated.error)),
    median(base.map((rated) => rated.error)),
  );
  if (middle - median(baseRatios) <= evidence.errors * error) return false;
  return base.length < rangeDevicesMin || middle > Math.max(...baseRatios);
}

/** Charge where any device of the board measures it, else voltage, null for a board without a battery. */
function metricOf(vitals: Vitals, devices: DeviceFacts[]): Metric | null {
  let found: Metric | null = null;
  for (const device of devices) {
    const sample = vitals[device.serial]?.at(-1);
    if (sample?.values.chargeMicroAh !== undefined) return "chargeMicroAh";
    if ((sample?.values.batteryMv?.at(-1) ?? 0) > 0) found = "batteryMv";
  }
  return found;
}

/** Energy used per day. Charge counts up and begins again at a restart, so falls are taken out; voltage falls. */
function drainOf(samples: VitalsSample[], metric: Metric, samplesMin: number): Drain | null {
  const points: [number, number][] = [];
  let carried = 0;
  let previous = 0;
  for (const sample of samples) {
    const value = sample.values[metric]?.at(-1);
    if (value === undefined) continue;
    if (metric === "batteryMv" && value <= 0) continue;
    if (metric === "chargeMicroAh" && value < previous) carried += previous;
    previous = value;
    points.push([sample.atMs / 86_400_000, metric === "batteryMv" ? -value : carried + value]);
  }
  if (points.length < samplesMin) return null;
  const line = leastSquares(points);
  return line === null ? null : { perDay: line.slope, error: line.error };
}

function judgementWords(
  record: RolloutRecord,
  comparisons: BoardComparison[],
  worse: BoardComparison[],
): string {
  const fresh = comparisons.flatMap((one) => one.fresh);
  const baseCount = comparisons.reduce((sum, one) => sum + one.base.length, 0);
  const baselines = new Set(comparisons.map((one) => one.baseline));
  const only = baselines.size === 1 ? [...baselines][0] : null;
  const noun = record.wave === 0 ? "confirmed canar" : "confirmed device";
  const ending = record.wave === 0 ? ["y", "ies"] : ["", "s"];
  const who = `the ${fresh.length} ${noun}${fresh.length === 1 ? ending[0] : ending[1]}`;
  const versus =
    only === "heldBack"
      ? `that of the ${baseCount} held back`
      : only === "ownPast"
        ? "that before the update"
        : `that of ${baseCount} on the old release`;
  const text = `battery slope of ${who} is ${times(fresh)} times ${versus}`;
  if (comparisons.length < 2 || worse.length === 0) return text;
  const boards = worse.map((one) => `${one.board} ${times(one.fresh)} times`);
  return `${text} (${boards.join(", ")})`;
}

function times(rated: Rated[]): string {
  const ratio = median(rated.map((one) => one.ratio));
  return ratio > 99 ? "more than 99" : ratio.toFixed(1);
}

function groupByBoard(devices: DeviceFacts[]): Map<string, DeviceFacts[]> {
  const groups = new Map<string, DeviceFacts[]>();
  for (const device of devices) {
    const group = groups.get(device.board);
    if (group === undefined) groups.set(device.board, [device]);
    else group.push(device);
  }
  return groups;
}
