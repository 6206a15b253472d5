/** What the field made of one device: its place, its supply, its luck. Drawn once, from the seed. */

import type { Board } from "../../boards/index.ts";
import type { Dice } from "../sim/field/dice.ts";
import { type BatteryModel, field, boards as fieldBoards } from "../sim/field/model.ts";
import type { Site } from "../sim/field/site.ts";
import type { Faults, Planted } from "./faults.ts";
import { dayMs } from "./times.ts";

export interface Nature {
  dice: Dice;
  site: Site;
  battery: BatteryModel | null;
  leftMicroAh: number;
  microA: number;
  swingK: number;
  memoryLevel: number;
  memoryTrend: number;
  crashesPerDay: number;
  /** share of messages lost each way */
  loss: number;
  /** device's seconds per true second */
  clockRate: number;
  /** from start to a link */
  joinMs: number;
  latencyMs: number;
  checkInS: number;
  isSleeper: boolean;
  /** begins to live then, ms after the begin */
  wakesAfterMs: number;
  vanishesAfterMs: number;
  planted: Planted;
  newSequence: number;
}

/** Small boards of the field's model stand for all that run from a coin cell, its ESP32 for all with Wi-Fi and a cell. */
export function batteryOf(board: Board): BatteryModel | null {
  if (board.measure.batteryMv === undefined) return null;
  const id = board.radio.kind === "wifi" ? "esp32" : "puckjs";
  return fieldBoards.find((one) => one.board === id)!.battery;
}

export function natureOf(
  dice: Dice,
  board: Board,
  site: Site,
  plan: { faults: Faults; planted: Planted; newSequence: number; checkInS: number },
): Nature {
  const { faults, planted, newSequence } = plan;
  const { memory, crashes } = field;
  const battery = batteryOf(board);
  const isSleeper = dice.isHit(faults.sleepers);
  const isAway = dice.isHit(faults.away);
  const isWeak = dice.isHit(faults.weak);
  const isWifi = board.radio.kind === "wifi";
  return {
    dice,
    site,
    battery,
    leftMicroAh: (battery?.capacityMicroAh ?? 0) * dice.between(isWeak ? [0.03, 0.08] : [0.15, 1]),
    microA: (battery?.meanMicroA ?? 0) * Math.exp(field.drainSpread * dice.normal()),
    swingK: dice.between(field.swingK),
    memoryLevel: memory.level + memory.spread * dice.normal(),
    memoryTrend: memory.trend * dice.normal(),
    crashesPerDay: dice.isHit(crashes.flakyShare) ? crashes.flaky : crashes.usual,
    loss: dice.isHit(faults.poorShare) ? dice.between(field.loss.poor) : faults.loss,
    clockRate: 1 + (faults.driftPpm * (2 * dice.next() - 1)) / 1e6,
    joinMs: isWifi ? 2_000 + 3_000 * dice.next() : 200 + 800 * dice.next(),
    latencyMs: isWifi ? 60 : 150,
    checkInS: isSleeper ? Math.round(dice.between(field.sleepHours) * 3600) : plan.checkInS,
    isSleeper,
    wakesAfterMs: isAway ? dice.exponential(14 * dayMs) : dice.next() * plan.checkInS * 1000,
    vanishesAfterMs: faults.vanish > 0 ? dice.exponential(dayMs / faults.vanish) : Infinity,
    planted,
    newSequence,
  };
}
