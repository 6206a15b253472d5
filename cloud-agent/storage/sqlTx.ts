import type { Transaction } from "kysely";
import type {
  CertificateRecord,
  DeviceRecord,
  EventRecord,
  NewEvent,
  ReleaseRecord,
  SessionRecord,
  TokenRecord,
  VitalsRecord,
} from "../core/records.ts";
import type { RolloutRecord } from "../core/rollout/types.ts";
import { countRows, eraseRows } from "./eraseRows.ts";
import type { Tables } from "./schema.ts";
import { SqlDevices } from "./sqlDevices.ts";
import { SqlDocuments } from "./sqlDocuments.ts";
import {
  certificate,
  certificateOrNull,
  document,
  documents,
  eventOf,
  vitalsOf,
} from "./sqlRows.ts";
import { SqlSpans } from "./sqlSpans.ts";
import type { Tx } from "./store.ts";

/** Rows in one INSERT: 4 columns × 500 stays far below SQLite's 32,766 and PostgreSQL's 65,535 parameters. */
const insertRowsMax = 500;
/** `status` of the table: an aborted rollout that still takes devices back is "reverting" there. */
const activeStatuses = ["running", "paused", "halted", "reverting"];

/** One transaction's view of the tables. */
export class SqlTx implements Tx {
  /** events of this transaction, for those who listen once it is committed */
  readonly appended: EventRecord[] = [];
  readonly documents: SqlDocuments;
  readonly spans: SqlSpans;
  readonly #db: Transaction<Tables>;
  readonly #devices: SqlDevices;

  constructor(db: Transaction<Tables>) {
    this.#db = db;
    this.#devices = new SqlDevices(db);
    this.documents = new SqlDocuments(db);
    this.spans = new SqlSpans(db);
  }

  device(serial: string): Promise<DeviceRecord | null> {
    return this.#devices.get(serial);
  }

  putDevice(device: DeviceRecord): Promise<void> {
    return this.#devices.put(device);
  }

  devices(page: Parameters<Tx["devices"]>[0]): Promise<DeviceRecord[]> {
    return this.#devices.page(page);
  }

  devicesToJudge(steadyMs: number, limit: number): Promise<DeviceRecord[]> {
    return this.#devices.toJudge(steadyMs, limit);
  }

  countDevices(by?: Parameters<Tx["countDevices"]>[0]): Promise<Record<string, number>> {
    return this.#devices.count(by);
  }

  async session(serial: string): Promise<SessionRecord | null> {
    const query = this.#db.selectFrom("sessions").select("document").where("serial", "=", serial);
    return document(await query.executeTakeFirst());
  }

  async sessionBySid(sid: string): Promise<SessionRecord | null> {
    // Two sessions can share four bytes by chance; the newer one answers, the other handshakes again.
    return document(
      await this.#db
        .selectFrom("sessions")
        .select("document")
        .where("sid", "=", sid)
        .orderBy("saved", "desc")
        .limit(1)
        .executeTakeFirst(),
    );
  }

  async putSession(session: SessionRecord): Promise<void> {
    const present = await this.#db
      .selectFrom("sessions")
      .select(["sid", "saved"])
      .where("serial", "=", session.serial)
      .executeTakeFirst();
    let saved = Number(present?.saved ?? 0);
    if (present === undefined || present.sid !== session.sid) {
      const newest = await this.#db
        .selectFrom("sessions")
        .select((e) => e.fn.max("saved").as("saved"))
        .where("sid", "=", session.sid)
        .executeTakeFirst();
      saved = Number(newest?.saved ?? 0) + 1;
    }
    const columns = { sid: session.sid, saved, document: JSON.stringify(session) };
    await this.#db
      .insertInto("sessions")
      .values({ serial: session.serial, ...columns })
      .onConflict((conflict) => conflict.column("serial").doUpdateSet(columns))
      .execute();
  }

  async deleteSession(serial: string): Promise<void> {
    await this.#db.deleteFrom("sessions").where("serial", "=", serial).execute();
  }

