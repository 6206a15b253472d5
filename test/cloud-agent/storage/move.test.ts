/** Data goes from one database to another whole, once, and no agent starts on the old one again. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { documentKind } from "../../../cloud-agent/core/documents.ts";
import { copyData } from "../../../cloud-agent/storage/copy.ts";
import type { DatabaseKind } from "../../../cloud-agent/storage/database.ts";
import { openPostgresStore, postgresDatabase } from "../../../cloud-agent/storage/postgres.ts";
import {
  backupSqlite,
  openSqliteStore,
  sqliteDatabase,
} from "../../../cloud-agent/storage/sqlite.ts";
import type { Store } from "../../../cloud-agent/storage/store.ts";
import { hasPostgres, needsPostgres, newPostgresUrl } from "../../support/stores.ts";
import { deviceRecord, rolloutRecord } from "../fixtures.ts";

const note = documentKind<{ text: string }>("note");
const nowMs = 1_800_000_000_000;
const onError = () => undefined;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "fleetling-move-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

interface Place {
  database(): DatabaseKind;
  open(): Promise<Store>;
}
const sqlite = (name: string): Place => {
  const path = join(dir, name);
  return {
    database: () => sqliteDatabase({ path, durability: "normal" }),
    open: () => openSqliteStore({ path, durability: "normal" }),
  };
};
const postgres = async (): Promise<Place> => {
  const url = await newPostgresUrl();
  return {
    database: () => postgresDatabase({ url, onError }),
    open: () => openPostgresStore({ url, onError }),
  };
};

const devices = 1203;
async function fill(store: Store): Promise<void> {
  await store.tx(async (tx) => {
    for (let n = 0; n < devices; n++) {
      const serial = `SN-${String(n).padStart(4, "0")}`;
      await tx.putDevice(deviceRecord(serial, { lifecycle: 3, tags: ["é", "Z", "a"] }));
      await tx.appendEvent({ kind: "deviceBorn", serial, text: `Born \u{1f600} ${n}` }, n);
    }
    await tx.appendVitals(
      Array.from({ length: 700 }, (_, n) => ({
        ...{ serial: "SN-0001", atMs: n, sequence: 1, values: { batteryMv: [1, 2, n] } },
      })),
    );
    await tx.putBlob(1, 7, "c1", new Uint8Array(randomBytes(70_000)));
    await tx.putRollout(rolloutRecord("r1", { status: "running" }));
    await tx.documents.put(note, { id: "a", ref: "SN-0001", dueMs: 5, value: { text: "x" } });
    await tx.appendCertificate({ index: 0, serial: "SN-0001", previous: "00", json: "{}" });
    const token = { id: "t", hash: "ab", role: "viewer" as const, name: "ann", expiresMs: null };
    await tx.putToken(token);
    await tx.putSession({
      ...{ serial: "SN-0001", epoch: 0, hello: "81", chalBody: "82", sid: "aa", bootCount: 1 },
      ...{ handshakeCount: 1, receivedCounter: 0, sendReserved: 64 },
    });
  });
  // The newest event goes; its number must not come again.
  const last = await store.tx((tx) => tx.appendEvent({ kind: "gone", serial: "X", text: "" }, 1));
  await store.tx((tx) => tx.eraseDevice("X", 10));
  expect(last.id).toBe(devices + 1);
}

/** All that counts, in comparable form. */
const contents = (store: Store) =>
  store.tx(async (tx) => ({
    devices: await tx.devices({ limit: 5000 }),
    events: (await tx.events({ limit: 5000 })).filter(({ kind }) => kind === "deviceBorn"),
    vitals: await tx.vitals({ serial: "SN-0001", limit: 5000 }),
    blob: await tx.blob(1, 7, "c1"),
    rollouts: await tx.rollouts({ activeOnly: true }),
    notes: await tx.documents.list(note, { dueByMs: 9, limit: 9 }),
    certificates: await tx.certificates({ limit: 9 }),
    tokens: await tx.tokens(),
  }));

