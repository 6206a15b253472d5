import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { EventRecord, SessionRecord, TokenRecord } from "../../../cloud-agent/core/records.ts";
import { migrations } from "../../../cloud-agent/storage/schema.ts";
import { openSqliteStore } from "../../../cloud-agent/storage/sqlite.ts";
import type { Store } from "../../../cloud-agent/storage/store.ts";
import { storeKinds } from "../../support/stores.ts";
import { deviceRecord, rolloutRecord } from "../fixtures.ts";

const session = (serial: string, sid: string, changes: Partial<SessionRecord> = {}) => ({
  serial,
  epoch: 0,
  hello: "81",
  chalBody: "82",
  sid,
  bootCount: 1,
  handshakeCount: 1,
  receivedCounter: 0,
  sendReserved: 64,
  ...changes,
});

describe.each(storeKinds)("$name:", (kind) => {
  describe.skipIf(!kind.isHere)("store", () => {
    let store: Store;
    beforeEach(async () => {
      store = await kind.open();
    });
    afterEach(() => store.close());

    describe("devices", () => {
      it("come back as they were put, and a second put replaces the first", async () => {
        const first = deviceRecord("SN-0001", { tags: ["a"], wantedSettings: null });
        const second = deviceRecord("SN-0001", { lifecycle: 3, runningSequence: 7 });
        expect(await store.tx((tx) => tx.device("SN-0001"))).toBeNull();
        await store.tx((tx) => tx.putDevice(first));
        expect(await store.tx((tx) => tx.device("SN-0001"))).toEqual(first);
        await store.tx((tx) => tx.putDevice(second));
        expect(await store.tx((tx) => tx.device("SN-0001"))).toEqual(second);
      });

      it("are paged by serial and filtered by lifecycle", async () => {
        const all = ["SN-0003", "SN-0001", "SN-0002"].map((serial, n) =>
          deviceRecord(serial, { lifecycle: n === 0 ? 3 : 1 }),
        );
        await store.tx(async (tx) => {
          for (const device of all) await tx.putDevice(device);
        });
        const serials = (page: { after?: string; limit: number; lifecycle?: number }) =>
          store.tx(async (tx) => (await tx.devices(page)).map((device) => device.serial));
        expect(await serials({ limit: 2 })).toEqual(["SN-0001", "SN-0002"]);
        expect(await serials({ limit: 2, after: "SN-0002" })).toEqual(["SN-0003"]);
        expect(await serials({ limit: 9, lifecycle: 1 })).toEqual(["SN-0001", "SN-0002"]);
        expect(await serials({ limit: 9, lifecycle: 5 })).toEqual([]);
      });

      it("are counted by lifecycle, running sequence and board", async () => {
        await store.tx(async (tx) => {
          await tx.putDevice(deviceRecord("SN-0001", { lifecycle: 3, runningSequence: 7 }));
          await tx.putDevice(deviceRecord("SN-0002", { lifecycle: 3, runningSequence: 8 }));
          await tx.putDevice(deviceRecord("SN-0003"));
        });
        expect(await store.tx((tx) => tx.countDevices())).toEqual({ "1": 1, "3": 2 });
        expect(await store.tx((tx) => tx.countDevices("runningSequence"))).toEqual({
          "0": 1,
          "7": 1,
          "8": 1,
        });
        expect(await store.tx((tx) => tx.countDevices("board"))).toEqual({ puckjs: 3 });
      });
    });

    describe("sessions", () => {
      it("are found by serial and by sid, replaced and deleted", async () => {
        await store.tx((tx) => tx.putSession(session("SN-0001", "aabbccdd")));
        const newer = session("SN-0001", "01020304", { receivedCounter: 9 });
        await store.tx((tx) => tx.putSession(newer));
        expect(await store.tx((tx) => tx.session("SN-0001"))).toEqual(newer);
        expect(await store.tx((tx) => tx.sessionBySid("01020304"))).toEqual(newer);
        expect(await store.tx((tx) => tx.sessionBySid("aabbccdd"))).toBeNull();
        await store.tx((tx) => tx.deleteSession("SN-0001"));
        expect(await store.tx((tx) => tx.session("SN-0001"))).toBeNull();
        expect(await store.tx((tx) => tx.sessionBySid("01020304"))).toBeNull();
      });

      it("that share a sid by chance answer with the newer one, also after the older one is saved", async () => {
        const older = session("SN-0001", "aabbccdd");
        const newer = session("SN-0002", "aabbccdd");
        await store.tx((tx) => tx.putSession(older));
        await store.tx((tx) => tx.putSession(newer));
        await store.tx((tx) => tx.putSession({ ...older, receivedCounter: 1 }));
        expect(await store.tx((tx) => tx.sessionBySid("aabbccdd"))).toEqual(newer);
      });
    });

    describe("events", () => {
      it("get rising numbers, defaults for what is left out, and are filtered", async () => {
        const [first, second] = await store.tx(async (tx) => [
          await tx.appendEvent({ kind: "deviceBorn", text: "Born.", serial: "SN-0001" }, 1000),
          await tx.appendEvent(
            {
              kind: "updateConfirmed",
              text: "Up.",
              sequence: 7,
              code: 215,
              rolloutId: "r1",
              atMs: 5,
            },
            1000,
          ),
        ]);
        expect(first).toEqual({
          id: 1,
          atMs: 1000,
          kind: "deviceBorn",
          serial: "SN-0001",
          rolloutId: null,
          sequence: null,
          code: null,
          text: "Born.",
          data: {},
        });
        const find = (filter: { [key: string]: unknown }) =>
          store.tx((tx) => tx.events({ limit: 10, ...filter }));
        expect(second!.id).toBe(2);
        expect(await find({})).toEqual([first, second]);
        expect(await find({ newestFirst: true })).toEqual([second, first]);
        expect(await find({ serial: "SN-0001" })).toEqual([first]);
        expect(await find({ rolloutId: "r1" })).toEqual([second]);
        expect(await find({ sequence: 7 })).toEqual([second]);
        expect(await find({ kind: "deviceBorn" })).toEqual([first]);
        expect(await find({ afterId: 1 })).toEqual([second]);
        expect(await find({ limit: 1 })).toEqual([first]);
      });

      it("are counted by kind, serial, code and time", async () => {
        await store.tx(async (tx) => {
          await tx.appendEvent({ kind: "a", text: "", serial: "SN-0001", code: 9 }, 1000);
          await tx.appendEvent({ kind: "a", text: "", serial: "SN-0002" }, 2000);
          await tx.appendEvent({ kind: "b", text: "" }, 3000);
        });
        const count = (filter: {
          kind: string;
          serial?: string;
          code?: number;
          sinceMs?: number;
        }) => store.tx((tx) => tx.countEvents(filter));
        expect(await count({ kind: "a" })).toBe(2);
        expect(await count({ kind: "a", serial: "SN-0001" })).toBe(1);
        expect(await count({ kind: "a", code: 9 })).toBe(1);
        expect(await count({ kind: "a", sinceMs: 2000 })).toBe(1);
        expect(await count({ kind: "c" })).toBe(0);
        expect(await store.tx((tx) => tx.countEventsByKind())).toEqual({ a: 2, b: 1 });
      });

      it("reach listeners once their transaction is committed, never when it is rolled back", async () => {
        const heard: EventRecord[][] = [];
        const stop = store.onEvents((events) => heard.push(events));
        await store
          .tx(async (tx) => {
            await tx.appendEvent({ kind: "lost", text: "" }, 1);
            throw new Error("no");
          })
          .catch(() => undefined);
        await store.tx(async (tx) => {
          await tx.appendEvent({ kind: "kept", text: "" }, 1);
          expect(heard).toEqual([]);
        });
        stop();
        await store.tx((tx) => tx.appendEvent({ kind: "later", text: "" }, 1));
        expect(heard.map((events) => events.map((event) => event.kind))).toEqual([["kept"]]);
      });
    });

    describe("releases, blobs and rollouts", () => {
      it("come back as they were put", async () => {
        const release = {
          sequence: 7,
          version: "1.2.0",
          images: [],
          type: "fix" as const,
          notes: "",
          publishedMs: 1,
          poisonedMs: null,
          poisonReason: null,
        };
        await store.tx(async (tx) => {
          await tx.putRelease({ ...release, sequence: 9 });
          await tx.putRelease(release);
          await tx.putRelease({ ...release, poisonedMs: 5 });
          await tx.putBlob(0, 7, "c1", Uint8Array.of(1, 2));
          await tx.putBlob(1, 7, "c1", Uint8Array.of(3));
          await tx.putBlob(1, 7, "c1", Uint8Array.of(4));
        });
        expect(await store.tx((tx) => tx.release(7))).toEqual({ ...release, poisonedMs: 5 });
        expect(await store.tx((tx) => tx.release(8))).toBeNull();
        expect(await store.tx(async (tx) => (await tx.releases()).map((r) => r.sequence))).toEqual([
          7, 9,
        ]);
        expect(await store.tx((tx) => tx.blob(0, 7, "c1"))).toEqual(Uint8Array.of(1, 2));
        expect(await store.tx((tx) => tx.blob(1, 7, "c1"))).toEqual(Uint8Array.of(4));
        expect(await store.tx((tx) => tx.blob(1, 7, "c2"))).toBeNull();
      });

      it("list all rollouts or those that still act", async () => {
        await store.tx(async (tx) => {
          for (const status of ["draft", "running", "paused", "halted", "done", "aborted"] as const)
            await tx.putRollout(rolloutRecord(status, { status }));
        });
        const ids = (activeOnly?: boolean) =>
          store.tx(async (tx) => (await tx.rollouts({ activeOnly })).map((rollout) => rollout.id));
        expect(await ids()).toEqual(["aborted", "done", "draft", "halted", "paused", "running"]);
        expect(await ids(true)).toEqual(["halted", "paused", "running"]);
        expect(await store.tx((tx) => tx.rollout("done"))).toEqual(
          rolloutRecord("done", { status: "done" }),
        );
        expect(await store.tx((tx) => tx.rollout("none"))).toBeNull();
      });
    });

    describe("vitals", () => {
      it("give the newest rows of a span, oldest first", async () => {
        const rows = [10, 20, 30, 40].map((atMs) => ({
          serial: "SN-0001",
          atMs,
          sequence: 7,
          values: { batteryMv: [1, 2, atMs] },
        }));
        await store.tx((tx) => tx.appendVitals([...rows, { ...rows[0]!, serial: "SN-0002" }]));
        await store.tx((tx) => tx.appendVitals([]));
        const find = (span: { sinceMs?: number; untilMs?: number; limit: number }) =>
          store.tx((tx) => tx.vitals({ serial: "SN-0001", ...span }));
        expect(await find({ limit: 9 })).toEqual(rows);
        expect(await find({ limit: 2 })).toEqual(rows.slice(2));
        expect(await find({ sinceMs: 20, untilMs: 30, limit: 9 })).toEqual(rows.slice(1, 3));
      });

      it("take more rows at once than one statement has room for", async () => {
        const rows = Array.from({ length: 1201 }, (_, n) => ({
          serial: "SN-0001",
          atMs: n,
          sequence: 1,
          values: {},
        }));
        await store.tx((tx) => tx.appendVitals(rows));
        expect(
          await store.tx(
            async (tx) => (await tx.vitals({ serial: "SN-0001", limit: 5000 })).length,
          ),
        ).toBe(1201);
      });
    });

    describe("certificates, tokens and meta", () => {
      it("keep certificates as a chain without forks", async () => {
        const first = { index: 0, serial: "SN-0001", previous: "00", json: "{}" };
        const again = { index: 1, serial: "SN-0001", previous: "aa", json: "{1}" };
        expect(await store.tx((tx) => tx.lastCertificate())).toBeNull();
        await store.tx((tx) => tx.appendCertificate(first));
        await store.tx((tx) => tx.appendCertificate(again));
        expect(await store.tx((tx) => tx.lastCertificate())).toEqual(again);
        expect(await store.tx((tx) => tx.certificate("SN-0001"))).toEqual(again);
        expect(await store.tx((tx) => tx.certificate("SN-0002"))).toBeNull();
        expect(await store.tx((tx) => tx.certificates({ fromIndex: 1, limit: 5 }))).toEqual([
          again,
        ]);
        const fork = { index: 2, serial: "SN-0002", previous: "aa", json: "{}" };
        await expect(store.tx((tx) => tx.appendCertificate(fork))).rejects.toThrow(/unique/i);
      });

      it("find a token by its hash only", async () => {
        const token: TokenRecord = {
          id: "t1",
          hash: "ab",
          role: "viewer",
          name: "ann",
          expiresMs: null,
        };
        await store.tx((tx) => tx.putToken(token));
        expect(await store.tx((tx) => tx.tokenByHash("ab"))).toEqual(token);
        expect(await store.tx((tx) => tx.tokenByHash("cd"))).toBeNull();
        expect(await store.tx((tx) => tx.tokens())).toEqual([token]);
      });

      it("keep named values", async () => {
        expect(await store.tx((tx) => tx.meta("a"))).toBeNull();
        await store.tx((tx) => tx.putMeta("a", "1"));
        await store.tx((tx) => tx.putMeta("a", "2"));
        expect(await store.tx((tx) => tx.meta("a"))).toBe("2");
      });
    });

    describe("transactions", () => {
      it("leave nothing behind when they fail, and the next one works", async () => {
        const failing = store.tx(async (tx) => {
          await tx.putDevice(deviceRecord("SN-0001"));
          await tx.appendEvent({ kind: "a", text: "" }, 1);
          throw new Error("half way");
        });
        await expect(failing).rejects.toThrow("half way");
        expect(await store.tx((tx) => tx.device("SN-0001"))).toBeNull();
        expect(await store.tx((tx) => tx.events({ limit: 9 }))).toEqual([]);
      });

      it("run one after another, so that no update of a record is lost", async () => {
        await store.tx((tx) => tx.putDevice(deviceRecord("SN-0001")));
        const add = () =>
          store.tx(async (tx) => {
            const device = (await tx.device("SN-0001"))!;
            await new Promise((resolve) => setImmediate(resolve));
            await tx.putDevice({ ...device, zombieContacts: device.zombieContacts + 1 });
          });
        await Promise.all([add(), add(), add(), add()]);
        expect((await store.tx((tx) => tx.device("SN-0001")))!.zombieContacts).toBe(4);
      });
    });

    describe("texts", () => {
      it("that a device made up of anything at all are stored", async () => {
        const text = "zero \0, half a pair \ud800, a whole one \u{1f600}";
        const stored = await store.tx((tx) =>
          tx.appendEvent({ kind: "a", text, data: { text } }, 1),
        );
        const [read] = await store.tx((tx) => tx.events({ limit: 1 }));
        expect(read).toEqual(stored);
        expect(read!.text).toBe("zero \ufffd, half a pair \ufffd, a whole one \u{1f600}");
      });
    });
  });
});

describe("a database file", () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "fleetling-store-"));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  it("keeps everything over a restart", async () => {
    const path = join(dir, "fleet.db");
    const before = await openSqliteStore({ path });
    await before.tx((tx) => tx.putDevice(deviceRecord("SN-0001")));
    await before.close();
    const after = await openSqliteStore({ path });
    expect(await after.tx((tx) => tx.device("SN-0001"))).toEqual(deviceRecord("SN-0001"));
    await after.close();
  });

  it("of a newer agent is refused by name and left as it is", async () => {
    const path = join(dir, "fleet.db");
    const newer = await openSqliteStore({ path });
    await newer.tx((tx) => tx.putMeta("schemaVersion", "99"));
    await newer.close();
    await expect(openSqliteStore({ path })).rejects.toMatchObject({
      name: "SchemaNewer",
      message: `database: expected schema version ${migrations.length} or lower, found 99`,
    });
    const raw = new Database(path);
    expect(raw.prepare("select value from meta where key='schemaVersion'").pluck().get()).toBe(
      "99",
    );
    raw.close();
  });
});
