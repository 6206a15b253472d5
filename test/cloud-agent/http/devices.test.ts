import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { deviceRecord } from "../fixtures.ts";
import { type Harness, harness, problem, startMs } from "./harness.ts";

const serial = "SN-0001";
let api: Harness;
beforeEach(async () => {
  api = await harness();
});
afterEach(() => api.close());

const put = (changes: object = {}, name = serial) =>
  api.store.tx((tx) => tx.putDevice(deviceRecord(name, changes)));
const stored = () => api.store.tx((tx) => tx.device(serial));
const events = () => api.store.tx((tx) => tx.events({ limit: 100 }));
const wipeOrder = {
  kind: "wipe" as const,
  orderId: 0x01010101,
  mode: 2,
  nonce: "02".repeat(16),
  ackToken: "03".repeat(16),
  createdMs: startMs,
  acceptedMs: null,
};

describe("reading devices", () => {
  it("shows what people need and none of the record's secrets", async () => {
    await put({
      lifecycle: 5,
      claimPopKey: "secret-pop",
      claimId: "secret-id",
      brokerCounter: 5,
      order: wipeOrder,
    });
    const reply = await api.call("GET", `/v1/devices/${serial}`, undefined, "viewer");
    expect(reply.status).toBe(200);
    expect(reply.body).toEqual({
      serial,
      model: "sensor-1",
      board: "puckjs",
      hardwareRev: 1,
      batch: "B1",
      classId: "33".repeat(16),
      bornAt: "2026-01-01T00:00:00.000Z",
      lifecycle: 5,
      lifecycleName: "wiping",
      epoch: 0,
      ...{ account: null, entitlement: null, consent: null, provisioning: null },
      group: null,
      site: null,
      tags: [],
      claimIntentUntilMs: null,
      runningSequence: 0,
      runningDigest: "0000000000000000",
      slotState: 0,
      floor: 0,
      otherSequence: 0,
      otherValid: false,
      interpreter: "",
      resetReason: 0,
      lastSeenMs: null,
      presence: { state: "unwatched", sinceMs: null, promisedS: null },
      maintenance: null,
      nextCheckInS: 0,
      checkInS: 60,
      settingsRevision: 0,
      settingsRefused: {},
      isSunset: false,
      fieldMinutesLeft: null,
      poison: [],
      isFrozen: false,
      wantedSettings: null,
      lastFailed: null,
      refused: null,
      download: null,
      zombieContacts: 0,
      route: "fl",
      order: { kind: "wipe", orderId: 0x01010101, mode: 2, createdMs: startMs, acceptedMs: null },
    });
  });

  it("gives pages whose cursors meet every device once, also digits-only serials", async () => {
    for (const name of ["1234", "1235", "SN-0001"]) await put({}, name);
    const list = async (query: string) => {
      const { body } = await api.call("GET", `/v1/devices?limit=2${query}`);
      return [body.devices.map((device: { serial: string }) => device.serial), body.next];
    };
    expect(await list("")).toEqual([["1234", "1235"], "1235"]);
    expect(await list("&after=1235")).toEqual([["SN-0001"], null]);
    expect(await list("&lifecycle=3")).toEqual([[], null]);
  });

  it.each(["limit=0", "limit=501", "limit=x", "lifecycle=9", "colour=red"])(
    "refuses the query %s",
    async (query) => {
      const reply = await api.call("GET", `/v1/devices?${query}`);
      expect([reply.status, reply.body.code]).toEqual([400, 600]);
    },
  );

  it("gives vitals and events of one device, and refuses an unknown one", async () => {
    await put();
    await api.store.tx(async (tx) => {
      await tx.appendVitals([
        { serial, atMs: 5, sequence: 7, values: { batteryMv: [2900, 3000, 2950] } },
        { serial, atMs: 9, sequence: 7, values: {} },
      ]);
      await tx.appendEvent({ kind: "a", text: "A.", serial }, 1);
      await tx.appendEvent({ kind: "b", text: "B.", serial: "SN-0002" }, 2);
    });
    expect((await api.call("GET", `/v1/devices/${serial}/vitals?untilMs=8`)).body).toEqual({
      serial,
      vitals: [{ atMs: 5, sequence: 7, values: { batteryMv: [2900, 3000, 2950] } }],
    });
    expect((await api.call("GET", `/v1/devices/${serial}/events`)).body).toEqual({
      events: [
        {
          ...{ id: 1, atMs: 1, kind: "a", serial, rolloutId: null, sequence: null, code: null },
          ...{ text: "A.", data: {} },
        },
      ],
      next: null,
    });
    for (const path of ["", "/vitals", "/events", "/next", "/certificate", "/why?sequence=1"]) {
      const reply = await api.call("GET", `/v1/devices/SN-9999${path}`);
      expect([path, reply.status, reply.body.code]).toEqual([path, 404, 1]);
    }
  });

  it("says why a device does not run a release and what comes next", async () => {
    await put({ lifecycle: 3 });
    const next = await api.call("GET", `/v1/devices/${serial}/next`);
    expect(next.body).toEqual({
      offer: null,
      code: "noRollout",
      reason: "no rollout targets it",
      rolloutId: null,
    });
    const why = await api.call("GET", `/v1/devices/${serial}/why?sequence=7`);
    expect(why.status).toBe(200);
    expect(why.body.answer).toContain("7");
  });
});

