/** What feeds a device: a cell that drains with time, or the mains. */
import { voltageOn } from "../sim/field/model.ts";
import type { Nature } from "./nature.ts";
import { dayMs } from "./times.ts";

/** Below this share a cell gives no start any more. */
const emptyShare = 0.03;

export class Cell {
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
    this.#leftMicroAh = Math.max(0, this.#leftMicroAh - microAh);
  }

  change(nowMs: number): void {
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
      Math.round(voltageOn(battery.curve, left) + battery.mvPerKelvin * kelvin + noise),
    );
  }
}
