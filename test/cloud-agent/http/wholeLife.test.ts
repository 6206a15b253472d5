import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import mqtt, { type MqttClient } from "mqtt";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Agent, createAgent } from "../../../cloud-agent/agent.ts";
import { systemClock } from "../../../cloud-agent/platform/clock.ts";
import { parseConfig } from "../../../cloud-agent/platform/config.ts";
import { createLog } from "../../../cloud-agent/platform/log.ts";
import { systemRandom } from "../../../cloud-agent/platform/random.ts";
import { verifyChain } from "../../../firmware/protocol/host/certificate.ts";
import type { CloudMessage } from "../../../firmware/protocol/host/cloudMessages.ts";
import { encodeReceipt } from "../../../firmware/protocol/host/handshake.ts";
import { HostDevice } from "../../../firmware/protocol/host/hostDevice.ts";
import { deviceKeyAt, popKey } from "../../../firmware/protocol/host/kdf.ts";
import {
  encodeReceiptBody,
  receiptPublic,
  signReceipt,
} from "../../../firmware/protocol/host/receipt.ts";
import { encodeEnvelope, signManifest } from "../../../firmware/protocol/host/suit.ts";
import {
  image,
  lmsSigner,
  manifestBytes,
  manifestInput,
  releaseKey,
} from "../../host/suitFixture.ts";
import { databaseAt } from "../../support/stores.ts";
import { birthRecord, code, hex } from "../fixtures.ts";

const serial = "SN-0001";
const km = new Uint8Array(32).fill(7);
const identifier = new Uint8Array(16).fill(4);
const seed = new Uint8Array(24).fill(5);
const adminToken = "an-administrators-token";
let data: string;
let agent: Agent;
let client: MqttClient;

const birth = birthRecord(serial, {
  classId: hex(manifestInput.classId),
  receiptPublic: hex(receiptPublic(identifier, seed)),
});
const device = new HostDevice({
  ...{ serial, kmId: 1, suite: 1, epoch: 0, popKey: popKey(code), bootCount: 1 },
  deviceKey: deviceKeyAt(km, birth, 0),
  random: (count) => systemRandom.bytes(count),
});

beforeAll(async () => {
  data = mkdtempSync(join(tmpdir(), "fleetling-life-"));
  writeFileSync(
    join(data, "release-keys.json"),
    JSON.stringify({ release: [hex(releaseKey.publicKey)] }),
  );
  const ports = { httpPort: 0, mqttPort: 0, mqttHost: "127.0.0.1", tickMs: 20 };
  const releaseGate = "open";
  const base = { data, km: hex(km), adminToken, ...(await databaseAt(data)) };
  agent = createAgent(parseConfig({ ...base, releaseGate, ...ports }), {
    clock: systemClock,
    random: systemRandom,
    log: createLog("error"),
    showAdminToken: () => undefined,
  });
  await agent.start();
});
afterAll(async () => {
  client?.end(true);
  await agent.stop();
  rmSync(data, { recursive: true });
});

