import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { wilson } from "../../../cloud-agent/core/quality/rates.ts";
import { birthRecord } from "../fixtures.ts";
import { type Harness, harness, problem, startMs } from "./harness.ts";

let api: Harness;
beforeEach(async () => {
  api = await harness();
});
afterEach(() => api.close());

const bear = (serial: string, changes = {}) =>
  api.call("POST", "/v1/births", birthRecord(serial, changes), "line");
const comeBack = async (serial: string, failureCode = "no-boot") =>
  (await api.call("POST", "/v1/rmas", { serial, failureCode, notes: "" }, "operator")).body;

describe("a hold", () => {
  it.each([
    ["batch", "B7", { batch: "B7" }],
    ["lot", "cell=L4711", { lots: { cell: "L4711", radio: "R1" } }],
  ])(
    "of a %s refuses its births by reason and person until it is lifted",
    async (kind, name, of) => {
      const url = `/v1/holds/${kind}/${encodeURIComponent(name)}`;
      const held = await api.call("PUT", url, { reason: "leaks" }, "line");
      const record = { kind, name, reason: "leaks", person: "line", sinceMs: startMs };
      expect([held.status, held.body]).toEqual([200, record]);
      const refused = await bear("SN-0001", of);
      expect(refused.body).toEqual(
        problem(
          ...([615, "LotHeld", 409] as const),
          `birth of SN-0001: ${kind} ${name} is held by line: leaks`,
          "Set the part aside; the hold and its reason are at /v1/holds.",
        ),
      );
      expect((await bear("SN-0002")).status).toBe(201);
      expect((await api.call("GET", "/v1/holds")).body).toEqual({ holds: [record] });
      expect((await api.call("DELETE", url, { reason: "reworked" }, "line")).status).toBe(403);
      expect((await api.call("DELETE", url, { reason: "reworked" }, "operator")).status).toBe(204);
      expect((await bear("SN-0001", of)).status).toBe(201);
      expect((await api.call("DELETE", url, { reason: "again" }, "operator")).status).toBe(404);
    },
  );
  it("lets a birth that is known already be repeated", async () => {
    await bear("SN-0001", { batch: "B7" });
    await api.call("PUT", "/v1/holds/batch/B7", { reason: "leaks" });
    expect((await bear("SN-0001", { batch: "B7" })).status).toBe(200);
    expect((await bear("SN-0001", { batch: "B7", lots: { cell: "X" } })).body).toMatchObject({
      name: "BirthDiffers",
      detail: "device SN-0001: its birth was registered with another lots",
    });
  });
});

describe("a return", () => {
  it("keeps what the device was at its opening, is torn down and closed once", async () => {
    await bear("SN-0001", { lots: { cell: "L1" } });
    const opened = await comeBack("SN-0001");
    expect(opened).toMatchObject({
      ...{ serial: "SN-0001", failureCode: "no-boot", status: "open", person: "operator" },
      found: { batch: "B1", station: "line-1", lots: { cell: "L1" }, lastVitals: null },
    });
    const twice = await comeBack("SN-0001");
    expect(twice).toMatchObject({ name: "RmaStateWrong" });
    const body = { finding: "cell leaked", component: "cell", lot: "L1" };
    const torn = await api.call("POST", `/v1/rmas/${opened.id}/teardown`, body);
    expect(torn.body.teardown).toEqual({ ...body, person: "admin", atMs: startMs });
    const closed = await api.call("POST", `/v1/rmas/${opened.id}/close`, {});
    expect([closed.body.status, closed.body.closedMs]).toEqual(["closed", startMs]);
    const late = await api.call("POST", `/v1/rmas/${opened.id}/close`, {});
    expect([late.status, late.body.name]).toEqual([409, "RmaStateWrong"]);
    const list = await api.call("GET", "/v1/rmas?serial=SN-0001");
    expect(list.body.rmas.map((rma: { id: string }) => rma.id)).toEqual([opened.id]);
    expect((await api.call("GET", "/v1/rmas?serial=SN-9999")).body.rmas).toEqual([]);
  });
  it("of a device that nobody knows is refused", async () => {
    expect(await comeBack("SN-9999")).toMatchObject({ name: "UnknownDevice" });
  });
});

