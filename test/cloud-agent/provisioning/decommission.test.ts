/** Decommissions about which other systems are asked: only a veto stops one, and billing waits for nobody else. */
import { afterEach, describe, expect, it } from "vitest";
import { waitingEntries } from "../../../cloud-agent/core/outbox/outbox.ts";
import { deviceRecord } from "../fixtures.ts";
import { startMs } from "../http/harness.ts";
import { type HookInput, law, map, openWorld, serial, shop, type World } from "./world.ts";

let world: World;
afterEach(() => world.close());

async function open(...hooks: HookInput[]): Promise<void> {
  world = await openWorld(hooks);
  const device = deviceRecord(serial, { lifecycle: 3, epoch: 1, account: "acme" });
  await world.api.store.tx((tx) => tx.putDevice(device));
}
const bills = async () =>
  (await world.api.store.tx((tx) => waitingEntries(tx, 10))).map(({ output, kind }) => [
    ...[output, kind],
  ]);

describe("a decommission with hooks", () => {
  it("is ordered once those that may veto have passed, and others hear of it after", async () => {
    await open(shop, law, map);
    const reply = await world.decommission();
    expect(reply.body).toMatchObject({ lifecycleName: "wiping", provisioning: null });
    expect(world.calls()).toEqual(["shop do", "law do", "map do"]);
    expect(JSON.parse(world.receiver.received[0]!.body)).toMatchObject({
      ...{ event: "decommission", account: "acme", mode: "resale", person: "ann" },
    });
    expect(await bills()).toEqual([["books", "billing.stop"]]);
    expect(await world.sagas()).toMatchObject([{ state: "passed" }]);
    expect((await world.decommission()).status).toBe(202);
    expect(world.calls()).toHaveLength(3);
  });
  it("that is vetoed has stopped no billing and ordered nothing", async () => {
    await open(shop, law, map);
    world.answers["/law"] = { status: 403, body: '{"reason":"it is leased"}' };
    const { body } = await world.decommission();
    expect([body.code, body.detail]).toEqual([
      636,
      `device ${serial}: its decommission was refused: hook law vetoed it: it is leased`,
    ]);
    expect(world.calls()).toEqual(["shop do", "law do", "shop compensate"]);
    expect(await bills()).toEqual([]);
    const view = await world.view();
    expect(view).toMatchObject({ lifecycleName: "operating", order: null, provisioning: null });
    world.answers = {};
    expect((await world.decommission()).body.lifecycleName).toBe("wiping");
  });
  it("without one that may veto is ordered at once, whatever else is down", async () => {
    await open(shop, map);
    world.answers["/shop"] = { status: 500 };
    const reply = await world.decommission();
    expect(reply.body.lifecycleName).toBe("wiping");
    expect(await bills()).toEqual([
      ["ops", "billing.stop"],
      ["books", "billing.stop"],
    ]);
    expect(world.calls()).toEqual(["shop do"]);
    for (let ms = 0; ms < 70_000; ms += 5_000) await world.later(5_000);
    const [saga] = await world.sagas();
    expect(saga).toMatchObject({ state: "incomplete", hooks: [{ state: "failed" }, {}] });
    expect(world.calls().at(-1)).toBe("map do");
    world.answers = {};
    const again = await world.api.call("POST", `/v1/provisionings/${saga.id}/replay`);
    expect(again.body.state).toBe("passed");
    expect(new Set(world.keys("/shop")).size).toBe(1);
  });
  it("is not held by one that may veto and does not answer", async () => {
    await open(law);
    world.answers["/law"] = { status: 500 };
    const waiting = await world.decommission();
    expect(waiting.body).toMatchObject({ lifecycleName: "operating", order: null });
    expect(waiting.body.provisioning).toMatch(/^[0-9a-f]{16}$/);
    expect((await world.decommission()).body.provisioning).toBe(waiting.body.provisioning);
    const other = await world.decommission("scrap");
    expect([other.status, other.body.name]).toEqual([409, "ProvisioningStateWrong"]);
    for (let ms = 0; ms < 70_000; ms += 5_000) await world.later(5_000);
    expect(await world.view()).toMatchObject({ lifecycleName: "wiping", provisioning: null });
    expect(await bills()).toEqual([["books", "billing.stop"]]);
    expect(await world.sagas()).toMatchObject([{ state: "incomplete" }]);
  });
  it("of a device that cannot be ordered any more when they have passed is refused and taken back", async () => {
    await open(shop, law);
    world.answers["/law"] = { status: 500 };
    await world.decommission();
    const device = (await world.api.store.tx((tx) => tx.device(serial)))!;
    await world.api.store.tx((tx) => tx.putDevice({ ...device, lifecycle: 6 }));
    world.answers = {};
    await world.later(1_000);
    expect(world.calls().at(-1)).toBe("shop compensate");
    expect(await world.sagas()).toMatchObject([{ state: "refused", refusal: { code: 7 } }]);
    expect(await bills()).toEqual([]);
  });
  it("is asked about by nobody where it would be refused anyhow", async () => {
    await open(law);
    await world.api.store.tx((tx) => tx.putDevice(deviceRecord(serial)));
    expect((await world.decommission()).body.code).toBe(611);
    expect(world.calls()).toEqual([]);
    expect(world.api.clock.now).toBe(startMs);
  });
});
