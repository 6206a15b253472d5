/** What a claim carries: account, entitlement and consent, from the claim to the end of the device's service. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { decommission } from "../../../cloud-agent/core/lifecycle.ts";
import { waitingEntries } from "../../../cloud-agent/core/outbox/outbox.ts";
import { parseConfig } from "../../../cloud-agent/platform/config.ts";
import { WipeMode } from "../../../firmware/protocol/messages.ts";
import { code, deviceRecord } from "../fixtures.ts";
import { type Harness, harness, problem, startMs } from "./harness.ts";

const serial = "SN-0001";
const dayMs = 86_400_000;
const entitlement = { plan: "gold-2027", untilMs: startMs + 365 * dayMs };
const consent = { terms: "2026-11", data: { telemetry: true, location: false } };
let api: Harness;
beforeEach(async () => {
  api = await harness();
  await api.store.tx((tx) => tx.putDevice(deviceRecord(serial)));
});
afterEach(() => api.close());

const claim = (changes: object = {}) =>
  api.call("POST", "/v1/claims", { serial, code, account: "acme", ...changes }, "installer");
const change = (body: object, role: "operator" | "installer" = "operator") =>
  api.call("PUT", `/v1/devices/${serial}/ownership`, body, role);
const view = async () => (await api.call("GET", `/v1/devices/${serial}`)).body;
const put = (changes: object) => api.store.tx((tx) => tx.putDevice(deviceRecord(serial, changes)));
const events = (kind: string) => api.store.tx((tx) => tx.events({ kind, limit: 10 }));

describe("a claim", () => {
  it("carries what is paid for and what its owner agreed to, with who and when", async () => {
    const reply = await claim({ entitlement, consent });
    const agreed = { ...consent, atMs: startMs, person: "installer" };
    expect([reply.status, reply.body.entitlement, reply.body.consent]).toEqual([
      ...[202, entitlement, agreed],
    ]);
    expect(await view()).toMatchObject({ account: "acme", entitlement, consent: agreed });
    expect((await events("claimIntentOpened"))[0]!.data).toMatchObject({
      ...{ account: "acme", entitlement, consent: agreed },
    });
  });
  it("may leave all of it out, and then nobody has told", async () => {
    const reply = await api.call("POST", "/v1/claims", { serial, code }, "installer");
    expect(reply.status).toBe(202);
    expect(await view()).toMatchObject({ account: null, entitlement: null, consent: null });
  });
  it("may be open, and agreed to by another person at another time", async () => {
    const given = { terms: "2026-11", atMs: startMs - dayMs, person: "ann@acme.example" };
    const { body } = await claim({ entitlement: { plan: "gold" }, consent: given });
    expect(body.entitlement).toEqual({ plan: "gold", untilMs: null });
    expect(body.consent).toEqual({ ...given, data: {} });
  });
  it("that is repeated while it is open keeps what it does not say again", async () => {
    await claim({ entitlement, consent });
    const again = await claim({ entitlement: { plan: "silver" } });
    expect(again.body.entitlement).toEqual({ plan: "silver", untilMs: null });
    expect(again.body.consent).toMatchObject(consent);
  });
  it("of a device from before owners were told is shown with none", async () => {
    await put({ lifecycle: 3, account: "acme" });
    expect(await view()).toMatchObject({ account: "acme", entitlement: null, consent: null });
  });
  it.each([
    [["account"], {}, "got none of account"],
    [["account", "consent"], { account: "acme" }, "got none of consent"],
    [["entitlement", "consent"], { account: "acme" }, "got none of entitlement, consent"],
  ])("without %j is refused where settings ask for it", async (needs, body, finding) => {
    Object.assign(api.config, { claimRequires: needs });
    const reply = await api.call("POST", "/v1/claims", { serial, code, ...body }, "installer");
    expect(reply.body).toEqual(
      problem(
        ...([633, "ClaimIncomplete", 422] as const),
        `device ${serial}: expected a claim with ${needs.join(", ")}, ${finding}`,
        expect.stringContaining("FLEETLING_CLAIM_REQUIRES"),
      ),
    );
    expect((await view()).lifecycleName).toBe("released");
    expect((await claim({ entitlement, consent })).status).toBe(202);
  });
  it.each([
    ["an entitlement that is over", { entitlement: { plan: "gold", untilMs: startMs } }, 634],
    ["a consent of tomorrow", { consent: { terms: "1", atMs: startMs + dayMs } }, 635],
    ["an entitlement without a plan", { entitlement: { untilMs: startMs + 1 } }, 600],
    ["an unknown word", { entitlement: { plan: "gold", colour: "red" } }, 600],
    ["a plan of no letters", { entitlement: { plan: "" } }, 600],
    ["a consent to nothing", { consent: { data: {} } }, 600],
    ["data that is neither yes nor no", { consent: { terms: "1", data: { telemetry: 1 } } }, 600],
    ["data with a name that is none", { consent: { terms: "1", data: { "a b": true } } }, 600],
  ])("with %s is refused, and nothing is stored", async (_, body, expected) => {
    expect((await claim(body)).body.code).toBe(expected);
    expect(await view()).toMatchObject({ lifecycleName: "released", account: null });
    expect(await events("claimIntentOpened")).toEqual([]);
  });
});

describe("the setting claimRequires", () => {
  it("takes words with commas, and no others", () => {
    expect(parseConfig({ claimRequires: "account,consent" }).claimRequires).toEqual([
      ...["account", "consent"],
    ]);
    expect(() => parseConfig({ claimRequires: "acount" })).toThrow("claimRequires");
  });
});

describe("an owner's entitlement and consent", () => {
  beforeEach(async () => {
    const agreed = { ...consent, atMs: startMs, person: "ann" };
    await put({ lifecycle: 3, epoch: 1, account: "acme", entitlement, consent: agreed });
  });
  it("are renewed and ended by those who may, each alone, and the log tells who did", async () => {
    api.clock.now += dayMs;
    const renewed = { plan: "gold-2028", untilMs: startMs + 800 * dayMs };
    const reply = await change({ entitlement: renewed });
    expect(reply.body).toMatchObject({ entitlement: renewed, consent });
    const withdrawn = (await change({ consent: null })).body;
    expect(withdrawn.entitlement).toEqual(renewed);
    expect(withdrawn.consent).toMatchObject({ terms: "2026-11", endedMs: startMs + dayMs });
    const texts = (await events("ownershipChanged")).map(({ text }) => text);
    expect(texts).toEqual([
      `operator changed entitlement of ${serial}.`,
      `operator changed consent of ${serial}.`,
    ]);
    expect((await change({ entitlement: null }, "installer")).status).toBe(403);
  });
  it.each([
    ["nothing", {}, {}, 600],
    ["an end that has passed", {}, { entitlement: { plan: "gold", untilMs: startMs - 1 } }, 634],
    ["a consent of tomorrow", {}, { consent: { terms: "1", atMs: startMs + dayMs } }, 635],
    ["a device without an owner", { lifecycle: 1 }, { entitlement: null }, 611],
    ["a device that is being wiped", { lifecycle: 5 }, { entitlement: null }, 8],
    ["a device that was wiped", { lifecycle: 6 }, { entitlement: null }, 7],
  ])("are not changed by %s", async (_, changes, body, expected) => {
    if (Object.keys(changes).length > 0) await put(changes);
    expect((await change(body)).body.code).toBe(expected);
    expect(await events("ownershipChanged")).toEqual([]);
  });
  it("end when the device is decommissioned, and the next owner gives their own", async () => {
    api.clock.now += dayMs;
    const order = { mode: "resale", person: "ann" };
    const { body } = await api.call("POST", `/v1/devices/${serial}/decommission`, order);
    expect(body.entitlement).toEqual({ ...entitlement, endedMs: startMs + dayMs });
    expect(body.consent).toMatchObject({ terms: "2026-11", endedMs: startMs + dayMs });
    const device = (await api.store.tx((tx) => tx.device(serial)))!;
    const endedWipe = { orderId: 1, mode: 1, ackToken: "aa", nonce: "bb" };
    await api.store.tx((tx) => tx.putDevice({ ...device, lifecycle: 6, endedWipe }));
    const next = await claim({ account: "next", consent: { terms: "2027-01" } });
    expect(next.body).toMatchObject({ account: "next", entitlement: null });
    expect(next.body.consent).toEqual({
      ...{ terms: "2027-01", atMs: startMs + dayMs, person: "installer", data: {} },
    });
  });
  it("are told to the systems that bill with the order, whether the device comes or not", async () => {
    api.clock.now += dayMs;
    const order = { mode: "resale", person: "ann" };
    const wipe = () => api.call("POST", `/v1/devices/${serial}/decommission`, order);
    const { orderId } = (await wipe()).body.order;
    const waiting = await api.store.tx((tx) => waitingEntries(tx, 10));
    expect(waiting.map(({ output, kind, stream }) => [output, kind, stream])).toEqual([
      ...[
        ["ops", "billing.stop", serial],
        ["books", "billing.stop", serial],
      ],
    ]);
    expect(JSON.parse(waiting[0]!.body)).toEqual({
      ...{ kind: "billing.stop", subject: `${serial}: billing stopped` },
      text: `Billing of ${serial} for acme stopped: ann decommissioned it.`,
      ...{ serial, model: "sensor-1", batch: "B1", account: "acme" },
      entitlement: { ...entitlement, endedMs: startMs + dayMs },
      ...{ orderId, mode: "resale", person: "ann", atMs: startMs + dayMs },
    });
    await wipe();
    expect(await api.store.tx((tx) => waitingEntries(tx, 10))).toHaveLength(2);
  });
  it("are not told where the order does not stand", async () => {
    const order = { serial, mode: WipeMode.Scrap, person: "ann" };
    const random = { bytes: (count: number) => new Uint8Array(count).fill(7) };
    const edge = { random, nowMs: startMs, outputs: ["ops"], steadyMs: startMs };
    const failing = api.store.tx(async (tx) => {
      await decommission(tx, order, edge);
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    expect(await api.store.tx((tx) => waitingEntries(tx, 10))).toEqual([]);
    expect(await events("billingStopped")).toEqual([]);
  });
  it("are in the device's export, and are erased with it", async () => {
    const url = `/v1/devices/${serial}/export`;
    const headers = { authorization: "Bearer operator-token" };
    const lines = (await api.app.inject({ url, headers })).payload.split("\n");
    const { device } = JSON.parse(lines[1]!);
    expect(device).toMatchObject({ account: "acme", entitlement, consent });
    const stored = (await api.store.tx((tx) => tx.device(serial)))!;
    await api.store.tx((tx) => tx.putDevice({ ...stored, lifecycle: 6 }));
    await api.call("DELETE", `/v1/devices/${serial}/data`);
    expect(await view()).toMatchObject({ account: null, entitlement: null, consent: null });
  });
});
