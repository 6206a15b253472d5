/** Finds the devices that a filter means, in short transactions, so that check-ins come in between. */
import { type DeviceFilter, isMeant } from "./core/deviceFilter.ts";
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
}

/** One page by serial. @returns next: where to go on; null at the end */
export async function findDevices(
  store: Store,
  query: DeviceQuery,
): Promise<{ devices: DeviceRecord[]; next: string | null }> {
  const { after: from, limit = pageRowsDefault, lifecycle, presence, ...filter } = query;
  const isFiltered = Object.keys(filter).length > 0;
  // Without a filter every row counts, and one more tells whether there is a next page.
  const rowsMax = isFiltered ? devicesPerReadMax : limit + 1;
  const devices: DeviceRecord[] = [];
  let after = from;
  for (let reads = 0; reads < readsMax; reads++) {
    const page = { after, lifecycle, presence, limit: rowsMax };
    const rows = await store.tx((tx) => tx.devices(page));
    for (const device of rows) {
      if (!isMeant(device, filter)) continue;
      if (devices.length === limit) return { devices, next: devices.at(-1)!.serial };
      devices.push(device);
    }
    if (rows.length < rowsMax) return { devices, next: null };
    after = rows.at(-1)!.serial;
  }
  return { devices, next: after ?? null };
}
