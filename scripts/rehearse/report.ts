/** What a rehearsal found: how long it takes, what it costs, who is left behind. */
import { type Board, boards } from "../../boards/index.ts";
import type { RolloutRecord } from "../../cloud-agent/core/rollout/types.ts";
import { SlotState } from "../../firmware/protocol/messages.ts";
import { plantedText } from "./faults.ts";
import { batteryOf } from "./nature.ts";
import type { Rehearsal } from "./plan.ts";
import { type Series, together } from "./recorder.ts";
import type { Fate } from "./shard.ts";
import { hourMs, startMs } from "./times.ts";
import type { End } from "./worker.ts";

/** Current of a board that is awake for an update, milliampere. nRF52832 PS v1.4 §19: CPU 3.7 mA and radio 5.4 mA in turn;
 *  ESP32 data sheet v4 table 8: 95 to 100 mA while receiving. */
const awakeMilliA = { ble: 6, wifi: 100, none: 0 } as const;

export interface Stranded {
  serial: string;
  board: string;
  why: "inRecovery" | "onTrial" | "lostNetwork" | "emptyCell";
}

export interface Report {
  /** the first five are what the agent reads of it (cloud-agent/core/reports.ts) */
  kind: "rehearsal";
  sequence: number;
  /** hex SHA-256 of the payloads */
  images: string[];
  /** the rollout did not halt, and nobody is stranded; a planted defect's report never passes */
  passed: boolean;
  summary: string;
  release: { file: string; digest: string; sequence: number; version: string };
  from: { sequence: number; isGiven: boolean };
  policy: { name: string };
  devices: number;
  days: number;
  seed: number;
  faults: Rehearsal["faults"];
  planted: Rehearsal["planted"];
  status: RolloutRecord["status"];
  /** why it halted, or what the last verdict says */
  reason: string;
  /** from start to end of the rollout; null while it runs */
  hours: number | null;
  /** what was decided, in order; hours from the rollout's start */
  timeline: { hours: number; kind: string; text: string }[];
  updated: number;
  halts: number;
  reverts: number;
  refusals: number;
  /** offers that devices put off */
  deferred: number;
  /** neither on a confirmed image nor within reach, without the field being to blame */
  stranded: Stranded[];
  /** lost to the field: they would be so without the rollout */
  lostToField: { vanished: number; emptyCells: number; asleep: number };
  bytes: { up: number; down: number; perDeviceAndDay: number };
  energy: {
    board: string;
    devices: number;
    /** median over devices that updated */
    updateMicroAh: number;
    /** share of a full cell; null on the mains */
    shareOfCell: number | null;
  }[];
  checkIns: number;
  events: number;
  seconds: number;
  eventsPerS: number;
  series: Series;
}

interface Found {
  plan: Rehearsal;
  rollout: RolloutRecord;
  ends: End[];
}

export function reportOf({ plan, rollout, ends }: Found): Omit<Report, "seconds" | "eventsPerS"> {
  const fates = ends.flatMap((end) => end.fates);
  const begunMs = rollout.startedMs ?? startMs;
  const { release, from } = plan;
  const { sequence } = release.record;
  const counts = (kind: string) => sum(ends.map((end) => end.eventCounts[kind] ?? 0));
  const up = sum(fates.map((fate) => fate.bytesUp));
  const down = sum(fates.map((fate) => fate.bytesDown));
  // What concerns no single device is told to the first part; poison to all, and once is enough.
  const { timeline } = ends[0]!;
  const where = whereabouts(plan, fates);
  const isPlanted = Object.keys(plan.planted).length > 0;
  const updated = fates.filter((fate) => fate.sequence === sequence && isConfirmed(fate)).length;
  return {
    kind: "rehearsal",
    sequence,
    images: release.images.map(({ record }) => record.digest),
    passed: rollout.status !== "halted" && where.stranded.length === 0 && !isPlanted,
    summary:
      `${rollout.status} after ${plan.days} days with ${updated} of ${fates.length} devices updated, ` +
      `${where.stranded.length} stranded; policy "${rollout.policy.name}", seed ${plan.seed}, planted ${plantedText(plan.planted)}`,
    release: {
      ...{ file: release.path, digest: release.digest, sequence },
      version: release.record.version,
    },
    from: { sequence: from?.record.sequence ?? sequence - 1, isGiven: from !== undefined },
    policy: { name: rollout.policy.name },
    devices: fates.length,
    days: plan.days,
    seed: plan.seed,
    faults: plan.faults,
    planted: plan.planted,
    status: rollout.status,
    reason: rollout.haltReason ?? rollout.verdicts.at(-1)?.reason ?? "no wave has ended",
    hours: rollout.endedMs === null ? null : (rollout.endedMs - begunMs) / hourMs,
    timeline: timeline.map(({ atMs, kind, text }) => ({
      ...{ hours: Math.round((atMs - begunMs) / 36_000) / 100, kind, text },
    })),
    updated,
    halts: counts("rolloutHalted"),
    reverts: counts("updateReverted"),
    refusals: counts("updateRefused"),
    deferred: sum(ends.map((end) => end.deferred)),
    ...where,
    bytes: { up, down, perDeviceAndDay: Math.round((up + down) / fates.length / plan.days) },
    energy: energyOf(fates),
    checkIns: sum(ends.map((end) => end.checkIns)),
    events: sum(ends.map((end) => end.events)),
    series: together(ends.map((end) => end.series)),
  };
}

