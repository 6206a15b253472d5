/** What feeds a device: a cell that drains with time, or the mains. */
import type { Nature } from "./nature.ts";
import { dayMs } from "./times.ts";

/** Below this share a cell gives no start any more. */
const emptyShare = 0.03;

export class Cell {
  /** micro-ampere-hours drawn for the device's whole time */
  usedMicroAh = 0;
  changes = 0;
  #leftMicroAh: number;
  #usedToMs: number;
  readonly #nature: Nature;

  constructor(nature: Nature, nowMs: number) {
    this.#nature = nature;
    this.#leftMicroAh = nature.leftMicroAh;
    this.#usedToMs = nowMs;
  }

  get isEmpty(): boolean {
    const { battery } = this.#nature;
    return battery !== null && this.#leftMicroAh < emptyShare * battery.capacityMicroAh;
  }

  /** Draws what the time since the last use took. */
  use(nowMs: number, factor: number): void {
    const days = (nowMs - this.#usedToMs) / dayMs;
    this.#usedToMs = nowMs;
    if (days > 0) this.draw(this.#nature.microA * factor * 24 * days);
  }

  draw(microAh: number): void {
    if (this.#nature.battery === null) return;
    this.usedMicroAh += microAh;
    this.#leftMicroAh = Math.max(0, this.#leftMicroAh - microAh);
  }

  change(nowMs: number): void {
    this.changes++;
    this.#usedToMs = nowMs;
    this.#leftMicroAh = this.#nature.battery?.capacityMicroAh ?? 0;
  }

  /** What the device's own converter reads, 0 on the mains. */
  millivolts(nowMs: number): number {
    const { battery, site, swingK, dice } = this.#nature;
    if (battery === null) return 5000;
    const left = this.#leftMicroAh / battery.capacityMicroAh;
    const kelvin = site.temperatureK(nowMs, swingK);
    const noise = battery.noiseMv * dice.normal();
    return Math.max(
      1,
      Math.round(onCurve(battery.curve, left) + battery.mvPerKelvin * kelvin + noise),
    );
  }
}

function onCurve(curve: readonly (readonly [left: number, mv: number])[], left: number): number {
  for (let at = 1; at < curve.length; at++) {
    const [upper, upperMv] = curve[at - 1]!;
    const [lower, lowerMv] = curve[at]!;
    if (left >= lower) return lowerMv + ((upperMv - lowerMv) * (left - lower)) / (upper - lower);
  }
  return curve[curve.length - 1]![1];
}
