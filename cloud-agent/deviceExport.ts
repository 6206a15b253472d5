/** Reads all that is stored of one device in short transactions, so that check-ins come in between. */
import { commandsOf } from "./core/commands.ts";
import { logsOf } from "./core/deviceLogs.ts";
import { type ExportPart, eventCells, spanCells, vitalsCells } from "./core/export.ts";
import { snapshots, snapshotsPerDeviceMax } from "./core/history/snapshot.ts";
import { endedSagas, openSagas } from "./core/provisioning/store.ts";
import { rmas } from "./core/quality/rma.ts";
import type { CertificateRecord, EventRecord, VitalsRecord } from "./core/records.ts";
import type { SpanKind, VitalsSpan } from "./core/vitals/spans.ts";
import type { Store } from "./storage/store.ts";

/** Calls to other systems that go out: they are forgotten after a month. */
const sagasMax = 1000;
const rowsAtOnce = 500;
/** The newest hours and days that go out: ten years of hours. */
const spansMax = 90_000;

/** JSON lines, each with its kind; the last one, "end", tells how many of each there are: a file without it was cut. */
export async function* exportLines(
  store: Store,
  head: { serial: string; atMs: number; device: unknown },
): AsyncGenerator<string> {
  const { serial, atMs, device } = head;
  const counts: Record<string, number> = {};
  const line = (kind: string, value: object) => {
    counts[kind] = (counts[kind] ?? 0) + 1;
    return `${JSON.stringify({ kind, ...value })}\n`;
  };
  yield `${JSON.stringify({ kind: "fleetlingExport", version: 1, serial, atMs })}\n`;
  yield line("device", { device });
  for await (const event of eventsOf(store, serial)) yield line("event", { event });
  for await (const vitals of vitalsOf(store, serial)) yield line("vitals", { vitals });
  for (const kind of ["hour", "day"] as const) {
    for (const span of await spansOf(store, serial, kind)) yield line(kind, { span });
  }
  for (const { value } of await store.tx((tx) => {
    return tx.documents.list(rmas, { ref: serial, limit: 1000 });
  })) {
    yield line("return", { return: value });
  }
  for (const kind of [endedSagas, openSagas]) {
    const page = { ref: serial, limit: sagasMax };
    const rows = await store.tx((tx) => tx.documents.list(kind, page));
    for (const { value } of rows) yield line("provisioning", { provisioning: value });
  }
  for (const command of await store.tx((tx) => commandsOf(tx, serial)))
    yield line("command", { command });
  for (const log of await store.tx((tx) => logsOf(tx, serial))) yield line("log", { log });
  for (const { value } of await store.tx((tx) => {
    return tx.documents.list(snapshots, { ref: serial, limit: snapshotsPerDeviceMax + 1 });
  })) {
    yield line("snapshot", { snapshot: value });
  }
  for await (const certificate of certificatesOf(store, serial)) {
    yield line("certificate", { certificate });
  }
  yield `${JSON.stringify({ kind: "end", counts })}\n`;
}

/** Rows of one table. */
export async function* partCells(
  store: Store,
  serial: string,
  part: ExportPart,
): AsyncGenerator<(string | number | null)[]> {
  if (part === "events") {
    for await (const event of eventsOf(store, serial)) yield* eventCells(event);
  } else if (part === "vitals") {
    for await (const row of vitalsOf(store, serial)) yield* vitalsCells(row);
  } else {
    const kind = part === "hours" ? "hour" : "day";
    for (const span of await spansOf(store, serial, kind)) yield* spanCells(span);
  }
}

async function* eventsOf(store: Store, serial: string): AsyncGenerator<EventRecord> {
  for (let afterId = 0; ; ) {
    const page = await store.tx((tx) => tx.events({ serial, afterId, limit: rowsAtOnce }));
    yield* page;
    if (page.length < rowsAtOnce) return;
    afterId = page.at(-1)!.id;
  }
}

async function* vitalsOf(store: Store, serial: string): AsyncGenerator<VitalsRecord> {
  for (let after = { atMs: -1, id: 0 }; ; ) {
    const from = after;
    const page = await store.tx((tx) => tx.spans.rawOf({ serial, after: from, limit: rowsAtOnce }));
    for (const { id: _, ...row } of page) yield row;
    if (page.length < rowsAtOnce) return;
    after = page.at(-1)!;
  }
}

function spansOf(store: Store, serial: string, kind: SpanKind): Promise<VitalsSpan[]> {
  return store.tx((tx) => tx.spans.ofDevice({ serial, kind, limit: spansMax }));
}

async function* certificatesOf(store: Store, serial: string): AsyncGenerator<CertificateRecord> {
  for (let fromIndex = 0; ; ) {
    const from = fromIndex;
    const page = await store.tx((tx) => {
      return tx.certificates({ fromIndex: from, limit: rowsAtOnce });
    });
    for (const certificate of page) if (certificate.serial === serial) yield certificate;
    if (page.length < rowsAtOnce) return;
    fromIndex = page.at(-1)!.index + 1;
  }
}
