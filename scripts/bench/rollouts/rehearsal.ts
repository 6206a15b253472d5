/** The bench's last figure: ten thousand devices for a week, rehearsed. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { usualFaults } from "../../rehearse/faults.ts";
import { rehearse } from "../../rehearse/play.ts";
import { readReleaseFile } from "../../rehearse/releaseFile.ts";
import { strandedText } from "../../rehearse/report.ts";
import { signSamples } from "../../rehearse/sample.ts";

export const rehearsalName = "rehearsal";
export const rehearsalSecondsMax = 60;
const devices = 10_000;
const days = 7;
/** What an image of the smallest board may have; patches are made of it. */
const imageBytes = 5_300;

export interface RehearsalRow {
  name: typeof rehearsalName;
  devices: number;
  days: number;
  status: string;
  updated: number;
  checkIns: number;
  eventsPerS: number;
  stranded: string;
  seconds: number;
  secondsMax: number;
  holds: boolean;
}

export async function rehearseForBench(): Promise<RehearsalRow> {
  const dir = mkdtempSync(join(tmpdir(), "bench-rehearsal-"));
  try {
    const [from, release] = signSamples(dir, imageOf);
    const report = await rehearse({
      ...{ release: readReleaseFile(release), from: readReleaseFile(from), policy },
      ...{ devices, days, pastDays: 1, checkInS: 3600, seed: 1, faults: usualFaults, planted: {} },
    });
    const { status, updated, checkIns, eventsPerS, stranded, seconds } = report;
    return {
      ...{ name: rehearsalName, devices, days, status, updated, checkIns, eventsPerS },
      stranded: strandedText(stranded),
      seconds: Math.round(seconds * 10) / 10,
      secondsMax: rehearsalSecondsMax,
      holds: seconds < rehearsalSecondsMax,
    };
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const policy = {
  name: "bench",
  sequence: 3,
  target: { models: ["rehearsed"] },
  waves: [
    { name: "canary", size: { count: 100 }, soakMs: 48 * 3_600_000, confirmShare: 0.9 },
    { name: "quarter", size: { percent: 25 }, soakMs: 24 * 3_600_000, confirmShare: 0.9 },
    { name: "all", size: { percent: 100 }, soakMs: 24 * 3_600_000, confirmShare: 0.9 },
  ],
  thresholds: { failed: 0.05, reverted: 0.05, rejected: 0.05, timedOut: 0.05 },
  author: "bench",
};

function imageOf(sequence: number): string {
  let text = "";
  for (let line = 0; text.length < imageBytes; line++) {
    text += line === 60 ? `version${sequence};\n` : `var value${line} = read(${line * 7});\n`;
  }
  return text;
}

/** The figure as a line below the table. */
export function rehearsalText(row: RehearsalRow): string {
  const { seconds, secondsMax, checkIns, eventsPerS, status, updated, stranded } = row;
  const bar = `bar ${secondsMax} s ${row.holds ? "holds" : "is missed"}`;
  return (
    `rehearsal of ${devices} devices and ${days} days: ${seconds} s (${bar}), ${checkIns} check-ins, ` +
    `${eventsPerS} events/s; ${status}, ${updated} updated, stranded: ${stranded}`
  );
}
