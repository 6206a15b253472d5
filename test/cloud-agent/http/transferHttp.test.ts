/** A customer's data over the API, and how much of it is held in memory. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { devicesOfAccount, exportLines } from "../../../cloud-agent/deviceExport.ts";
import { openSqliteStore } from "../../../cloud-agent/storage/sqlite.ts";
import type { Store } from "../../../cloud-agent/storage/store.ts";
import { exported, filled, secretBirth } from "../../support/transfer.ts";
import { deviceRecord } from "../fixtures.ts";
import { type Harness, harness } from "./harness.ts";

describe("over HTTP", () => {
  let api: Harness;
  beforeEach(async () => {
    api = await harness();
  });
  afterEach(() => api.close());
  const send = (file: string, query = "", role = "admin") =>
    api.app.inject({
      ...{ method: "POST", url: `/v1/import${query}`, payload: file },
      headers: { authorization: `Bearer ${role}-token`, "content-type": "application/x-ndjson" },
    });

  it("an owner's data goes out, comes in, is counted and erased", async () => {
    const from = await filled([deviceRecord("SN-1000", { account: "acme", lifecycle: 6 })]);
    const file = await exported(from);
    await from.close();
    expect((await send(file, "", "operator")).statusCode).toBe(403);
    const dry = await send(file, "?dryRun=true");
    expect(dry.json()).toMatchObject({ imported: 1, refused: [] });
    expect((await send(file)).json()).toMatchObject({ imported: 1, unchanged: 0 });
    expect((await send(file)).json()).toMatchObject({ imported: 0, unchanged: 1 });
    expect((await send("x\n")).json()).toMatchObject({ code: 644, name: "ImportInvalid" });
    const reply = await api.app.inject({
      url: "/v1/accounts/acme/export",
      headers: { authorization: "Bearer operator-token" },
    });
    const [, device] = reply.payload.split("\n");
    expect(JSON.parse(device!).device).toMatchObject({ serial: "SN-1000", account: "acme" });
    const csv = await api.app.inject({
      url: "/v1/accounts/acme/export?format=csv&part=events",
      headers: { authorization: "Bearer operator-token" },
    });
    expect(csv.payload.split("\r\n")[1]).toMatch(/^SN-1000,\d+,0,updateReverted/);
    const counted = await api.call("GET", "/v1/devices/SN-1000/data", undefined, "operator");
    const erased = await api.call("DELETE", "/v1/devices/SN-1000/data", undefined, "operator");
    expect(counted.body).toEqual(erased.body);
    expect(counted.body.events).toBe(3);
    const gone = await api.app.inject({
      url: "/v1/accounts/acme/export",
      headers: { authorization: "Bearer operator-token" },
    });
    expect(gone.payload).toMatch(/"end","counts":\{\}/);
  });
  it("a device that came without its birth is completed by it, and refused by another", async () => {
    const birth = secretBirth("SN-1000");
    const from = await filled([deviceRecord("SN-1000", { account: "acme", lifecycle: 3, birth })]);
    await send(await exported(from));
    await from.close();
    const other = await api.call("POST", "/v1/births", { ...birth, batch: "B9" }, "line");
    expect(other.body.name).toBe("BirthDiffers");
    expect((await api.call("POST", "/v1/births", birth, "line")).status).toBe(201);
    const device = await api.store.tx((tx) => tx.device("SN-1000"));
    expect([device!.birth.salt, device!.account]).toEqual([birth.salt, "acme"]);
    expect(
      (await api.call("POST", "/v1/births", { ...birth, salt: "00".repeat(16) }, "line")).body.name,
    ).toBe("BirthDiffers");
  });
});

describe("a large export", () => {
  it("goes through with bounded memory, and does not wait for its end to begin", async () => {
    const store = await openSqliteStore({ path: ":memory:", durability: "normal" });
    const filler = "x".repeat(2000);
    await store.tx(async (tx) => {
      for (let n = 0; n < 4; n++) {
        const serial = `SN-${1000 + n}`;
        await tx.putDevice(deviceRecord(serial, { account: "acme" }));
        for (let at = 0; at < 600; at++) {
          await tx.appendEvent({ kind: "x", serial, text: filler }, at);
        }
      }
    });
    // The most that was read and not yet given on, in lines: a page of rows, and no more.
    let [reads, given, most] = [0, 0, 0];
    const counting: Store = {
      ...store,
      close: () => store.close(),
      onEvents: (listener) => store.onEvents(listener),
      tx: async (fn) => {
        const found = await store.tx(fn);
        if (Array.isArray(found)) reads += found.length;
        return found;
      },
    };
    const lines = exportLines(
      counting,
      { account: "acme", atMs: 0 },
      devicesOfAccount(counting, "acme"),
      (one) => one,
    );
    for await (const line of lines) {
      given++;
      most = Math.max(most, reads - given);
      expect(line.length).toBeLessThan(10_000);
    }
    await store.close();
    expect(given).toBe(4 * 601 + 2);
    expect(most).toBeLessThan(600);
  }, 60_000);
});
