import type { DeviceFacts } from "../../../cloud-agent/core/rollout/types.ts";
import type { VitalsSummary } from "../../../cloud-agent/core/rollout/verdict/summary.ts";
import { emptySummary } from "../../../cloud-agent/core/rollout/verdict/summary.ts";
import { Code } from "../../../firmware/protocol/errors.ts";
import { Lifecycle, SlotState } from "../../../firmware/protocol/messages.ts";
import type { Dice } from "../../sim/field/dice.ts";
import { type BoardModel, type Defect, field, voltageOn } from "../../sim/field/model.ts";
import type { Site } from "../../sim/field/site.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
export const oldSequence = 6;
export const newSequence = 7;
export const newDigest = "77".repeat(32);

/** One device: its nature, and its state between check-ins. */
export class Device {
  readonly facts: DeviceFacts;
  readonly summary: VitalsSummary = emptySummary();
  nextMs: number;
  readonly #board: BoardModel;
  readonly #site: Site;
  readonly #dice: Dice;
  readonly #pauseMs: number;
  readonly #microA: number;
  readonly #swingK: number;
  readonly #memoryLevel: number;
  readonly #memoryTrend: number;
  readonly #crashesPerDay: number;
  readonly #loss: number;
  readonly #vanishMs: number;
  #leftMicroAh: number;
  #bootMs: number;
  #lastMs: number;
  #ok = 0;
  #failed = 0;
  #reason = 1;
  #lostMs = Number.POSITIVE_INFINITY;
  /** what an installation makes of it at its next contact */
  #becomes: "trial" | "reverted" | null = null;

  constructor(serial: string, board: BoardModel, site: Site, dice: Dice, startMs: number) {
    this.#board = board;
    this.#site = site;
    this.#dice = dice;
    const isSleeper = dice.isHit(field.sleepers);
    this.#pauseMs = isSleeper ? dice.between(field.sleepHours) * hourMs : field.checkInMs;
    this.#microA = (board.battery?.meanMicroA ?? 0) * Math.exp(field.drainSpread * dice.normal());
    this.#leftMicroAh = (board.battery?.capacityMicroAh ?? 0) * dice.between([0.15, 1]);
    this.#swingK = dice.between(field.swingK);
    const { memory, crashes, loss } = field;
    this.#memoryLevel = memory.level + memory.spread * dice.normal();
    this.#memoryTrend = memory.trend * dice.normal();
    this.#crashesPerDay = dice.isHit(crashes.flakyShare) ? crashes.flaky : crashes.usual;
    this.#loss = dice.isHit(loss.poorShare) ? dice.between(loss.poor) : loss.usual;
    this.#vanishMs = startMs + dice.exponential(dayMs / field.vanish);
    // Up for a while already, a week on average; a dormant one wakes in a fortnight, if it does.
    this.#bootMs = startMs - dice.exponential(7 * dayMs);
    this.#lastMs = startMs;
    const isDormant = dice.isHit(field.dormant);
    this.nextMs =
      startMs + (isDormant ? dice.exponential(14 * dayMs) : dice.next() * this.#pauseMs);
    this.facts = factsOf(
      serial,
      board.board,
      this.#pauseMs,
      isDormant ? startMs - 9 * dayMs : null,
    );
  }

  /** Lives up to its next check-in. The release's own defect works on confirmed devices and on trial alike.
   *  @returns the values it reports, null when nothing arrived */
  live(defect: Defect): Record<string, number[]> | null {
    const atMs = this.nextMs;
    const dice = this.#dice;
    const isNew = this.facts.runningSequence === newSequence;
    const days = (atMs - this.#lastMs) / dayMs;
    this.#drain(days, isNew ? (defect.drainFactor ?? 1) : 1);
    const crashes = this.#crashesPerDay + (isNew ? (defect.crashesPerDay ?? 0) : 0);
    if (dice.isHit(1 - Math.exp(-crashes * days))) this.#restart(this.#lastMs, atMs, 5);
    else if (dice.isHit(field.powerCycles * days)) this.#restart(this.#lastMs, atMs, 1);
    this.#lastMs = atMs;
    this.nextMs = atMs + this.#pauseMs * (1 + field.jitter * (2 * dice.next() - 1));
    const loss = this.#loss + (isNew ? (defect.lossMore ?? 0) : 0);
    if (atMs >= this.#vanishMs || atMs >= this.#lostMs) {
      this.#failed++;
      return null;
    }
    if (this.#site.isDown(atMs) || dice.isHit(loss)) {
      this.#failed++;
      return null;
    }
    this.#ok++;
    this.#install(atMs, defect);
    this.facts.lastSeenMs = atMs;
    return this.#values(atMs, defect);
  }

  /** Takes an offer: the image is there before the next check-in, which comes soon after the restart. */
  take(): void {
    this.#becomes ??= this.#dice.isHit(field.unlucky) ? "reverted" : "trial";
    this.nextMs = Math.min(this.nextMs, this.#lastMs + this.#dice.between([0.3, 0.9]) * hourMs);
  }

  /** Goes back to the other slot, as ordered. */
  goBack(): void {
    this.facts.orderPending = null;
    this.#revert(Code.RevertOrdered);
  }

  #install(atMs: number, defect: Defect): void {
    const { facts } = this;
    if (this.#becomes === "reverted") this.#revert(Code.TrialCrashed);
    else if (this.#becomes === "trial") {
      facts.otherSequence = facts.runningSequence;
      facts.otherValid = true;
      facts.runningSequence = newSequence;
      facts.runningDigest = newDigest.slice(0, 16);
      facts.slotState = SlotState.Trial;
      this.#restart(atMs - 60_000, atMs, 7);
      const isHit = defect.lostBoard === facts.board && this.#dice.isHit(defect.lostShare ?? 1);
      if (isHit) this.#lostMs = atMs + this.#dice.exponential(defect.lostAfterHours! * hourMs);
    } else if (facts.slotState === SlotState.Trial) facts.slotState = SlotState.Confirmed;
    this.#becomes = null;
  }

  #revert(code: number): void {
    const { facts } = this;
    facts.runningSequence = oldSequence;
    facts.runningDigest = "66".repeat(8);
    facts.slotState = SlotState.Confirmed;
    facts.otherValid = false;
    facts.lastFailed = { sequence: newSequence, digest: newDigest.slice(0, 16), code, text: "" };
  }

  #restart(fromMs: number, toMs: number, reason: number): void {
    this.#bootMs = fromMs + this.#dice.next() * (toMs - fromMs);
    this.#reason = reason;
    this.#ok = 0;
    this.#failed = 0;
  }

  #drain(days: number, factor: number): void {
    const { battery } = this.#board;
    if (battery === null) return;
    this.#leftMicroAh = Math.max(0, this.#leftMicroAh - this.#microA * factor * 24 * days);
    const isEmpty = this.#leftMicroAh < 0.03 * battery.capacityMicroAh;
    if (isEmpty || this.#dice.isHit(battery.changed * days)) {
      this.#leftMicroAh = battery.capacityMicroAh;
    }
  }