describe("decommissioning", () => {
  const order = (mode: string, role: "operator" | "viewer" = "operator") =>
    api.call("POST", `/v1/devices/${serial}/decommission`, { mode, person: "Ann" }, role);

  it("stops billing at once and orders the wipe, in one transaction", async () => {
    await put({ lifecycle: 3, account: "acme" });
    const reply = await order("return");
    expect([reply.status, reply.body.lifecycleName]).toEqual([202, "wiping"]);
    expect((await stored())!).toEqual(
      deviceRecord(serial, { lifecycle: 5, account: "acme", order: wipeOrder }),
    );
    expect((await events()).map(({ kind, text }) => [kind, text])).toEqual([
      ["billingStopped", "Billing of SN-0001 for acme stopped: Ann decommissioned it."],
      ["wipeOrdered", "Ann ordered SN-0001 to be wiped for return."],
    ]);
    expect(api.nudged).toEqual([serial]);
    expect(JSON.stringify(reply.body)).not.toContain(wipeOrder.ackToken);
  });

  it("again in the same way returns the first order; in another way it is refused", async () => {
    await put({ lifecycle: 3 });
    await order("return");
    expect((await order("return")).body.order.orderId).toBe(0x01010101);
    const other = await order("scrap");
    expect([other.status, other.body]).toEqual([
      409,
      problem(
        612,
        "WipeAlreadyOrdered",
        409,
        "device SN-0001: order 16843009 wipes it for return",
        "The first order stands; wait for its receipt.",
      ),
    ]);
    expect((await events()).length).toBe(2);
  });

  it.each([
    ["nobody has claimed", { lifecycle: 1 }, 611],
    ["is only about to be claimed", { lifecycle: 2 }, 611],
    ["has left", { lifecycle: 6 }, 7],
  ])("is refused for a device that %s", async (_, changes, expected) => {
    await put(changes);
    const reply = await order("scrap");
    expect([reply.status, reply.body.code]).toEqual([409, expected]);
    expect(await events()).toEqual([]);
  });

  it("has no certificate before the device's receipt", async () => {
    await put({ lifecycle: 5, order: wipeOrder });
    const reply = await api.call("GET", `/v1/devices/${serial}/certificate`);
    expect([reply.status, reply.body.code, reply.body.name]).toEqual([
      404,
      614,
      "CertificateNotIssued",
    ]);
  });

  it("gives the certificate byte for byte as it was signed", async () => {
    await put({ lifecycle: 6 });
    const json = '{"b":1,  "a":"é"}';
    await api.store.tx((tx) => tx.appendCertificate({ index: 0, serial, previous: "00", json }));
    const reply = await api.app.inject({
      url: `/v1/devices/${serial}/certificate`,
      headers: { authorization: "Bearer viewer-token" },
    });
    expect([reply.statusCode, reply.payload]).toEqual([200, json]);
    const chain = await api.call("GET", "/v1/certificates?fromIndex=0&limit=1");
    expect(chain.body).toEqual({ publicKey: "ab".repeat(32), certificates: [json], next: null });
  });
});