  async appendEvent(event: NewEvent, nowMs: number): Promise<EventRecord> {
    const full: Omit<EventRecord, "id"> = {
      atMs: event.atMs ?? nowMs,
      kind: event.kind,
      serial: event.serial ?? null,
      rolloutId: event.rolloutId ?? null,
      sequence: event.sequence ?? null,
      code: event.code ?? null,
      text: storable(event.text),
      data: event.data ?? {},
    };
    const row = await this.#db
      .insertInto("events")
      .values({
        at_ms: full.atMs,
        kind: full.kind,
        serial: full.serial,
        rollout_id: full.rolloutId,
        sequence: full.sequence,
        code: full.code,
        text: full.text,
        data: JSON.stringify(full.data),
      })
      .returning("id")
      .executeTakeFirstOrThrow();
    const stored = { id: Number(row.id), ...full };
    this.appended.push(stored);
    return stored;
  }

  async events(filter: Parameters<Tx["events"]>[0]): Promise<EventRecord[]> {
    let query = this.#db
      .selectFrom("events")
      .selectAll()
      .orderBy("id", filter.newestFirst ? "desc" : "asc")
      .limit(filter.limit);
    if (filter.serial !== undefined) query = query.where("serial", "=", filter.serial);
    if (filter.rolloutId !== undefined) query = query.where("rollout_id", "=", filter.rolloutId);
    if (filter.sequence !== undefined) query = query.where("sequence", "=", filter.sequence);
    if (filter.kind !== undefined) query = query.where("kind", "=", filter.kind);
    if (filter.afterId !== undefined) query = query.where("id", ">", filter.afterId);
    const rows = await query.execute();
    return rows.map(eventOf);
  }

  async countEvents(filter: Parameters<Tx["countEvents"]>[0]): Promise<number> {
    let query = this.#db
      .selectFrom("events")
      .select((e) => e.fn.countAll().as("count"))
      .where("kind", "=", filter.kind);
    if (filter.serial !== undefined) query = query.where("serial", "=", filter.serial);
    if (filter.code !== undefined) query = query.where("code", "=", filter.code);
    if (filter.sinceMs !== undefined) query = query.where("at_ms", ">=", filter.sinceMs);
    return Number((await query.executeTakeFirstOrThrow()).count);
  }

  async countEventsByKind(): Promise<Record<string, number>> {
    const rows = await this.#db
      .selectFrom("events")
      .select((e) => ["kind", e.fn.countAll().as("count")])
      .groupBy("kind")
      .orderBy("kind")
      .execute();
    return Object.fromEntries(rows.map((row) => [row.kind, Number(row.count)]));
  }

  async release(sequence: number): Promise<ReleaseRecord | null> {
    const query = this.#db
      .selectFrom("releases")
      .select("document")
      .where("sequence", "=", sequence);
    return document(await query.executeTakeFirst());
  }

  async putRelease(release: ReleaseRecord): Promise<void> {
    const columns = { document: JSON.stringify(release) };
    await this.#db
      .insertInto("releases")
      .values({ sequence: release.sequence, ...columns })
      .onConflict((conflict) => conflict.column("sequence").doUpdateSet(columns))
      .execute();
    await this.#markPlans();
  }

  async releases(): Promise<ReleaseRecord[]> {
    return documents(
      await this.#db.selectFrom("releases").select("document").orderBy("sequence").execute(),
    );
  }

  async blob(kind: 0 | 1 | 2, sequence: number, classId: string): Promise<Uint8Array | null> {
    const row = await this.#db
      .selectFrom("blobs")
      .select("bytes")
      .where("kind", "=", kind)
      .where("sequence", "=", sequence)
      .where("class_id", "=", classId)
      .executeTakeFirst();
    return row === undefined ? null : new Uint8Array(row.bytes);
  }

  async putBlob(...[kind, sequence, class_id, bytes]: Parameters<Tx["putBlob"]>): Promise<void> {
    const columns = { bytes: Buffer.from(bytes) };
    await this.#db
      .insertInto("blobs")
      .values({ kind, sequence, class_id, ...columns })
      .onConflict((conflict) =>
        conflict.columns(["kind", "sequence", "class_id"]).doUpdateSet(columns),
      )
      .execute();
  }

  async rollout(id: string): Promise<RolloutRecord | null> {
    const query = this.#db.selectFrom("rollouts").select("document").where("id", "=", id);
    return document(await query.executeTakeFirst());
  }

  async putRollout(rollout: RolloutRecord): Promise<void> {
    const isReverting = rollout.status === "aborted" && rollout.isReverting === true;
    const status = isReverting ? "reverting" : rollout.status;
    const columns = { status, document: JSON.stringify(rollout) };
    await this.#db
      .insertInto("rollouts")
      .values({ id: rollout.id, ...columns })
      .onConflict((conflict) => conflict.column("id").doUpdateSet(columns))
      .execute();
    await this.#markPlans();
  }