describe("failure rates", () => {
  it("count devices that came back by lot, with the part that the teardown found at fault alone", async () => {
    for (let n = 1; n <= 6; n++) {
      const lots = { cell: n <= 3 ? "L1" : "L2", radio: "R1" };
      await bear(`SN-000${n}`, { lots, batch: n <= 3 ? "B1" : "B2" });
    }
    const first = await comeBack("SN-0001", "leak");
    await comeBack("SN-0002", "leak");
    await api.call("POST", `/v1/rmas/${first.id}/teardown`, {
      ...{ finding: "leaked", component: "cell", lot: "L1" },
    });
    const rates = async (by: string) =>
      (await api.call("GET", `/v1/quality/failures?by=${by}`)).body.rates.map(
        (rate: { group: string; devices: number; returned: number }) => [
          ...[rate.group, rate.devices, rate.returned],
        ],
      );
    expect(await rates("lot")).toEqual([
      ["cell=L1", 3, 2],
      ["radio=R1", 6, 1],
      ["cell=L2", 3, 0],
    ]);
    expect(await rates("batch")).toEqual([
      ["B1", 3, 2],
      ["B2", 3, 0],
    ]);
    expect(await rates("station")).toEqual([["line-1", 6, 2]]);
    expect((await api.call("GET", "/v1/quality/failures?by=moon")).status).toBe(400);
  });
  it.each([
    [0, 10, 0, 0.2775],
    [5, 10, 0.2366, 0.7634],
    [0, 0, 0, 1],
  ])("of %i in %i have the Wilson interval", (hits, total, low, high) => {
    const found = wilson(hits, total);
    expect(found[0]).toBeCloseTo(low, 4);
    expect(found[1]).toBeCloseTo(high, 4);
  });
});

describe("a product", () => {
  const promise = {
    ...{ name: "Sensor 1", supportUntil: "2031-12-31", endOfSale: null, endOfLife: "2033-01-01" },
    ...{ endOfLifePolicy: "goes on without the cloud", disposal: "coin cell; WEEE" },
  };
  const put = (changes = {}) =>
    api.call("PUT", "/v1/products/sensor-1", { ...promise, ...changes }, "releaser");

  it("is promised, and a day may only be moved later", async () => {
    expect((await put()).body).toEqual({
      ...{ model: "sensor-1", ...promise, updatedMs: startMs, stage: "onSale" },
    });
    expect((await put({ supportUntil: "2032-06-30" })).status).toBe(200);
    expect((await put()).body).toMatchObject({
      name: "PromiseBroken",
      detail:
        "product sensor-1: supportUntil: expected 2032-06-30 or later, as promised, got 2031-12-31",
    });
    expect((await put({ supportUntil: "2032-06-30", endOfLife: "2032-12-31" })).body).toMatchObject(
      {
        name: "PromiseBroken",
      },
    );
    const list = await api.call("GET", "/v1/products");
    expect(list.body.products).toHaveLength(1);
    expect(list.body.products[0].supportUntil).toBe("2032-06-30");
  });
  it.each([
    [{ supportUntil: "soon" }, "supportUntil: expected a day such as 2031-12-31, got soon"],
    [{ supportUntil: "2031-13-01" }, "supportUntil: expected a day such as"],
    [{ endOfLife: "2030-01-01" }, "expected endOfLife on or after supportUntil 2031-12-31"],
  ])("is refused with %j", async (changes, detail) => {
    const reply = await put(changes);
    expect([reply.status, reply.body.name]).toEqual([422, "ProductInvalid"]);
    expect(reply.body.detail).toContain(detail);
    expect((await api.call("GET", "/v1/products/sensor-1")).status).toBe(404);
  });
  it("passes from sale to support to its end by its own days", async () => {
    await put({ endOfSale: "2027-06-01" });
    const stage = async (day: string) => {
      api.clock.now = Date.parse(day);
      return (await api.call("GET", "/v1/products/sensor-1")).body.stage;
    };
    expect(await stage("2027-06-01")).toBe("onSale");
    expect(await stage("2027-06-02")).toBe("supported");
    expect(await stage("2033-01-01T23:00:00Z")).toBe("supported");
    expect(await stage("2033-01-02")).toBe("ended");
  });
});
