/** Reads all that is stored of devices in short transactions, so that check-ins come in between and nothing is held in
 *  memory. One device, or all that an account owns, in one format that another agent imports. */
import { commands } from "./core/commands.ts";
import { deviceLogs } from "./core/deviceLogs.ts";
import { type ExportPart, eventCells, spanCells, vitalsCells } from "./core/export.ts";
import { snapshots, snapshotsPerDeviceMax } from "./core/history/snapshot.ts";
import { endedSagas, openSagas } from "./core/provisioning/store.ts";
import { rmas } from "./core/quality/rma.ts";
import type { CertificateRecord, DeviceRecord, EventRecord, VitalsRecord } from "./core/records.ts";
import { importedCertificates } from "./core/transfer/import.ts";
import { portableOf } from "./core/transfer/portable.ts";
import type { SpanKind, VitalsSpan } from "./core/vitals/spans.ts";
import type { Store } from "./storage/store.ts";

/** Calls to other systems that go out: they are forgotten after a month. */
const sagasMax = 1000;
const rowsAtOnce = 500;
const devicesAtOnce = 50;
/** The newest hours and days that go out: ten years of hours. */
const spansMax = 90_000;
/** Digits of a master key's check that tell it from another one. */
const checkDigits = 8;

/** What of a device's data somebody may have. */
interface Since {
  serial: string;
  /** 0: from the beginning */
  atMs: number;
  /** number of the first event */
  eventId: number;
}
const all = (serial: string): Since => ({ serial, atMs: 0, eventId: 0 });

export interface ExportHead {
  /** one of the two */
  serial?: string;
  account?: string;
  atMs: number;
}

/** JSON lines, each with its kind; the last one, "end", tells how many of each there are: a file without it was cut.
 *  @param show the device as people see it */
export async function* exportLines(
  store: Store,
  head: ExportHead,
  devices: AsyncIterable<{ device: DeviceRecord; since: Since }>,
  show: (device: DeviceRecord) => object,
): AsyncGenerator<string> {
  const counts: Record<string, number> = {};
  const line = (kind: string, value: object) => {
    counts[kind] = (counts[kind] ?? 0) + 1;
    return `${JSON.stringify({ kind, ...value })}\n`;
  };
  const masterKeys = await keyChecks(store);
  yield `${JSON.stringify({ kind: "fleetlingExport", version: 1, ...head, masterKeys })}\n`;
  for await (const { device, since } of devices) {
    yield line("device", { device: show(device), ...portableOf(device) });
    for await (const { id: _, ...event } of eventsOf(store, since)) yield line("event", { event });
    for (const kind of ["hour", "day"] as const) {
      for (const span of await spansOf(store, since, kind)) yield line(kind, { span });
    }
    for await (const vitals of vitalsOf(store, since)) yield line("vitals", { vitals });
    for await (const [kind, value] of documentsOf(store, since)) yield line(kind, value);
  }
  yield `${JSON.stringify({ kind: "end", counts })}\n`;
}

/** One device, whoever owned it. */
export async function* oneDevice(device: DeviceRecord) {
  yield { device, since: all(device.serial) };
}

/** Devices of an account, each from the claim on that made it the account's: what came before is a former owner's. */
export async function* devicesOfAccount(store: Store, account: string) {
  for (let after: string | undefined; ; ) {
    const from = after;
    const page = await store.tx((tx) => {
      return tx.devices({ where: { account: [account] }, after: from, limit: devicesAtOnce });
    });
    for (const device of page) yield { device, since: await sinceClaim(store, device.serial) };
    if (page.length < devicesAtOnce) return;
    after = page.at(-1)!.serial;
  }
}

async function sinceClaim(store: Store, serial: string): Promise<Since> {
  const query = { serial, kind: "claimCommitted", limit: 1, newestFirst: true };
  const [claim] = await store.tx((tx) => tx.events(query));
  return claim ? { serial, atMs: claim.atMs, eventId: claim.id } : all(serial);
}

