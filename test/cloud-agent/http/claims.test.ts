import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { expireClaims } from "../../../cloud-agent/core/claims.ts";
import { birthRecord, code, codePopKey, deviceRecord } from "../fixtures.ts";
import { type Harness, harness, problem, startMs } from "./harness.ts";

const serial = "SN-0001";
let api: Harness;
beforeEach(async () => {
  api = await harness();
});
afterEach(() => api.close());

const stored = () => api.store.tx((tx) => tx.device(serial));
const kinds = () =>
  api.store.tx(async (tx) => (await tx.events({ limit: 100 })).map((event) => event.kind));
const claim = (changes: object = {}, role = "installer" as const) =>
  api.call("POST", "/v1/claims", { serial, code, account: "acme", ...changes }, role);

describe("a birth", () => {
  it("is registered once; the same one again is answered alike and changes nothing", async () => {
    const first = await api.call("POST", "/v1/births", birthRecord(serial), "line");
    expect([first.status, first.body]).toEqual([201, { serial, wasNew: true }]);
    const again = await api.call("POST", "/v1/births", birthRecord(serial), "line");
    expect([again.status, again.body]).toEqual([200, { serial, wasNew: false }]);
    expect(await stored()).toEqual(deviceRecord(serial, { nextCheckInS: 60 }));
    expect(await kinds()).toEqual(["deviceBorn"]);
  });

  it("of a serial that was born with other data is refused, and the first one stays", async () => {
    await api.call("POST", "/v1/births", birthRecord(serial), "line");
    const other = birthRecord(serial, { salt: "ff".repeat(16) });
    const reply = await api.call("POST", "/v1/births", other, "line");
    expect(reply.status).toBe(409);
    expect(reply.headers["content-type"]).toBe("application/problem+json; charset=utf-8");
    expect(reply.body).toEqual(
      problem(
        610,
        "BirthDiffers",
        409,
        `device ${serial}: its birth was registered with another salt`,
        "A serial is born once. Give the new device another serial.",
      ),
    );
    expect((await stored())!.birth).toEqual(birthRecord(serial));
  });

  it.each([
    ["a serial in lower case", { serial: "sn-0001" }],
    ["a salt that is too short", { salt: "00" }],
    ["a key id of zero", { kmId: 0 }],
    ["an unknown field", { colour: "red" }],
    ["a text where a number belongs", { hardwareRev: "1" }],
  ])("with %s is refused before anything is stored", async (_, changes) => {
    const body = { ...birthRecord(serial), ...changes };
    const reply = await api.call("POST", "/v1/births", body, "line");
    expect([reply.status, reply.body.code, reply.body.name]).toEqual([400, 600, "RequestInvalid"]);
    expect(await kinds()).toEqual([]);
  });
});

