/** Stores with all that can be stored of devices, and the way of their data from one to another. */
import { Readable } from "node:stream";
import type { DeviceRecord } from "../../cloud-agent/core/records.ts";
import { rollUpNext } from "../../cloud-agent/core/vitals/roll.ts";
import { devicesOfAccount, exportLines } from "../../cloud-agent/deviceExport.ts";
import { withHistory } from "../../cloud-agent/history.ts";
import { importFile } from "../../cloud-agent/importFile.ts";
import { openSqliteStore } from "../../cloud-agent/storage/sqlite.ts";
import type { Store } from "../../cloud-agent/storage/store.ts";
import { birthRecord } from "../cloud-agent/fixtures.ts";
import { startMs } from "../cloud-agent/http/harness.ts";

export const clock = { nowMs: () => startMs };
const person = "ann";
export const openStore = async () =>
  withHistory(await openSqliteStore({ path: ":memory:", durability: "normal" }), clock);
export const secretBirth = (serial: string) =>
  birthRecord(serial, { codeHash: "c0de".repeat(16), salt: "5a17".repeat(8) });

export async function exported(store: Store, account = "acme"): Promise<string> {
  const lines: string[] = [];
  const head = { account, atMs: startMs };
  const devices = devicesOfAccount(store, account);
  for await (const line of exportLines(store, head, devices, ({ serial }) => ({ serial }))) {
    lines.push(line);
  }
  return lines.join("");
}
export const take = (store: Store, file: string, isDry = false) =>
  importFile({ store, clock }, Readable.from([Buffer.from(file)]), { person, isDry });

/** A store with the devices, and everything that can be stored of them. */
export async function filled(records: DeviceRecord[], rows = 3): Promise<Store> {
  const store = await openStore();
  await store.tx(async (tx) => {
    for (const device of records) {
      const { serial } = device;
      await tx.putDevice({ ...device, site: "before" });
      await tx.putDevice(device);
      for (let n = 0; n < rows; n++) {
        const data = { n, by: { name: "é\u2028" } };
        await tx.appendEvent({ kind: "updateReverted", serial, text: `event ${n}`, data }, n);
        const values = { batteryMv: [n, n + 2, n + 1], resetReason: [1] };
        const atMs = startMs - n * 1_300_000;
        await tx.appendVitals([{ serial, sequence: 7, atMs, values }]);
      }
      await tx.appendCertificate({
        index: records.indexOf(device),
        serial,
        previous: serial,
        json: "{}",
      });
    }
    while ((await rollUpNext(tx)) > 0);
    for (const { serial } of records) {
      // Not rolled up yet when it is exported.
      const values = { batteryMv: [9, 9, 9] };
      await tx.appendVitals([{ serial, sequence: 7, atMs: startMs + 1, values }]);
    }
  });
  return store;
}
