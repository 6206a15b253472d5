/** What alerts are about, read from the store in short transactions. */
import { Lifecycle } from "../firmware/protocol/messages.ts";
import type { Totals } from "./core/alerts/cause.ts";
import {
  type GatewayRecord,
  gatewayFindings,
  rolloutFindings,
} from "./core/alerts/findings/agent.ts";
import {
  countPlaces,
  emptyTotals,
  errorFindings,
  errorKinds,
  errorSpanMs,
  offlineFinding,
  zombieFindings,
} from "./core/alerts/findings/devices.ts";
import {
  batteryFindings,
  crashFindings,
  type FleetVitals,
  lookBackDays,
  temperatureFindings,
} from "./core/alerts/findings/fleet.ts";
import { causeCountMin, findingsMax, totalsKeptMs } from "./core/alerts/limits.ts";
import type { Thresholds } from "./core/alerts/settings.ts";
import type { Finding } from "./core/alerts/types.ts";
import { documentKind } from "./core/documents.ts";
import { devicesPerReadMax } from "./core/limits.ts";
import { isWatched } from "./core/presence/presence.ts";
import type { DeviceRecord, EventRecord } from "./core/records.ts";
import { spanMs } from "./core/vitals/spans.ts";
import { fleetSpans } from "./fleetSpans.ts";
import type { Store, Tx } from "./storage/store.ts";

const gateways = documentKind<GatewayRecord>("gateway");
/** A gateway that did not come for so long is taken down, not broken. */
const gatewayKeptMs = 30 * 86_400_000;
/** Time between two notes of when a gateway was there. */
const gatewayNoteMs = 60_000;
const gatewaysMax = 1_000;
/** Newest events of a kind that are looked at. */
const eventsMax = 2_000;

export async function readOffline(store: Store): Promise<Finding[]> {
  const findings: Finding[] = [];
  for await (const device of devicesOf(store, "offline")) {
    const finding = offlineFinding(device);
    if (finding) findings.push(finding);
    if (findings.length >= findingsMax) break;
  }
  return findings;
}

/** Notes who is connected, and finds who was and is not. */
export async function readGateways(
  store: Store,
  connected: string[],
  now: { steadyMs: number; wallMs: number },
): Promise<Finding[]> {
  return store.tx(async (tx) => {
    const known = await tx.documents.list(gateways, { limit: gatewaysMax });
    const records = new Map(known.map(({ id, value }) => [id, value]));
    for (const id of connected) {
      const seenMs = records.get(id)?.seenMs;
      if (seenMs !== undefined && Math.abs(now.wallMs - seenMs) < gatewayNoteMs) continue;
      const value = { id, seenMs: now.wallMs };
      records.set(id, value);
      await tx.documents.put(gateways, { id, dueMs: now.steadyMs + gatewayKeptMs, value });
    }
    for (const { id } of await tx.documents.list(gateways, { dueByMs: now.steadyMs, limit: 100 })) {
      await tx.documents.delete(gateways, id);
      records.delete(id);
    }
    return gatewayFindings([...records.values()], new Set(connected));
  });
}

export async function readErrors(
  store: Store,
  limits: Thresholds,
  nowMs: number,
): Promise<Finding[]> {
  return store.tx(async (tx) => {
    const errors: EventRecord[] = [];
    for (const kind of errorKinds) errors.push(...(await youngEvents(tx, kind, nowMs)));
    const zombies = await youngEvents(tx, "zombieContactCounted", nowMs);
    const devices = new Map<string, DeviceRecord>();
    for (const { serial } of [...errors, ...zombies]) {
      if (serial === null || devices.has(serial)) continue;
      const device = await tx.device(serial);
      if (device) devices.set(serial, device);
    }
    return [
      ...errorFindings(errors, devices, limits.errorsPerHour),
      ...zombieFindings(zombies, devices),
    ];
  });
}

async function youngEvents(tx: Tx, kind: string, nowMs: number): Promise<EventRecord[]> {
  const newest = await tx.events({ kind, limit: eventsMax, newestFirst: true });
  return newest.filter(({ atMs }) => atMs > nowMs - errorSpanMs && atMs <= nowMs);
}

export async function readRollouts(
  store: Store,
  limits: Thresholds,
  nowMs: number,
): Promise<Finding[]> {
  const active = await store.tx((tx) => tx.rollouts({ activeOnly: true }));
  return rolloutFindings(active, limits, nowMs);
}

/** Batteries, temperatures and crashes: reads the days of the whole fleet. */
export async function readFleetFindings(
  store: Store,
  limits: Thresholds,
  nowMs: number,
): Promise<Finding[]> {
  const todayMs = Math.floor(nowMs / spanMs.day) * spanMs.day;
  const time = {
    kind: "day" as const,
    sinceMs: todayMs - lookBackDays * spanMs.day,
    untilMs: nowMs,
  };
  const fleet: FleetVitals[] = [];
  for await (const one of fleetSpans(store, time)) {
    if (one.device.lifecycle === Lifecycle.Operating) fleet.push(one);
  }
  return [
    ...batteryFindings(fleet, limits),
    ...temperatureFindings(fleet, limits),
    ...crashFindings(fleet, limits, todayMs),
  ];
}

/** Counts of the fleet by place, read only when enough is found to have something in common. */
export async function readTotals(
  store: Store,
  findings: Finding[],
  before: { totals: Totals; atMs: number } | null,
  steadyMs: number,
): Promise<{ totals: Totals; atMs: number }> {
  const isNeeded = findings.length >= causeCountMin;
  if (before && (!isNeeded || steadyMs - before.atMs < totalsKeptMs)) return before;
  const totals = emptyTotals();
  if (isNeeded) {
    for await (const device of devicesOf(store)) {
      if (isWatched(device)) countPlaces(totals, device);
    }
  }
  return { totals, atMs: isNeeded ? steadyMs : Number.NEGATIVE_INFINITY };
}

async function* devicesOf(store: Store, presence?: "offline"): AsyncGenerator<DeviceRecord> {
  for (let after: string | undefined; ; ) {
    const page = await store.tx((tx) => tx.devices({ after, limit: devicesPerReadMax, presence }));
    yield* page;
    if (page.length < devicesPerReadMax) return;
    after = page.at(-1)!.serial;
  }
}
