/** Finds the devices that a filter means, in short transactions, so that check-ins come in between. */
import { type DeviceFilter, isMeant } from "./core/deviceFilter.ts";
import { columnsOf, evaluate } from "./core/filter/evaluate.ts";
import { countReadsMax } from "./core/filter/limits.ts";
import type { ColumnFilter, Expr } from "./core/filter/types.ts";
import { devicesPerReadMax, pageRowsDefault } from "./core/limits.ts";
import type { DeviceRecord } from "./core/records.ts";
import type { Store } from "./storage/store.ts";

/** Reads of one question: 10,000 devices. A page may be short, or empty, and still have a next one. */
const readsMax = 20;

export interface DeviceQuery extends DeviceFilter {
  after?: string;
  limit?: number;
  lifecycle?: number;
  presence?: "online" | "offline";
  /** expression that has to match too, at this time */
  where?: { expr: Expr; nowMs: number };
}

/** One page by serial. What an index holds is found by it; the rest is looked at row by row.
 *  @returns next: where to go on; null at the end */
export async function findDevices(
  store: Store,
  query: DeviceQuery,
): Promise<{ devices: DeviceRecord[]; next: string | null }> {
  const { after: from, limit = pageRowsDefault, lifecycle, presence, where, ...filter } = query;
  const isFiltered = Object.keys(filter).length > 0 || where !== undefined;
  const columns = { ...(where && columnsOf(where.expr)), ...labelColumns(filter) };
  // Without a filter every row counts, and one more tells whether there is a next page.
  const rowsMax = isFiltered ? devicesPerReadMax : limit + 1;
  const devices: DeviceRecord[] = [];
  let after = from;
  for (let reads = 0; reads < readsMax; reads++) {
    const page = { after, lifecycle, presence, where: columns, limit: rowsMax };
    const rows = await store.tx((tx) => tx.devices(page));
    for (const device of rows) {
      if (!isMeant(device, filter)) continue;
      if (where && evaluate(where.expr, device, where.nowMs) !== true) continue;
      if (devices.length === limit) return { devices, next: devices.at(-1)!.serial };
      devices.push(device);
    }
    if (rows.length < rowsMax) return { devices, next: null };
    after = rows.at(-1)!.serial;
  }
  return { devices, next: after ?? null };
}

/** Counts all that an expression means, up to 100,000 devices read.
 *  @returns isWhole: false when there were more to look at */
export async function countDevices(
  store: Store,
  where: { expr: Expr; nowMs: number },
  sampleMax: number,
): Promise<{ count: number; isWhole: boolean; sample: DeviceRecord[] }> {
  const sample: DeviceRecord[] = [];
  let count = 0;
  let after: string | undefined;
  const columns = columnsOf(where.expr);
  for (let reads = 0; reads < countReadsMax; reads++) {
    const page = { after, where: columns, limit: devicesPerReadMax };
    const rows = await store.tx((tx) => tx.devices(page));
    for (const device of rows) {
      if (evaluate(where.expr, device, where.nowMs) !== true) continue;
      count++;
      if (sample.length < sampleMax) sample.push(device);
    }
    if (rows.length < devicesPerReadMax) return { count, isWhole: true, sample };
    after = rows.at(-1)!.serial;
  }
  return { count, isWhole: false, sample };
}

function labelColumns(filter: DeviceFilter): ColumnFilter {
  const { site, group, account, model, board, batch, sequence } = filter;
  const named = { site, group_name: group, account, model, board, batch };
  const found: ColumnFilter = {};
  for (const [column, value] of Object.entries({ ...named, running_sequence: sequence })) {
    if (value !== undefined) found[column as keyof ColumnFilter] = [value];
  }
  return found;
}