describe("a revert order", () => {
  const revert = (body: object = {}) =>
    api.call("POST", `/v1/devices/${serial}/revert`, body, "operator");
  const good = { lifecycle: 3, runningSequence: 8, otherSequence: 7, otherValid: true, floor: 7 };

  it("goes to the image of the other slot and stands until it is answered", async () => {
    await put(good);
    const reply = await revert();
    const order = { kind: "revert", orderId: 0x01010101, toSequence: 7, createdMs: startMs };
    expect([reply.status, reply.body.order]).toEqual([202, order]);
    expect((await stored())!.order).toEqual(order);
    expect((await revert({ toSequence: 7 })).body.order).toEqual(order);
    expect((await events()).map((event) => [event.kind, event.sequence])).toEqual([
      ["revertOrdered", 7],
    ]);
  });

  it.each([
    ["the other slot is invalid", { ...good, otherValid: false }, {}, 213 + 1],
    ["the other slot holds something else", good, { toSequence: 6 }, 214],
    ["it is below the floor", { ...good, floor: 8 }, {}, 213],
    ["another order waits", { ...good, order: { ...wipeOrder } }, {}, 613],
    ["nobody has claimed the device", { ...good, lifecycle: 1 }, {}, 611],
    ["the device is being wiped", { ...good, lifecycle: 5 }, {}, 8],
  ])("is refused when %s", async (_, changes, body, expected) => {
    await put(changes);
    const reply = await revert(body);
    expect([reply.status, reply.body.code]).toEqual([409, expected]);
    expect(await events()).toEqual([]);
  });
});

describe("settings and labels", () => {
  const set = (values: object) =>
    api.call("PUT", `/v1/devices/${serial}/settings`, { values }, "operator");

  it("get a revision above everything the device has seen; the same again changes nothing", async () => {
    await put({ lifecycle: 3, settingsRevision: 4 });
    const wanted = { revision: 5, values: { rate: 10, name: "hall", led: true } };
    expect((await set(wanted.values)).body.wantedSettings).toEqual(wanted);
    expect((await set(wanted.values)).body.wantedSettings).toEqual(wanted);
    expect((await set({ rate: 11 })).body.wantedSettings.revision).toBe(6);
    expect((await events()).map((event) => event.kind)).toEqual([
      "settingsChanged",
      "settingsChanged",
    ]);
  });

  it.each([
    ["a fraction", { rate: 1.5 }],
    ["a name that is too long", { abcdefghijklmnopq: 1 }],
    ["a text that is too long", { name: "x".repeat(49) }],
    ["a list", { rate: [1] }],
    ["null", { rate: null }],
    ["a name that is no name", { "9 lives": 1 }],
  ])("refuse %s", async (_, values) => {
    await put({ lifecycle: 3 });
    const reply = await set(values);
    expect([reply.status, reply.body.code]).toEqual([400, 600]);
  });

  it("change only the labels that are given, and null takes one away", async () => {
    await put({ group: "a", site: "hall" });
    const body = { group: null, tags: ["x"], checkInS: 30 };
    const reply = await api.call("PUT", `/v1/devices/${serial}/labels`, body, "operator");
    expect(reply.body).toMatchObject({ group: null, site: "hall", tags: ["x"], checkInS: 30 });
    expect(await stored()).toEqual(
      deviceRecord(serial, { group: null, site: "hall", tags: ["x"], checkInS: 30 }),
    );
  });
});
