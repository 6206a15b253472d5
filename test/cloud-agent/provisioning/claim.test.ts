/** Claims that wait for other systems: over real HTTP, in virtual time. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { expireClaims } from "../../../cloud-agent/core/claims.ts";
import { signatureHolds } from "../../../cloud-agent/core/outbox/sign.ts";
import { undoGiveUpMs } from "../../../cloud-agent/core/provisioning/limits.ts";
import { deviceRecord } from "../fixtures.ts";
import { problem, startMs } from "../http/harness.ts";
import { law, map, openWorld, secret, serial, shop, type World } from "./world.ts";

const id = "01".repeat(8);
const key = (hook: string, end = "") => `claim-${id}-${hook}${end}`;
let world: World;
beforeEach(async () => {
  world = await openWorld([shop, law, map]);
});
afterEach(() => world.close());

const kinds = () =>
  world.api.store.tx(async (tx) => (await tx.events({ limit: 100 })).map(({ kind }) => kind));
const device = async () => (await world.api.store.tx((tx) => tx.device(serial)))!;
const expire = () =>
  world.api.store.tx((tx) => expireClaims(tx, world.api.clock.now, world.api.clock.now));

describe("a claim with hooks", () => {
  it("is opened to its device once all have passed, in their order, each told the same", async () => {
    const entitlement = { plan: "gold", untilMs: startMs + 1e9 };
    const reply = await world.claim({ entitlement, consent: { terms: "1" } });
    expect(reply.status).toBe(202);
    expect(reply.body).toMatchObject({ lifecycle: 2, provisioning: null });
    expect(reply.body.claimIntentUntilMs).toBe(startMs + 900_000);
    expect(world.calls()).toEqual(["shop do", "law do", "map do"]);
    expect(await kinds()).toEqual([
      ...["provisioningBegun", "claimIntentOpened", "provisioningEnded"],
    ]);
    const [first] = world.receiver.received;
    expect(first!.headers).toMatchObject({
      ...{ "idempotency-key": key("shop"), "fleetling-id": key("shop") },
      "fleetling-kind": "claim.do",
    });
    expect(signatureHolds(secret, first!, startMs)).toBe(true);
    expect(JSON.parse(first!.body)).toEqual({
      ...{ id: key("shop"), event: "claim", action: "do", hook: "shop", serial, mode: null },
      ...{ model: "sensor-1", board: "puckjs", batch: "B1", account: "acme", entitlement },
      consent: { terms: "1", atMs: startMs, person: "installer", data: {} },
      ...{ previousAccount: null, person: "installer", atMs: startMs },
    });
    expect(await world.sagas()).toMatchObject([{ id, state: "passed", refusal: null }]);
  });
  it("is held until then: nobody else gets the device, and its own time has not begun", async () => {
    world.answers["/law"] = { status: 503 };
    const reply = await world.claim();
    expect(reply.body).toMatchObject({ lifecycle: 2, claimIntentUntilMs: null, provisioning: id });
    expect(world.calls()).toEqual(["shop do", "law do"]);
    world.api.clock.now += 900_001;
    expect(await expire()).toEqual([]);
    expect((await world.claim({ account: "other" })).body.code).toBe(11);
    world.api.clock.now -= 900_001;
    world.api.nudged.length = 0;
    world.answers["/law"] = { status: 200 };
    await world.later(999);
    expect(world.calls()).toHaveLength(2);
    await world.later(1);
    expect(world.calls()).toEqual(["shop do", "law do", "law do", "map do"]);
    expect((await device()).claimIntentUntilMs).toBe(startMs + 1_000 + 900_000);
    expect(world.api.nudged).toEqual([serial]);
  });
  it("repeats a call with the same key and the same bytes, less and less often", async () => {
    world.answers["/shop"] = { status: 500 };
    await world.claim();
    for (const pause of [1_000, 2_000, 4_000]) await world.later(pause);
    world.answers["/shop"] = { status: 200 };
    await world.later(7_999);
    expect(world.calls()).toHaveLength(4);
    await world.later(1);
    const shops = world.receiver.received.filter(({ path }) => path === "/shop");
    expect(new Set(shops.map(({ body }) => body)).size).toBe(1);
    expect(world.keys("/shop")).toEqual(Array(5).fill(key("shop")));
    expect(world.keys("/map")).toEqual([key("map")]);
  });
  it("that is repeated meanwhile joins the first one, and calls nobody twice", async () => {
    world.answers["/law"] = { status: 503 };
    await world.claim({ entitlement: { plan: "gold" } });
    const again = await world.claim();
    expect([again.status, again.body.provisioning, again.body.entitlement.plan]).toEqual([
      ...[202, id, "gold"],
    ]);
    expect(world.calls()).toEqual(["shop do", "law do"]);
    world.answers = {};
    await world.later(1_000);
    world.api.clock.now += 60_000;
    const renewed = await world.claim({ entitlement: { plan: "gold" } });
    expect(renewed.body.claimIntentUntilMs).toBe(world.api.clock.now + 900_000);
    expect(world.calls()).toHaveLength(4);
    const other = await world.claim({ entitlement: { plan: "silver" } });
    expect([other.status, other.body.name]).toEqual([409, "ProvisioningStateWrong"]);
  });
  it("is refused by a veto, named with its reason, and what others did is taken back", async () => {
    world.answers["/law"] = { status: 409, body: '{"reason":"terms 1 are withdrawn"}' };
    const reply = await world.claim();
    expect(reply.body).toEqual(
      problem(
        ...([636, "HookVetoed", 409] as const),
        `device ${serial}: its claim was refused: hook law vetoed it: terms 1 are withdrawn`,
        expect.stringContaining("taken back"),
      ),
    );
    expect(world.calls()).toEqual(["shop do", "law do", "shop compensate"]);
    const [, , undone] = world.receiver.received;
    expect(undone!.headers["idempotency-key"]).toBe(key("shop", "-compensate"));
    expect(undone!.headers["fleetling-kind"]).toBe("claim.compensate");
    expect(JSON.parse(undone!.body)).toMatchObject({ compensates: key("shop"), account: "acme" });
    expect(await device()).toMatchObject({ lifecycle: 1, account: null, claimPopKey: null });
    expect((await device()).provisioning).toBe(null);
    expect(await world.sagas()).toMatchObject([
      { state: "refused", refusal: { code: 636, hook: "law" } },
    ]);
    world.answers = {};
    const next = await world.claim();
    expect([next.status, next.body.lifecycle]).toEqual([202, 2]);
    expect(new Set(world.keys("/map"))).not.toContain(key("map"));
  });
  it.each([
    [422, "status 422"],
    [302, "status 302"],
    // This hook has no right to a veto.
    [403, "status 403"],
  ])(
    "is refused by an answer %i of the last one, and taken back in reverse",
    async (status, why) => {
      await world.close();
      world = await openWorld([shop, { ...law, compensate: true }, map]);
      world.answers["/map"] = { status };
      const { body } = await world.claim();
      expect([body.code, body.name, body.status]).toEqual([637, "HookFailed", 502]);
      expect(body.detail).toContain(`hook map failed: ${why}`);
      expect(world.calls().slice(3)).toEqual(["law compensate", "shop compensate"]);
      expect((await device()).lifecycle).toBe(1);
    },
  );
  it("gives a hook without an answer up in time, and takes back what it may have done", async () => {
    await world.close();
    world = await openWorld([shop, law, { ...map, timeoutS: 1 }]);
    world.answers["/map"] = "none";
    const reply = await world.claim();
    expect(reply.status).toBe(202);
    const [running] = await world.sagas();
    expect(running.hooks[2]).toMatchObject({ attempts: 1, error: "no answer in 1 s" });
    world.receiver.answer = ({ path, body }) => {
      return { status: path === "/map" && JSON.parse(body).action === "do" ? 500 : 200 };
    };
    for (let ms = 0; ms < 70_000; ms += 5_000) await world.later(5_000);
    expect(world.calls().slice(-2)).toEqual(["map compensate", "shop compensate"]);
    const [ended] = await world.sagas();
    expect(ended).toMatchObject({ state: "refused", refusal: { code: 637, hook: "map" } });
    expect(new Set(world.keys("/map"))).toEqual(new Set([key("map"), key("map", "-compensate")]));
    expect((await device()).lifecycle).toBe(1);
  });
  it("that could not be taken back is stuck, told, and called again by a person", async () => {
    world.answers["/law"] = { status: 403 };
    world.receiver.answer = ({ path, body }) => {
      if (JSON.parse(body).action === "compensate") return { status: 500 };
      return world.answers[path] ?? { status: 200 };
    };
    expect((await world.claim()).body.detail).toContain("hook law vetoed it: status 403");
    expect((await device()).lifecycle).toBe(1);
    for (let ms = 0; ms <= undoGiveUpMs; ms += 43_200_000) await world.later(43_200_000);
    const [stuck] = await world.sagas("?state=stuck");
    expect(stuck).toMatchObject({ id, hooks: [{ undo: "failed", error: "status 500" }, {}, {}] });
    expect(await kinds()).toContain("hookFailed");
    world.receiver.answer = null;
    const again = await world.api.call("POST", `/v1/provisionings/${id}/replay`);
    expect([again.status, again.body.state]).toEqual([202, "refused"]);
    expect(new Set(world.keys("/shop"))).toEqual(
      new Set([key("shop"), key("shop", "-compensate")]),
    );
    const late = await world.api.call("POST", `/v1/provisionings/${id}/replay`);
    expect(late.body.detail).toBe(
      `provisioning ${id}: expected one that is incomplete or stuck, it is refused`,
    );
  });
  it("that no device came for is taken back, last first", async () => {
    await world.claim();
    world.api.clock.now += 900_000;
    expect(await expire()).toEqual([serial]);
    await world.later(0);
    expect(world.calls().slice(3)).toEqual(["map compensate", "shop compensate"]);
    const [last] = world.receiver.received.slice(-1);
    expect(JSON.parse(last!.body).reason).toContain("the device did not come");
    expect(await world.sagas()).toMatchObject([{ state: "refused", refusal: { code: 10 } }]);
  });
  it("of another account takes the place of one whose time is over, which is taken back", async () => {
    await world.claim();
    world.api.clock.now += 900_001;
    await world.claim({ account: "next" });
    await world.later(0);
    const undone = world.receiver.received.filter(({ body }) => body.includes("compensates"));
    expect(undone.map(({ body }) => JSON.parse(body).account)).toEqual(["acme", "acme"]);
    expect(await world.view()).toMatchObject({ account: "next", lifecycle: 2 });
  });
  it("asks nobody for a wrong code", async () => {
    expect((await world.claim({ code: "0" })).body.code).toBe(9);
    expect(world.calls()).toEqual([]);
  });
  it("of a device that was wiped for resale is a transfer, with its owner before", async () => {
    const endedWipe = { orderId: 1, mode: 1, ackToken: "aa", nonce: "bb" };
    const resold = deviceRecord(serial, { lifecycle: 6, account: "old", endedWipe });
    await world.api.store.tx((tx) => tx.putDevice(resold));
    await world.claim();
    const [first] = world.receiver.received;
    expect(first!.headers["fleetling-kind"]).toBe("transfer.do");
    expect(JSON.parse(first!.body)).toMatchObject({ account: "acme", previousAccount: "old" });
    expect(first!.headers["idempotency-key"]).toBe(`transfer-${id}-shop`);
  });
  it("is not for everybody to look at, and an unknown one is not there", async () => {
    await world.claim();
    const { api } = world;
    const url = `/v1/provisionings/${id}`;
    expect((await api.call("GET", url, undefined, "viewer")).status).toBe(403);
    expect((await api.call("GET", url, undefined, "installer")).body.state).toBe("passed");
    expect((await api.call("POST", `${url}/replay`, undefined, "installer")).status).toBe(403);
    const unknown = await api.call("GET", `/v1/provisionings/${"0".repeat(16)}`);
    expect(unknown.body.name).toBe("NotFound");
    expect((await api.call("GET", "/v1/provisionings?state=lost")).status).toBe(400);
  });
  it("goes out with its device's export and is erased with it", async () => {
    world.answers["/law"] = { status: 409 };
    await world.claim();
    const headers = { authorization: "Bearer operator-token" };
    const url = `/v1/devices/${serial}/export`;
    const { payload } = await world.api.app.inject({ url, headers });
    expect(payload).toContain('{"kind":"provisioning","provisioning":{"id":"0101');
    expect(payload).not.toContain(secret);
    const erased = await world.api.call("DELETE", `/v1/devices/${serial}/data`);
    expect(erased.body.provisionings).toBe(1);
    expect(await world.sagas()).toEqual([]);
  });
});