describe("a claim", () => {
  beforeEach(async () => {
    await api.store.tx((tx) => tx.putDevice(deviceRecord(serial)));
  });

  it("with the right code opens an intent of 15 minutes and wakes the device; keys wait for its proof", async () => {
    const reply = await claim({ code: ` ${code.slice(0, 5)}-${code.slice(5).toLowerCase()}` });
    expect(reply.status).toBe(202);
    expect(reply.body).toMatchObject({
      serial,
      lifecycle: 2,
      lifecycleName: "claimPending",
      account: "acme",
      claimIntentUntilMs: startMs + 900_000,
    });
    expect(JSON.stringify(reply.body)).not.toContain(codePopKey);
    expect(await stored()).toEqual(
      deviceRecord(serial, {
        lifecycle: 2,
        grantPending: false,
        claimId: "01".repeat(8),
        claimPopKey: codePopKey,
        claimIntentUntilMs: startMs + 900_000,
        ...{ account: "acme", entitlement: null, consent: null },
      }),
    );
    expect(api.nudged).toEqual([serial]);
    expect(await kinds()).toEqual(["claimIntentOpened"]);
  });

  it("again by the same account keeps the claim id, so that a grant on its way stays good", async () => {
    await claim();
    api.clock.now += 60_000;
    expect((await claim()).status).toBe(202);
    const device = await stored();
    expect([device!.claimId, device!.claimIntentUntilMs]).toEqual([
      "01".repeat(8),
      startMs + 960_000,
    ]);
    expect(await kinds()).toEqual(["claimIntentOpened", "claimIntentRenewed"]);
  });

  it("with a mistyped code is refused, recorded, and says that it was mistyped", async () => {
    const reply = await claim({ code: `${code.slice(0, 16)}${code[16] === "0" ? "1" : "0"}` });
    expect([reply.status, reply.body]).toEqual([
      403,
      problem(
        9,
        "ClaimCodeWrong",
        403,
        `device ${serial}: the code's length or check character is wrong, it was mistyped`,
        "Read the code from the label again; it has 17 characters, the last one is a check.",
      ),
    ]);
    expect(await stored()).toEqual(deviceRecord(serial));
    expect(await kinds()).toEqual(["claimCodeWrong"]);
  });

  it("with another device's code is refused", async () => {
    const { makeCode } = await import("../../../firmware/protocol/host/labels.ts");
    const reply = await claim({ code: makeCode(new Uint8Array(10).fill(1)) });
    expect([reply.status, reply.body.detail]).toEqual([
      403,
      `device ${serial}: the code is not this device's`,
    ]);
  });

  it("is closed for 15 minutes after ten wrong codes, even to the right one", async () => {
    for (let n = 0; n < 10; n++) expect((await claim({ code: "0" })).status).toBe(403);
    const limited = await claim();
    expect([limited.status, limited.body.code, limited.headers["retry-after"]]).toEqual([
      429,
      25,
      "900",
    ]);
    api.clock.now += 900_001;
    expect((await claim()).status).toBe(202);
  });

  it("of an unknown serial is refused", async () => {
    const reply = await claim({ serial: "SN-9999" });
    expect([reply.status, reply.body.code]).toEqual([404, 1]);
  });

  it.each([
    ["operating", { lifecycle: 3 }, 409, 11],
    ["in maintenance", { lifecycle: 7 }, 409, 11],
    ["wiping", { lifecycle: 5 }, 409, 8],
    ["scrapped", { lifecycle: 6 }, 409, 7],
    [
      "claimed by another account that still has time",
      { lifecycle: 2, account: "other", claimIntentUntilMs: startMs + 1 },
      409,
      11,
    ],
    [
      "granted to another account whose time is over, because it may hold that grant",
      { lifecycle: 2, account: "other", claimIntentUntilMs: startMs - 1, grantPending: true },
      409,
      11,
    ],
  ])("of a device that is %s is refused", async (_, changes, status, expected) => {
    await api.store.tx((tx) => tx.putDevice(deviceRecord(serial, changes)));
    const reply = await claim();
    expect([reply.status, reply.body.code]).toEqual([status, expected]);
    expect(await stored()).toEqual(deviceRecord(serial, changes));
  });

  it("is open to the next owner once another account's claim expired or a wipe for resale ended", async () => {
    const expired = { lifecycle: 2, account: "other", claimIntentUntilMs: startMs - 1 };
    await api.store.tx((tx) => tx.putDevice(deviceRecord(serial, expired)));
    expect((await claim()).body.account).toBe("acme");
    const endedWipe = { orderId: 1, mode: 1, ackToken: "aa", nonce: "bb" };
    const resold = deviceRecord(serial, { lifecycle: 6, account: "other", endedWipe });
    await api.store.tx((tx) => tx.putDevice(resold));
    expect((await claim()).body).toMatchObject({ lifecycle: 2, account: "acme" });
  });

  it("that no device came for is closed when its time is over, but never a granted one", async () => {
    await claim();
    expect(await api.store.tx((tx) => expireClaims(tx, startMs + 899_999))).toEqual([]);
    expect(await api.store.tx((tx) => expireClaims(tx, startMs + 900_000))).toEqual([serial]);
    expect(await stored()).toEqual(deviceRecord(serial, { entitlement: null, consent: null }));
    const granted = deviceRecord(serial, { lifecycle: 2, grantPending: true });
    await api.store.tx((tx) => tx.putDevice(granted));
    expect(await api.store.tx((tx) => expireClaims(tx, startMs + 9e9))).toEqual([]);
    expect(await stored()).toEqual(granted);
  });
});