  #values(atMs: number, defect: Defect): Record<string, number[]> {
    const dice = this.#dice;
    const upS = Math.max(0, Math.round((atMs - this.#bootMs) / 1000));
    const kelvin = this.#site.temperatureK(atMs, this.#swingK);
    const isNew = this.facts.runningSequence === newSequence;
    const upDays = upS / 86_400;
    const leak = isNew ? (defect.leakPerHour ?? 0) * 24 : 0;
    const memory = this.#memoryLevel + (this.#memoryTrend + leak) * Math.min(upDays, 7);
    const used = Math.min(
      999,
      Math.max(1, Math.round(memory + field.memory.noise * dice.normal())),
    );
    const values: Record<string, number[]> = {
      memoryUsedPermille: [used, used, used],
      uptimeS: [upS],
      crashFreeS: [upS],
      checkInsOk: [this.#ok],
      checkInsFailed: [this.#failed],
      resetReason: [this.#reason],
    };
    const { battery } = this.#board;
    if (battery !== null) {
      const rest = voltageOn(battery.curve, this.#leftMicroAh / battery.capacityMicroAh);
      const read = rest + battery.mvPerKelvin * kelvin + battery.noiseMv * dice.normal();
      const mv = Math.max(1, Math.round(read));
      values.batteryMv = [mv, mv, mv];
    }
    return values;
  }
}

function factsOf(
  serial: string,
  board: string,
  pauseMs: number,
  lastSeenMs: number | null,
): DeviceFacts {
  return {
    serial,
    model: "sensor-1",
    board,
    classId: `class-${board}`,
    lifecycle: Lifecycle.Operating,
    group: null,
    tags: [],
    runningSequence: oldSequence,
    runningDigest: "66".repeat(8),
    slotState: SlotState.Confirmed,
    floor: 1,
    otherSequence: 0,
    otherValid: false,
    lastSeenMs,
    nextCheckInS: Math.round(pauseMs / 1000),
    lastFailed: null,
    refused: null,
    download: null,
    maintenance: false,
    orderPending: null,
  };
}
