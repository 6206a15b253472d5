import type { Transaction } from "kysely";
import type { ColumnFilter, DeviceColumns } from "../core/filter/types.ts";
import { isWatched, judgeAtMs } from "../core/presence/presence.ts";
import type { DeviceRecord } from "../core/records.ts";
import type { Tables } from "./schema.ts";
import { document, documents } from "./sqlRows.ts";
import type { Tx } from "./store.ts";

/** The devices of one transaction. */
export class SqlDevices {
  readonly #db: Transaction<Tables>;
  /** serial → columns with an index, as this transaction has read or written them */
  readonly #columns = new Map<string, string>();

  constructor(db: Transaction<Tables>) {
    this.#db = db;
  }

  async get(serial: string): Promise<DeviceRecord | null> {
    const query = this.#db.selectFrom("devices").select("document").where("serial", "=", serial);
    return this.#seen(document<DeviceRecord>(await query.executeTakeFirst()));
  }

  async put(device: DeviceRecord): Promise<void> {
    const { serial } = device;
    const columns = deviceColumns(device);
    const text = JSON.stringify(columns);
    const rest = { judge_at_ms: judgeAtMs(device), document: JSON.stringify(device) };
    // SQLite rewrites the index of every column that a statement names, changed or not: a check-in names none of them.
    const changed = this.#columns.get(serial) === text ? rest : { ...columns, ...rest };
    await this.#db
      .insertInto("devices")
      .values({ serial, ...columns, ...rest })
      .onConflict((conflict) => conflict.column("serial").doUpdateSet(changed))
      .execute();
    this.#columns.set(serial, text);
  }

  async page(page: Parameters<Tx["devices"]>[0]): Promise<DeviceRecord[]> {
    let query = this.#db
      .selectFrom("devices")
      .select("document")
      .orderBy("serial")
      .limit(page.limit);
    if (page.after !== undefined) query = query.where("serial", ">", page.after);
    if (page.lifecycle !== undefined) query = query.where("lifecycle", "=", page.lifecycle);
    if (page.presence !== undefined) query = query.where("presence", "=", page.presence);
    for (const [column, values] of Object.entries(page.where ?? {})) {
      const name = column as keyof ColumnFilter;
      query =
        values.length === 1 ? query.where(name, "=", values[0]!) : query.where(name, "in", values);
    }
    return documents<DeviceRecord>(await query.execute()).map((one) => this.#seen(one)!);
  }

  async toJudge(steadyMs: number, limit: number): Promise<DeviceRecord[]> {
    const query = this.#db
      .selectFrom("devices")
      .select("document")
      .where("judge_at_ms", "<=", steadyMs)
      .orderBy("judge_at_ms")
      .limit(limit);
    return documents<DeviceRecord>(await query.execute()).map((one) => this.#seen(one)!);
  }

  async count(
    by: Parameters<Tx["countDevices"]>[0] = "lifecycle",
  ): Promise<Record<string, number>> {
    const column = by === "runningSequence" ? "running_sequence" : by;
    const rows = await this.#db
      .selectFrom("devices")
      .select((e) => [e.ref(column).as("value"), e.fn.countAll().as("count")])
      .groupBy(column)
      .orderBy(column)
      .execute();
    return Object.fromEntries(rows.map((row) => [String(row.value), Number(row.count)]));
  }

  #seen(device: DeviceRecord | null): DeviceRecord | null {
    if (device) this.#columns.set(device.serial, JSON.stringify(deviceColumns(device)));
    return device;
  }
}

/** The columns beside the document that filters find by. Pure. */
export function deviceColumns(device: DeviceRecord): DeviceColumns {
  const { birth } = device;
  return {
    lifecycle: device.lifecycle,
    running_sequence: device.runningSequence,
    board: birth.board,
    presence: isWatched(device) ? (device.presence?.isOffline ? "offline" : "online") : "",
    ...{ model: birth.model, batch: birth.batch },
    ...{ site: device.site, group_name: device.group, account: device.account },
  };
}
