import type { DeviceRecord } from "../../cloud-agent/core/records.ts";
import { SlotState } from "../../firmware/protocol/messages.ts";
import { hourMs } from "./times.ts";

/** The fleet hour by hour, as the agent knows it. */
export interface Series {
  hours: number[];
  old: number[];
  trial: number[];
  updated: number[];
  recovery: number[];
  /** bytes of that hour, both ways */
  bytes: number[];
}

export class Recorder {
  nextMs: number;
  bytes = 0;
  readonly series: Series = {
    hours: [],
    old: [],
    trial: [],
    updated: [],
    recovery: [],
    bytes: [],
  };
  readonly #startMs: number;
  readonly #sequence: number;
  #bytesBefore = 0;

  constructor(startMs: number, sequence: number) {
    this.#startMs = startMs;
    this.#sequence = sequence;
    this.nextMs = startMs + hourMs;
  }

  noteBytes(bytes: number): void {
    this.bytes += bytes;
  }

  sample(devices: Iterable<DeviceRecord>): void {
    const counts = { old: 0, trial: 0, updated: 0, recovery: 0 };
    for (const { slotState, runningSequence } of devices) {
      if (slotState === SlotState.Recovery) counts.recovery++;
      else if (slotState === SlotState.Trial) counts.trial++;
      else if (runningSequence === this.#sequence) counts.updated++;
      else counts.old++;
    }
    const { series } = this;
    series.hours.push((this.nextMs - this.#startMs) / hourMs);
    for (const name of ["old", "trial", "updated", "recovery"] as const) {
      series[name].push(counts[name]);
    }
    series.bytes.push(this.bytes - this.#bytesBefore);
    this.#bytesBefore = this.bytes;
    this.nextMs += hourMs;
  }
}

/** Adds up the series of the fleet's parts. */
export function together(all: Series[]): Series {
  const [first, ...others] = all;
  const sum = structuredClone(first!);
  for (const other of others) {
    for (const name of ["old", "trial", "updated", "recovery", "bytes"] as const) {
      for (const [at, value] of other[name].entries()) sum[name][at] = sum[name][at]! + value;
    }
  }
  return sum;
}