const isConfirmed = (fate: Fate) => fate.starts > 0 && fate.state === SlotState.Confirmed;

function whereabouts(plan: Rehearsal, fates: Fate[]): Pick<Report, "stranded" | "lostToField"> {
  const stranded: Stranded[] = [];
  const lostToField = { vanished: 0, emptyCells: 0, asleep: 0 };
  const { sequence } = plan.release.record;
  for (const fate of fates) {
    const { serial, board } = fate;
    const add = (why: Stranded["why"]) => stranded.push({ serial, board, why });
    const isDrained = plan.planted.drain !== undefined && fate.sequence === sequence;
    if (fate.isVanished) lostToField.vanished++;
    else if (fate.starts === 0) lostToField.asleep++;
    else if (fate.isEmpty && isDrained) add("emptyCell");
    else if (fate.isEmpty) lostToField.emptyCells++;
    else if (fate.state === SlotState.Recovery) add("inRecovery");
    else if (fate.isCutOff) add("lostNetwork");
    else if (fate.state === SlotState.Trial && fate.trialIsOverdue) add("onTrial");
  }
  return { stranded, lostToField };
}

function energyOf(fates: Fate[]): Report["energy"] {
  const ids = [...new Set(fates.map((fate) => fate.board))].sort();
  return ids.map((id) => {
    const own = fates.filter((fate) => fate.board === id);
    const board = boards[id as keyof typeof boards] as Board;
    const used = own
      .filter((fate) => fate.busyMs > 0)
      .map((fate) => (fate.busyMs / hourMs) * awakeMilliA[board.radio.kind] * 1000)
      .sort((left, right) => left - right);
    const updateMicroAh = Math.round((used[used.length >> 1] ?? 0) * 10) / 10;
    const battery = batteryOf(board);
    const shareOfCell = battery === null ? null : updateMicroAh / battery.capacityMicroAh;
    return { board: id, devices: own.length, updateMicroAh, shareOfCell };
  });
}

const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);

/** The report as lines for a terminal. */
export function reportText(report: Report): string {
  const { release, stranded, lostToField, bytes, planted } = report;
  const lines = [
    `Release ${release.sequence} (${release.version}) by policy "${report.policy.name}": ${report.status}`,
    `  ${report.reason}`,
    "",
    ...report.timeline.map(({ hours, text }) => `  ${stamp(hours)}  ${text}`),
    "",
    row("Duration", report.hours === null ? "still running" : hoursText(report.hours)),
    row("Updated", `${report.updated} of ${report.devices} devices`),
    row("Halts", String(report.halts)),
    row("Reverts", String(report.reverts)),
    row("Refusals", `${report.refusals}; ${report.deferred} devices have put one off`),
    row("Stranded", strandedText(stranded)),
    row(
      "Lost to the field",
      `${lostToField.vanished} vanished, ${lostToField.emptyCells} with an empty cell, ${lostToField.asleep} never awake`,
    ),
    row(
      "Bytes",
      `${kilo(bytes.up)} up, ${kilo(bytes.down)} down; ${bytes.perDeviceAndDay} B a device and day`,
    ),
    ...report.energy.map(({ board, updateMicroAh, shareOfCell }) =>
      row(
        `Energy ${board}`,
        `${updateMicroAh} µAh an update${shareOfCell === null ? ", on the mains" : `, ${(shareOfCell * 100).toFixed(3)} % of a cell`}`,
      ),
    ),
    row(
      "Rehearsal",
      `${report.devices} devices, ${report.days} days, seed ${report.seed}, planted ${plantedText(planted)}`,
    ),
    row(
      "Speed",
      `${report.seconds.toFixed(1)} s, ${report.eventsPerS} events/s, ${report.checkIns} check-ins`,
    ),
  ];
  return `${lines.join("\n")}\n`;
}

const row = (name: string, text: string) => `${name.padEnd(18)} ${text}`;
const kilo = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;

function stamp(hours: number): string {
  const days = Math.floor(hours / 24);
  const rest = hours - days * 24;
  const minutes = Math.floor((rest % 1) * 60);
  return `${days}d ${String(Math.floor(rest)).padStart(2, "0")}:${String(minutes).padStart(2, "0")}`;
}

function hoursText(hours: number): string {
  return hours < 48 ? `${hours.toFixed(1)} hours` : `${(hours / 24).toFixed(1)} days`;
}

export function strandedText(stranded: Stranded[]): string {
  if (stranded.length === 0) return "none";
  const by = new Map<string, number>();
  for (const { why, board } of stranded) {
    const key = `${board} ${strandedWords[why]}`;
    by.set(key, (by.get(key) ?? 0) + 1);
  }
  const parts = [...by].sort((left, right) => right[1] - left[1]);
  return `${stranded.length}: ${parts.map(([what, count]) => `${count} ${what}`).join(", ")}`;
}

const strandedWords: Record<Stranded["why"], string> = {
  inRecovery: "in recovery",
  onTrial: "on a trial that does not end",
  lostNetwork: "without network since the update",
  emptyCell: "with a cell that the release emptied",
};