  /** Lets readers keep rollouts and releases until one of them changes. */
  async #markPlans(): Promise<void> {
    await this.putMeta(
      "plansRevision",
      String(Number((await this.meta("plansRevision")) ?? 0) + 1),
    );
  }

  async rollouts(filter: { activeOnly?: boolean }): Promise<RolloutRecord[]> {
    let query = this.#db.selectFrom("rollouts").select("document").orderBy("id");
    if (filter.activeOnly) query = query.where("status", "in", activeStatuses);
    return documents(await query.execute());
  }

  async appendVitals(rows: VitalsRecord[]): Promise<void> {
    for (let start = 0; start < rows.length; start += insertRowsMax) {
      const part = rows.slice(start, start + insertRowsMax).map((row) => ({
        serial: row.serial,
        at_ms: row.atMs,
        sequence: row.sequence,
        document: JSON.stringify(row.values),
      }));
      await this.#db.insertInto("vitals").values(part).execute();
    }
  }

  async vitals(filter: Parameters<Tx["vitals"]>[0]): Promise<VitalsRecord[]> {
    let query = this.#db
      .selectFrom("vitals")
      .selectAll()
      .where("serial", "=", filter.serial)
      .orderBy("at_ms", "desc")
      .orderBy("id", "desc")
      .limit(filter.limit);
    if (filter.sinceMs !== undefined) query = query.where("at_ms", ">=", filter.sinceMs);
    if (filter.untilMs !== undefined) query = query.where("at_ms", "<=", filter.untilMs);
    const rows = await query.execute();
    return rows.reverse().map(vitalsOf);
  }

  async appendCertificate(certificate: CertificateRecord): Promise<void> {
    await this.#db.insertInto("certificates").values(certificate).execute();
  }

  async certificates(page: Parameters<Tx["certificates"]>[0]): Promise<CertificateRecord[]> {
    let query = this.#db
      .selectFrom("certificates")
      .selectAll()
      .where("index", ">=", page.fromIndex ?? 0)
      .orderBy("index")
      .limit(page.limit);
    if (page.serial !== undefined) query = query.where("serial", "=", page.serial);
    return (await query.execute()).map(certificate);
  }

  async lastCertificate(): Promise<CertificateRecord | null> {
    const query = this.#db.selectFrom("certificates").selectAll().orderBy("index", "desc").limit(1);
    return certificateOrNull(await query.executeTakeFirst());
  }

  async certificate(serial: string): Promise<CertificateRecord | null> {
    const query = this.#db
      .selectFrom("certificates")
      .selectAll()
      .where("serial", "=", serial)
      .orderBy("index", "desc")
      .limit(1);
    return certificateOrNull(await query.executeTakeFirst());
  }

  async tokenByHash(hash: string): Promise<TokenRecord | null> {
    return document(
      await this.#db
        .selectFrom("tokens")
        .select("document")
        .where("hash", "=", hash)
        .executeTakeFirst(),
    );
  }

  async putToken(token: TokenRecord): Promise<void> {
    const columns = { hash: token.hash, document: JSON.stringify(token) };
    await this.#db
      .insertInto("tokens")
      .values({ id: token.id, ...columns })
      .onConflict((conflict) => conflict.column("id").doUpdateSet(columns))
      .execute();
  }

  async tokens(): Promise<TokenRecord[]> {
    return documents(
      await this.#db.selectFrom("tokens").select("document").orderBy("id").execute(),
    );
  }

  eraseDevice(serial: string, limit: number) {
    return eraseRows(this.#db, serial, limit);
  }

  countErasable(serial: string) {
    return countRows(this.#db, serial);
  }

  async meta(key: string): Promise<string | null> {
    const row = await this.#db
      .selectFrom("meta")
      .select("value")
      .where("key", "=", key)
      .executeTakeFirst();
    return row?.value ?? null;
  }

  async putMeta(key: string, value: string): Promise<void> {
    await this.#db
      .insertInto("meta")
      .values({ key, value })
      .onConflict((conflict) => conflict.column("key").doUpdateSet({ value }))
      .execute();
  }
}

/** A text that every database takes: PostgreSQL refuses a zero and half a surrogate pair. */
function storable(text: string): string {
  return /[\0\ud800-\udfff]/.test(text)
    ? Buffer.from(text.replaceAll("\0", "\ufffd")).toString()
    : text;
}