async function call(path: string, body?: unknown, method = body === undefined ? "GET" : "POST") {
  const reply = await fetch(agent.httpUrl + path, {
    method,
    headers: {
      authorization: `Bearer ${adminToken}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const json = await reply.json();
  if (!reply.ok) throw new Error(JSON.stringify(json));
  // biome-ignore lint/suspicious/noExplicitAny: replies are checked by the API's own tests
  return json as any;
}

/** Messages the device heard, oldest first; challenges, grants and acks are answered by themselves. */
const heard: CloudMessage[] = [];
let ackToken: Uint8Array | null = null;
const publish = (bytes: Uint8Array) => client.publish(`fl/${serial}/up`, Buffer.from(bytes));

async function connect(): Promise<void> {
  client = mqtt.connect(`mqtt://127.0.0.1:${agent.brokerPort}`, {
    ...{ protocolVersion: 4, reconnectPeriod: 0, clientId: serial, username: serial },
    password: device.password(),
  });
  client.on("message", (_topic, bytes) => {
    const one = device.hear(new Uint8Array(bytes));
    if (one.kind === "challenge") publish(one.prove);
    if (one.kind === "receiptAck") ackToken = one.token;
    if (one.kind !== "message") return;
    heard.push(one.message);
    if (one.message.kind === "grant") publish(device.seal(device.accept(one.message)));
  });
  await new Promise((resolve, reject) => client.on("connect", resolve).on("error", reject));
  await client.subscribeAsync(`fl/${serial}/dn`);
}

async function eventually<T>(what: string, read: () => T | Promise<T>): Promise<NonNullable<T>> {
  for (let n = 0; n < 250; n++) {
    const value = await read();
    if (value) return value;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`never came: ${what}; heard ${JSON.stringify(heard.map((m) => m.kind))}`);
}
const message = <K extends CloudMessage["kind"]>(kind: K) =>
  eventually(kind, () => heard.find((m) => m.kind === kind)) as Promise<CloudMessage & { kind: K }>;
const is = (field: string, value: unknown) =>
  eventually(`${field} ${value}`, async () => {
    return (await call(`/v1/devices/${serial}`))[field] === value;
  });

it("a device lives from birth over claim and update to a certificate that anyone can check", async () => {
  await call("/v1/births", birth);
  await connect();
  await call("/v1/claims", { serial, code, account: "acme" });
  publish(device.hello());
  await is("lifecycleName", "operating");
  expect(device.epoch).toBe(1);

  const envelope = encodeEnvelope(
    manifestBytes,
    signManifest(manifestBytes, [lmsSigner(releaseKey, 0)]),
  );
  const sent = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
  await call("/v1/releases", {
    images: [{ board: "puckjs", envelope: sent(envelope), payload: sent(image) }],
  });
  const waves = [{ name: "all", size: { percent: 100 }, soakMs: 0 }];
  const policy = {
    name: "to 7",
    sequence: 7,
    target: { serials: [serial] },
    waves,
    holdBackShare: 0,
  };
  const { id } = await call("/v1/rollouts", policy);
  await call(`/v1/rollouts/${id}/start`, {});
  heard.length = 0;
  device.reboot();
  publish(device.hello());
  const reply = await message("reply");
  expect(reply.offer).toEqual({ sequence: 7, manifestBytes: envelope.length });
  publish(device.seal({ kind: "fetch", what: 1, sequence: 7, offset: 0, length: 512 }));
  expect((await message("block")).data).toEqual(image);
  device.info = {
    ...device.info,
    ...{ runningSequence: 7, runningDigest: manifestInput.digest.slice(0, 8), floor: 5 },
  };
  publish(device.seal(device.checkIn()));
  await eventually("done", async () => (await call(`/v1/rollouts/${id}`)).status === "done");

  heard.length = 0;
  await call(`/v1/devices/${serial}/decommission`, { mode: "return", person: "Ann" });
  const wipe = await message("wipe");
  const coverage = [{ name: "slots", pages: 7, hash: new Uint8Array(8) }];
  const { orderId, mode, nonce } = wipe;
  const body = encodeReceiptBody({
    ...{ serial, orderId, mode, nonce, coverage },
    ...{ epoch: 1, bootCount: 2, timeS: 1_800_000_000 },
  });
  publish(encodeReceipt(serial, body, signReceipt(identifier, seed, body)));
  await is("lifecycleName", "retired");
  await eventually("receipt ack", () => ackToken);
  const { certificates, publicKey } = await call("/v1/certificates");
  const chain = verifyChain(certificates, new Uint8Array(Buffer.from(publicKey, "hex")));
  expect(chain.map((one) => [one.device.serial, one.destination, one.person.name])).toEqual([
    [serial, "return", "Ann"],
  ]);
  const headers = { authorization: `Bearer ${adminToken}` };
  const figures = await (await fetch(`${agent.httpUrl}/metrics`, { headers })).text();
  for (const kind of ["hello", "prove", "frame", "receipt"])
    expect(figures).toMatch(
      new RegExp(`fleetling_message_seconds_count\\{kind="${kind}"\\} [1-9]`),
    );
  expect(figures).toMatch(/^fleetling_events_total\{kind="certificateIssued"\} 1$/m);
}, 20_000);
