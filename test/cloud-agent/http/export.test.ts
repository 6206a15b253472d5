/** All that is stored of a device: given out whole, without secrets, and erased with counts. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { csvLine } from "../../../cloud-agent/core/export.ts";
import { openRma, tearDown } from "../../../cloud-agent/core/quality/rma.ts";
import { rollUpNext } from "../../../cloud-agent/core/vitals/roll.ts";
import { Lifecycle } from "../../../firmware/protocol/messages.ts";
import { birthRecord, deviceRecord } from "../fixtures.ts";
import { type Harness, harness, problem } from "./harness.ts";

const serial = "SN-0001";
const other = "SN-0002";
let api: Harness;
beforeEach(async () => {
  api = await harness();
  const { now } = api.clock;
  await api.store.tx(async (tx) => {
    for (const name of [serial, other]) {
      const birth = birthRecord(name, { codeHash: "c0de".repeat(16), salt: "5a17".repeat(8) });
      const claim = { claimPopKey: "secret-pop", claimId: "secret-id", account: "acme" };
      const nonces = { nonce: "secret-nonce", ackToken: "secret-token", acceptedMs: null };
      const order = { kind: "wipe" as const, orderId: 5, mode: 1, createdMs: 1, ...nonces };
      const place = { site: "attic", lifecycle: Lifecycle.Retired };
      await tx.putDevice(deviceRecord(name, { birth, ...claim, ...place, order }));
      const rows = Array.from({ length: 700 }, (_, n) => ({
        ...{ serial: name, sequence: 7, atMs: now - n * 1000, values: { batteryMv: [1, 3, 2] } },
      }));
      await tx.appendVitals(rows);
      for (let n = 0; n < 600; n++) {
        await tx.appendEvent({ kind: "updateReverted", serial: name, text: `=event ${n}` }, n);
      }
    }
    const edge = {
      random: { bytes: (count: number) => new Uint8Array(count) },
      nowMs: now,
      person: "ann",
    };
    const rma = await openRma(tx, { serial, failureCode: "no-boot", notes: "fell" }, edge);
    await tearDown(tx, rma.id, { finding: "dog hair", component: "cell", lot: "L1" }, edge);
    await tx.appendCertificate({ index: 0, serial, previous: "00", json: "{}" });
    await tx.appendCertificate({ index: 1, serial: other, previous: "01", json: "{}" });
    for (let left = 1400; left > 0; left -= 100) await rollUpNext(tx);
  });
});
afterEach(() => api.close());

const get = (query: string, role = "operator") =>
  api.app.inject({
    url: `/v1/devices/${serial}/export${query}`,
    headers: { authorization: `Bearer ${role}-token` },
  });

describe("an export", () => {
  it("has every line of the device and no other's, and its end counts them", async () => {
    const reply = await get("");
    expect(reply.headers["content-type"]).toBe("application/x-ndjson");
    const lines = reply.payload
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    const head = { kind: "fleetlingExport", version: 1, serial, atMs: api.clock.now };
    expect(lines[0]).toEqual({ ...head, masterKeys: {} });
    expect(lines.at(-1)).toEqual({
      kind: "end",
      counts: {
        device: 1,
        event: 602,
        vitals: 700,
        hour: 2,
        day: 1,
        return: 1,
        snapshot: 1,
        certificate: 1,
      },
    });
    expect(lines).toHaveLength(602 + 700 + 2 + 1 + 1 + 1 + 1 + 1 + 2);
    expect(lines[1].device).toMatchObject({ serial, account: "acme", site: "attic" });
    expect(reply.payload).not.toContain(other);
  });
  it("holds no secret of the record", async () => {
    const { payload } = await get("");
    for (const secret of ["secret", "c0dec0de", "5a175a17"]) expect(payload).not.toContain(secret);
  });
  it.each([
    ["vitals", 701, "atMs,sequence,metric,min,max,last", /^\d+,7,batteryMv,1,3,2$/],
    [
      "hours",
      3,
      "fromMs,sequence,crashes,metric,min,max,mean,count",
      /^\d+,7,0,batteryMv,1,3,2,\d+$/,
    ],
    [
      "days",
      2,
      "fromMs,sequence,crashes,metric,min,max,mean,count",
      /^\d+,7,0,batteryMv,1,3,2,\d+$/,
    ],
    [
      "events",
      603,
      "id,atMs,kind,rolloutId,sequence,code,text,data",
      /^\d+,\d+,updateReverted,,,,'=event 0,\{\}$/,
    ],
  ])("of %s as CSV has %i lines", async (part, count, head, first) => {
    const reply = await get(`?format=csv&part=${part}`);
    expect(reply.headers["content-type"]).toBe("text/csv; charset=utf-8");
    const lines = reply.payload.trimEnd().split("\r\n");
    expect([lines.length, lines[0]]).toEqual([count, head]);
    expect(lines[1]).toMatch(first);
  });
  it("is not for everybody, and not of a device that is not there", async () => {
    expect((await get("", "viewer")).statusCode).toBe(403);
    const unknown = await api.call("GET", "/v1/devices/SN-0009/export");
    expect(unknown.body.name).toBe("UnknownDevice");
    expect((await get("?format=xml")).statusCode).toBe(400);
  });
});

describe("a line of CSV", () => {
  it.each([
    [["a,b", 'say "x"', "two\nlines", null, 5], '"a,b","say ""x""","two\nlines",,5\r\n'],
    [["=1+1", "+x", "-x", "@x", "x=1", -5], "'=1+1,'+x,'-x,'@x,x=1,-5\r\n"],
  ])("of %j is quoted, and no formula", (cells, wanted) => {
    expect(csvLine(cells)).toBe(wanted);
  });
});

describe("erasure", () => {
  const erase = () => api.call("DELETE", `/v1/devices/${serial}/data`, undefined, "operator");

  it("takes what was measured, done and written, tells the counts, and leaves birth and certificate", async () => {
    expect((await erase()).body).toEqual({
      ...{ vitals: 700, spans: 3, events: 602, returns: 1, snapshots: 0, provisionings: 0 },
      ...{ commands: 0, logs: 0 },
    });
    const lines = (await get("")).payload
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    const counts = { device: 1, event: 1, return: 1, snapshot: 1, certificate: 1 };
    const snapshot = lines.find(({ kind }) => kind === "snapshot").snapshot.device;
    expect(snapshot).toMatchObject({ account: null, site: null });
    expect(lines.at(-1)).toEqual({ kind: "end", counts });
    const { device } = lines[1];
    expect(device).toMatchObject({ serial, account: null, site: null, tags: [], batch: "B1" });
    expect(lines[2].event).toMatchObject({
      kind: "dataErased",
      data: { vitals: 700, events: 602 },
    });
    expect(lines[3].return).toMatchObject({
      ...{ failureCode: "no-boot", notes: "", person: "" },
      teardown: { component: "cell", lot: "L1", finding: "", person: "" },
    });
    expect((await erase()).body).toEqual({
      ...{ vitals: 0, spans: 0, events: 0, returns: 0, snapshots: 0, provisionings: 0 },
      ...{ commands: 0, logs: 0 },
    });
    const kept = await api.store.tx((tx) => tx.vitals({ serial: other, limit: 1000 }));
    expect(kept).toHaveLength(700);
  });
  it("of a device in service is refused, and erases nothing", async () => {
    const device = deviceRecord(serial, { lifecycle: Lifecycle.Operating });
    await api.store.tx((tx) => tx.putDevice(device));
    const detail = `device ${serial}: expected a retired or unclaimed one, it is in service or leaving`;
    expect((await erase()).body).toEqual(
      problem(695, "DeviceInService", 409, detail, expect.any(String)),
    );
    expect(await api.store.tx((tx) => tx.vitals({ serial, limit: 1000 }))).toHaveLength(700);
  });
});
