/** Alerts in a whole agent: its settings file, its outputs, its restart. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Agent, createAgent } from "../../../cloud-agent/agent.ts";
import { signatureHolds } from "../../../cloud-agent/core/outbox/sign.ts";
import { systemClock } from "../../../cloud-agent/platform/clock.ts";
import { parseConfig } from "../../../cloud-agent/platform/config.ts";
import { createLog } from "../../../cloud-agent/platform/log.ts";
import { systemRandom } from "../../../cloud-agent/platform/random.ts";
import { type HttpReceiver, openHttpReceiver } from "../../support/httpReceiver.ts";
import { deviceRecord } from "../fixtures.ts";

const adminToken = "an-administrators-token";
const secret = "a-secret-of-this-output";
let data: string;
let agent: Agent;
let receiver: HttpReceiver;
beforeEach(async () => {
  data = mkdtempSync(join(tmpdir(), "fleetling-alerts-"));
  receiver = await openHttpReceiver();
});
afterEach(async () => {
  await agent.stop();
  await receiver.close();
  rmSync(data, { recursive: true });
});

async function start(outputs: unknown): Promise<void> {
  const alerts = join(data, "alerts.json");
  writeFileSync(alerts, JSON.stringify({ outputs }));
  const quiet = {
    logLevel: "silent" as const,
    mqttHost: "127.0.0.1",
    durability: "normal" as const,
  };
  const ports = { httpPort: 0, mqttPort: 0, tickMs: 20, adminToken };
  agent = createAgent(parseConfig({ data, alerts, ...quiet, ...ports }), {
    ...{ clock: systemClock, random: systemRandom, log: createLog("silent") },
    showAdminToken: () => undefined,
  });
  await agent.start();
}
const post = (path: string, body?: string) =>
  fetch(agent.httpUrl + path, {
    method: "POST",
    headers: {
      authorization: `Bearer ${adminToken}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body }),
  });
async function until(isSo: () => boolean, msMax = 10_000): Promise<void> {
  for (let waited = 0; !isSo() && waited < msMax; waited += 20) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe("an agent", () => {
  it("sends what waited before it was stopped, signed, once it is back", async () => {
    receiver.status = 500;
    await start([{ kind: "webhook", name: "ops", url: receiver.url, secret }]);
    expect((await post("/v1/alerts/test")).status).toBe(202);
    await until(() => receiver.received.length > 0);
    await agent.stop();
    receiver.status = 200;
    await start([{ kind: "webhook", name: "ops", url: receiver.url, secret }]);
    await post("/v1/outbox/000000000001/replay");
    await until(() => receiver.received.length > 1);
    const last = receiver.received.at(-1)!;
    expect(JSON.parse(last.body).kind).toBe("alert.test");
    expect(last.headers["fleetling-id"]).toBe("000000000001");
    expect(signatureHolds(secret, last, Date.now())).toBe(true);
  }, 60_000);
  it("tells that billing stopped to the outputs that are about it, of a device that never comes", async () => {
    const bills = { kind: "webhook", name: "bills", url: receiver.url, secret };
    const silent = { ...bills, about: ["alerts"] };
    await start([
      { ...bills, about: ["billing"] },
      { ...silent, name: "pager" },
    ]);
    const device = deviceRecord("SN-0001", { lifecycle: 3, epoch: 1, account: "acme" });
    await agent.store.tx((tx) => tx.putDevice(device));
    const order = JSON.stringify({ mode: "scrap", person: "ann" });
    const ordered = await post("/v1/devices/SN-0001/decommission", order);
    expect(((await ordered.json()) as { lifecycleName: string }).lifecycleName).toBe("wiping");
    await until(() => receiver.received.length > 0);
    await until(() => receiver.received.length > 1, 300);
    expect(receiver.received.map(({ headers: h }) => h["fleetling-kind"])).toEqual([
      "billing.stop",
    ]);
    const [told] = receiver.received;
    expect(JSON.parse(told!.body)).toMatchObject({ serial: "SN-0001", account: "acme" });
    expect(signatureHolds(secret, told!, Date.now())).toBe(true);
  }, 60_000);
  it("does not start with settings that it does not understand", async () => {
    await expect(start([{ kind: "pager", name: "x" }])).rejects.toMatchObject({
      name: "AlertSettingsInvalid",
    });
  }, 60_000);
});