/** Rows of one table. */
export async function* partCells(
  store: Store,
  devices: AsyncIterable<{ since: Since }>,
  part: ExportPart,
): AsyncGenerator<{ serial: string; cells: (string | number | null)[] }> {
  for await (const { since } of devices) {
    const { serial } = since;
    const rows = (cells: (string | number | null)[][]) =>
      cells.map((row) => ({ serial, cells: row }));
    if (part === "events") {
      for await (const event of eventsOf(store, since)) yield* rows(eventCells(event));
    } else if (part === "vitals") {
      for await (const row of vitalsOf(store, since)) yield* rows(vitalsCells(row));
    } else {
      const kind = part === "hours" ? "hour" : "day";
      for (const span of await spansOf(store, since, kind)) yield* rows(spanCells(span));
    }
  }
}

/** Enough of each check to tell a key from another agent's of the same number. */
async function keyChecks(store: Store): Promise<Record<string, string>> {
  const checks: Record<string, string> = JSON.parse(
    (await store.tx((tx) => tx.meta("kmCheck"))) ?? "{}",
  );
  const short = Object.entries(checks).map(([id, check]) => [id, check.slice(0, checkDigits)]);
  return Object.fromEntries(short);
}

async function* eventsOf(store: Store, { serial, eventId }: Since): AsyncGenerator<EventRecord> {
  for (let afterId = Math.max(0, eventId - 1); ; ) {
    const from = afterId;
    const page = await store.tx((tx) => tx.events({ serial, afterId: from, limit: rowsAtOnce }));
    yield* page;
    if (page.length < rowsAtOnce) return;
    afterId = page.at(-1)!.id;
  }
}

async function* vitalsOf(store: Store, { serial, atMs }: Since): AsyncGenerator<VitalsRecord> {
  for (let after = { atMs: atMs - 1, id: Number.MAX_SAFE_INTEGER }; ; ) {
    const from = after;
    const page = await store.tx((tx) => tx.spans.rawOf({ serial, after: from, limit: rowsAtOnce }));
    for (const { id: _, ...row } of page) yield row;
    if (page.length < rowsAtOnce) return;
    after = page.at(-1)!;
  }
}

/** An hour or day that began before the claim has samples of a former owner in it. */
function spansOf(store: Store, { serial, atMs }: Since, kind: SpanKind): Promise<VitalsSpan[]> {
  return store.tx((tx) => tx.spans.ofDevice({ serial, kind, sinceMs: atMs, limit: spansMax }));
}

async function* documentsOf(
  store: Store,
  { serial, atMs }: Since,
): AsyncGenerator<[kind: string, value: object]> {
  const found = await store.tx(async (tx) => ({
    returns: await tx.documents.list(rmas, { ref: serial, limit: 1000 }),
    states: await tx.documents.list(snapshots, { ref: serial, limit: snapshotsPerDeviceMax + 1 }),
    sagas: [
      ...(await tx.documents.list(endedSagas, { ref: serial, limit: sagasMax })),
      ...(await tx.documents.list(openSagas, { ref: serial, limit: sagasMax })),
    ],
    commands: await tx.documents.list(commands, { ref: serial, limit: rowsAtOnce }),
    logs: await tx.documents.list(deviceLogs, { ref: serial, limit: rowsAtOnce }),
    own: await tx.certificates({ serial, limit: rowsAtOnce }),
    brought: await tx.documents.list(importedCertificates, { ref: serial, limit: rowsAtOnce }),
  }));
  for (const { value } of found.returns) {
    if (value.openedMs >= atMs) yield ["return", { return: value }];
  }
  for (const { value } of found.sagas) {
    if (value.startedMs >= atMs) yield ["provisioning", { provisioning: value }];
  }
  for (const { value } of found.commands) {
    if (value.createdMs >= atMs) yield ["command", { command: value }];
  }
  for (const { value } of found.logs) {
    if (value.atMs >= atMs) yield ["log", { log: value }];
  }
  for (const { value } of found.states) {
    if (value.atMs >= atMs) yield ["snapshot", { snapshot: value }];
  }
  const isSince = ({ json }: CertificateRecord) => atMs === 0 || issuedMs(json) >= atMs;
  for (const { value } of found.brought) {
    if (isSince(value)) yield ["certificate", { certificate: value }];
  }
  for (const certificate of found.own.filter(isSince)) yield ["certificate", { certificate }];
}

function issuedMs(json: string): number {
  const { issuedAt } = JSON.parse(json) as { issuedAt?: string };
  return issuedAt === undefined ? 0 : Date.parse(issuedAt);
}
