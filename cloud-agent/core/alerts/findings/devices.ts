/** Findings about single devices. Pure. */
import { Lifecycle } from "../../../../firmware/protocol/messages.ts";
import type { DeviceRecord, EventRecord } from "../../records.ts";
import { durationWords, timeWords } from "../../rollout/words.ts";
import type { Totals } from "../cause.ts";
import type { Finding, Places } from "../types.ts";

export const nowhere: Places = { gateway: null, site: null, batch: null, release: null };

export function placesOf(device: DeviceRecord): Places {
  const { route, site, birth, runningSequence } = device;
  return {
    gateway: gatewayOf(route),
    site,
    batch: birth.batch,
    release: runningSequence === 0 ? null : String(runningSequence),
  };
}

/** Id of the gateway in a route, null for a device's own connection. */
export function gatewayOf(route: string): string | null {
  return route.startsWith("gw/") ? route.slice(3) : null;
}

/** Adds a device to the counts by gateway, site, batch and release. */
export function countPlaces(totals: Totals, device: DeviceRecord): void {
  for (const [kind, name] of Object.entries(placesOf(device))) {
    if (name === null) continue;
    const counts = totals[kind as keyof Places];
    counts[name] = (counts[name] ?? 0) + 1;
  }
}

export function emptyTotals(): Totals {
  return { gateway: {}, site: {}, batch: {}, release: {} };
}

/** A device that broke its promise; one under maintenance is expected to be away. */
export function offlineFinding(device: DeviceRecord): Finding | null {
  const { serial, presence, lifecycle, lastSeenMs } = device;
  if (!presence?.isOffline || lifecycle === Lifecycle.Maintenance) return null;
  const seen = lastSeenMs === null ? "it never came" : `last contact ${timeWords(lastSeenMs)}`;
  return {
    rule: "offline",
    subject: { kind: "device", name: serial },
    text: `${serial} is offline: it promised to come within ${durationWords(presence.promisedMs)}, ${seen}.`,
    places: placesOf(device),
  };
}

/** What of a device's own doing, or of what it is refused, counts as an error. */
export const errorKinds = [
  "updateReverted",
  "updateRefused",
  "recoveryEntered",
  "messageRefused",
] as const;
export const errorSpanMs = 3_600_000;

/** Devices with too many errors in the last hour. @param events of errorKinds, of that hour */
export function errorFindings(
  events: readonly EventRecord[],
  devices: ReadonlyMap<string, DeviceRecord>,
  perHour: number,
): Finding[] {
  const counts = new Map<string, EventRecord[]>();
  for (const event of events) {
    if (event.serial === null) continue;
    counts.set(event.serial, [...(counts.get(event.serial) ?? []), event]);
  }
  return [...counts].flatMap(([serial, own]) => {
    const device = devices.get(serial);
    if (own.length < perHour || device?.lifecycle === Lifecycle.Maintenance) return [];
    const kinds = [...new Set(own.map(({ kind }) => kind))].join(", ");
    return [
      {
        rule: "errorRate" as const,
        subject: { kind: "device" as const, name: serial },
        text: `${serial} had ${own.length} errors within an hour (${kinds}).`,
        places: device ? placesOf(device) : nowhere,
      },
    ];
  });
}

/** Retired devices that made contact. @param events zombieContactCounted, of the last hour */
export function zombieFindings(
  events: readonly EventRecord[],
  devices: ReadonlyMap<string, DeviceRecord>,
): Finding[] {
  const serials = new Set(events.flatMap(({ serial }) => serial ?? []));
  return [...serials].map((serial) => {
    const device = devices.get(serial);
    const times = device ? `, ${device.zombieContacts} times so far` : "";
    return {
      rule: "zombie",
      subject: { kind: "device", name: serial },
      text: `${serial} was retired and makes contact${times}; it gets no data.`,
      places: device ? placesOf(device) : nowhere,
    };
  });
}
