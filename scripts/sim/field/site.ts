import type { Dice } from "./dice.ts";
import { field } from "./model.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** Weather and network of one place, planned ahead for the whole run. */
export class Site {
  readonly #days: number[] = [];
  readonly #outages: [fromMs: number, toMs: number][] = [];
  readonly #startMs: number;

  constructor(dice: Dice, startMs: number, days: number, perDay = field.outage.perDay) {
    this.#startMs = startMs;
    for (let day = 0; day <= days + 1; day++) this.#days.push(dice.normal() * field.weatherK);
    const { hours, spread } = field.outage;
    let atMs = startMs;
    for (;;) {
      atMs += dice.exponential(dayMs / perDay);
      if (atMs > startMs + days * dayMs) return;
      const endMs = atMs + hours * Math.exp(spread * dice.normal()) * hourMs;
      this.#outages.push([atMs, endMs]);
      atMs = endMs;
    }
  }

  isDown(atMs: number): boolean {
    return this.#outages.some(([fromMs, toMs]) => atMs >= fromMs && atMs < toMs);
  }

  /** Temperature about its long mean, kelvin: warmest at three in the afternoon, weather blending from day to day. */
  temperatureK(atMs: number, swingK: number): number {
    const days = (atMs - this.#startMs) / dayMs;
    const day = Math.floor(days);
    const part = days - day;
    const weather = this.#days[day]! * (1 - part) + this.#days[day + 1]! * part;
    return weather + (swingK / 2) * Math.cos(2 * Math.PI * (days - 15 / 24));
  }
}