describe.skipIf(!hasPostgres)(`moving${needsPostgres}`, () => {
  it("takes everything to PostgreSQL and back, with no number given twice and all sessions ended", async () => {
    const there = await postgres();
    const way = [sqlite("a.db"), there, sqlite("b.db")];
    let store = await way[0]!.open();
    await fill(store);
    const wanted = await contents(store);
    let lastId = devices + 1;
    for (const [from, to] of [way.slice(0, 2), way.slice(1)] as [Place, Place][]) {
      await store.close();
      const told: string[] = [];
      const counts = await copyData("move", from.database(), to.database(), nowMs, (table, rows) =>
        told.push(`${table} ${rows}`),
      );
      expect(counts).toMatchObject({ devices, blobs: 1, vitals: 700, certificates: 1 });
      expect(told).toContain("devices 500");
      store = await to.open();
      expect(await contents(store)).toEqual(wanted);
      expect(await store.tx((tx) => tx.session("SN-0001"))).toBeNull();
      const next = await store.tx((tx) => tx.appendEvent({ kind: "next", text: "" }, 1));
      // One event told that reservations were raised.
      expect(next.id).toBe(lastId + 2);
      lastId = next.id;
      await expect(from.open()).rejects.toMatchObject({ name: "StoreMoved" });
    }
    await store.close();
  });

  it("into a database with a fleet, or from one that was moved, changes nothing", async () => {
    const [from, to] = [sqlite("a.db"), await postgres()];
    for (const place of [from, to]) {
      const store = await place.open();
      await store.tx((tx) => tx.putDevice(deviceRecord("SN-0001")));
      await store.close();
    }
    await expect(copyData("move", from.database(), to.database(), nowMs)).rejects.toMatchObject({
      name: "StoreNotEmpty",
      message: expect.stringContaining("got rows in table devices"),
    });
    const still = await from.open();
    expect(await still.tx((tx) => tx.countDevices())).toEqual({ 1: 1 });
    await still.close();
    await copyData("move", from.database(), sqlite("b.db").database(), nowMs);
    await expect(
      copyData("move", from.database(), sqlite("c.db").database(), nowMs),
    ).rejects.toMatchObject({ name: "StoreMoved" });
    const empty = await sqlite("c.db").open();
    expect(await empty.tx((tx) => tx.countDevices())).toEqual({});
    await empty.close();
  });
});

it.skipIf(!hasPostgres)(
  `a PostgreSQL in use is backed up into a file, and restored from it${needsPostgres}`,
  async () => {
    const [from, to] = [await postgres(), await postgres()];
    const store = await from.open();
    await fill(store);
    const wanted = await contents(store);
    let isOver = false;
    const goOn = (async () => {
      for (let n = 0; !isOver; n++)
        await store.tx((tx) => tx.putDevice(deviceRecord(`NEW-${1000 + n}`)));
    })();
    await copyData("backup", from.database(), sqlite("backup.db").database(), nowMs);
    isOver = true;
    await goOn;
    await copyData("restore", sqlite("backup.db").database(), to.database(), nowMs);
    const restored = await to.open();
    const { devices: all, ...rest } = await contents(restored);
    const { devices: known, ...others } = wanted;
    expect(rest).toEqual(others);
    expect(all.filter(({ serial }) => serial.startsWith("SN-"))).toEqual(known);
    expect(await store.tx((tx) => tx.session("SN-0001"))).not.toBeNull();
    expect(await restored.tx((tx) => tx.session("SN-0001"))).toBeNull();
    await Promise.all([store.close(), restored.close()]);
  },
);

it("a backup of a database in use is whole, and opens", async () => {
  const store = await sqlite("a.db").open();
  await fill(store);
  const wanted = await contents(store);
  await backupSqlite(join(dir, "a.db"), join(dir, "backup.db"));
  await store.close();
  const copy = await sqlite("backup.db").open();
  expect(await contents(copy)).toEqual(wanted);
  await copy.close();
  const raw = new Database(join(dir, "backup.db"), { readonly: true });
  expect(raw.pragma("integrity_check", { simple: true })).toBe("ok");
  raw.close();
});
