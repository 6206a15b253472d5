/** Findings that need the vitals of the whole fleet, by day. Pure. */
import type { DeviceRecord } from "../../records.ts";
import { percentile } from "../../vitals/percentiles.ts";
import { spanMs, type VitalsSpan } from "../../vitals/spans.ts";
import type { Thresholds } from "../settings.ts";
import type { Finding } from "../types.ts";
import { nowhere, placesOf } from "./devices.ts";

/** Days of vitals that are read. */
export const lookBackDays = 7;
/** Days that a slope needs, and devices that a cohort needs before anybody is compared with it. */
const slopeDaysMin = 3;
const cohortMin = 8;
/** Devices of a batch, and of the others of its board. */
const batchMin = 5;
/** A rise by more than this is a new cell: the slope begins there. */
const newCellMv = 100;
/** Distance from the median that chance does not give: robust standard deviations. */
const deviationsMin = 4;
/** Standard deviation of normal values ÷ their median absolute deviation. */
const madScale = 1.4826;

export interface FleetVitals {
  device: DeviceRecord;
  /** by day, oldest first */
  spans: VitalsSpan[];
}

/** Batteries that drain faster than those of the same model on the same board: by charge where the board measures it, else
 *  by voltage. */
export function batteryFindings(fleet: readonly FleetVitals[], limits: Thresholds): Finding[] {
  const cohorts = new Map<string, { device: DeviceRecord; drain: number; unit: "µAh" | "mV" }[]>();
  for (const { device, spans } of fleet) {
    const charge = chargeDrainOf(spans);
    const drain = charge ?? voltageDrainOf(spans);
    if (drain === null) continue;
    const unit = charge === null ? "mV" : "µAh";
    const cohort = `${device.birth.model} on ${device.birth.board} ${unit}`;
    cohorts.set(cohort, [...(cohorts.get(cohort) ?? []), { device, drain, unit }]);
  }
  return [...cohorts.values()].flatMap((members) => {
    if (members.length < cohortMin) return [];
    const { median, deviation } = middleOf(members.map(({ drain }) => drain));
    const least = Math.max(
      members[0]!.unit === "mV" ? limits.batteryMvPerDay : 0,
      limits.batteryRatio * Math.max(median, 0),
      median + deviationsMin * deviation,
    );
    return members
      .filter(({ drain }) => drain > least)
      .map(({ device, drain, unit }) => {
        const { serial, birth } = device;
        const like = `${members.length} ${birth.model} on ${birth.board}`;
        return {
          rule: "batterySlope" as const,
          subject: { kind: "device" as const, name: serial },
          text: `${serial} uses ${drain.toFixed(1)} ${unit} a day; the middle one of ${like} uses ${median.toFixed(1)}.`,
          places: placesOf(device),
        };
      });
  });
}

/** µAh a day. The counter begins again at each restart: what it then shows was used since.
 *  @returns null for too few days */
function chargeDrainOf(spans: readonly VitalsSpan[]): number | null {
  const days = spans.filter(({ figures }) => figures.chargeMicroAh !== undefined);
  if (days.length < slopeDaysMin) return null;
  let used = 0;
  for (let at = 1; at < days.length; at++) {
    const before = days[at - 1]!.figures.chargeMicroAh![1];
    const now = days[at]!.figures.chargeMicroAh![1];
    used += now >= before ? now - before : now;
  }
  const passedMs = days.at(-1)!.lastMs - days[0]!.lastMs;
  return passedMs > 0 ? (used * spanMs.day) / passedMs : null;
}

/** mV a day, from the newest cell's days. @returns null for too few days */
function voltageDrainOf(spans: readonly VitalsSpan[]): number | null {
  let points: [day: number, mv: number][] = [];
  for (const span of spans) {
    const figures = span.figures.batteryMv;
    if (!figures || figures[2] <= 0) continue;
    const mv = figures[2] / figures[3];
    const before = points.at(-1);
    if (before && mv - before[1] > newCellMv) points = [];
    // The middle of what was seen of the day: today is not over yet.
    points.push([(span.fromMs + Math.max(span.lastMs, span.fromMs)) / 2 / spanMs.day, mv]);
  }
  if (points.length < slopeDaysMin) return null;
  const meanDay = points.reduce((sum, [day]) => sum + day, 0) / points.length;
  const meanMv = points.reduce((sum, [, mv]) => sum + mv, 0) / points.length;
  let across = 0;
  let along = 0;
  for (const [day, mv] of points) {
    across += (day - meanDay) * (mv - meanMv);
    along += (day - meanDay) ** 2;
  }
  return along > 0 ? -across / along : null;
}

/** Batches that are warmer or colder than the others on the same board, by what their devices measured last. */
export function temperatureFindings(fleet: readonly FleetVitals[], limits: Thresholds): Finding[] {
  const boards = new Map<string, { batch: string; deciC: number }[]>();
  for (const { device, spans } of fleet) {
    const figures = spans.at(-1)?.figures.temperatureDeciC;
    if (!figures) continue;
    const { board, batch } = device.birth;
    boards.set(board, [...(boards.get(board) ?? []), { batch, deciC: figures[2] / figures[3] }]);
  }
  const findings: Finding[] = [];
  for (const [board, all] of boards) {
    for (const batch of new Set(all.map((one) => one.batch))) {
      const own = all.filter((one) => one.batch === batch).map(({ deciC }) => deciC);
      const others = all.filter((one) => one.batch !== batch).map(({ deciC }) => deciC);
      if (own.length < batchMin || others.length < batchMin) continue;
      const here = middleOf(own);
      const there = middleOf(others);
      const error = Math.hypot(
        here.deviation / Math.sqrt(own.length),
        there.deviation / Math.sqrt(others.length),
      );
      const off = here.median - there.median;
      if (Math.abs(off) < Math.max(limits.temperatureDeciC, deviationsMin * error)) continue;
      const degrees = (deciC: number) => (deciC / 10).toFixed(1);
      findings.push({
        rule: "temperature",
        subject: { kind: "batch", name: batch },
        text: `Batch ${batch} (${own.length} ${board}) is ${degrees(Math.abs(off))} °C ${off > 0 ? "warmer" : "colder"} than the others: ${degrees(here.median)} against ${degrees(there.median)}.`,
        places: { ...nowhere, batch },
      });
    }
  }
  return findings;
}

/** Devices that crash again and again. @param todayMs begin of today, UTC */
export function crashFindings(
  fleet: readonly FleetVitals[],
  limits: Thresholds,
  todayMs: number,
): Finding[] {
  return fleet.flatMap(({ device, spans }) => {
    const byDay = new Map<number, number>();
    for (const { fromMs, crashes } of spans) {
      if (fromMs >= todayMs - spanMs.day) byDay.set(fromMs, (byDay.get(fromMs) ?? 0) + crashes);
    }
    const most = Math.max(0, ...byDay.values());
    if (most < limits.crashesPerDay) return [];
    return [
      {
        rule: "errorRate" as const,
        subject: { kind: "device" as const, name: device.serial },
        text: `${device.serial} crashed ${most} times within a day.`,
        places: placesOf(device),
      },
    ];
  });
}

function middleOf(values: readonly number[]): { median: number; deviation: number } {
  const median = percentile(
    [...values].sort((a, b) => a - b),
    0.5,
  );
  const distances = values.map((value) => Math.abs(value - median)).sort((a, b) => a - b);
  return { median, deviation: madScale * percentile(distances, 0.5) };
}
