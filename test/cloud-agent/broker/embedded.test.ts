import { createHash } from "node:crypto";
import { connect as connectTcp } from "node:net";
import mqtt, { type IClientOptions, type MqttClient } from "mqtt";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { DeviceService } from "../../../cloud-agent/core/ports.ts";
import { createDeviceService } from "../../../cloud-agent/session/service.ts";
import { Code } from "../../../firmware/protocol/errors.ts";
import type { HostDevice } from "../../../firmware/protocol/host/hostDevice.ts";
import { mqttPassword } from "../../../firmware/protocol/host/mqttLogin.ts";
import { Lifecycle } from "../../../firmware/protocol/messages.ts";
import { type DeviceBench, kinds, openDeviceBench, startMs } from "../../support/deviceBench.ts";

let bench: DeviceBench;
let service: DeviceService;
let device: HostDevice;
let port: number;
const clients: MqttClient[] = [];
const serial = "PUCK-0001";

beforeEach(async () => {
  bench = await openDeviceBench();
  device = await bench.device(serial);
  service = createDeviceService(bench.ports);
  port = (await service.start()).brokerPort;
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.end(true);
  await service.stop();
});

/** @returns the client, or the CONNACK's return code */
function connect(options: IClientOptions): Promise<MqttClient | number> {
  const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, {
    ...{ protocolVersion: 4, reconnectPeriod: 0, connectTimeout: 3000, ...options },
  });
  clients.push(client);
  return new Promise((resolve) => {
    client.on("connect", () => resolve(client));
    client.on("error", (error) => resolve("code" in error ? Number(error.code) : -1));
  });
}

async function login(from: HostDevice = device, extra: IClientOptions = {}): Promise<MqttClient> {
  const { serial: name } = from.options;
  const options = { clientId: name, username: name, password: from.password(), ...extra };
  const client = await connect(options);
  if (typeof client === "number") throw new Error(`refused with ${client}`);
  return client;
}

const loginAs = (name: string, password: string) =>
  connect({ clientId: name, username: name, password });

async function subscribe(client: MqttClient, topic: string): Promise<number> {
  const granted = await client.subscribeAsync(topic).catch(() => [{ qos: 128 }]);
  return granted[0]?.qos ?? 128;
}

/** @returns true when the broker ended the connection because of it */
function isThrownOut(client: MqttClient, act: () => void): Promise<boolean> {
  return new Promise((resolve) => {
    client.on("close", () => resolve(true));
    act();
    setTimeout(() => resolve(false), 300);
  });
}

async function eventually<T>(read: () => Promise<T>, isRight: (value: T) => boolean): Promise<T> {
  for (let i = 0; i < 100; i++) {
    const value = await read();
    if (isRight(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return read();
}

const refusals = async (code: Code) =>
  (await bench.events("messageRefused", serial)).filter((event) => event.code === code);

describe("a device's connection", () => {
  it("carries a handshake and a check-in", async () => {
    const client = await login();
    const heard: string[] = [];
    client.on("message", (_topic, bytes) => {
      const one = device.hear(new Uint8Array(bytes));
      heard.push(...kinds([one]));
      if (one.kind === "challenge") client.publish(`fl/${serial}/up`, Buffer.from(one.prove));
    });
    expect(await subscribe(client, `fl/${serial}/dn`)).toBe(0);
    client.publish(`fl/${serial}/up`, Buffer.from(device.hello()));
    await eventually(
      async () => heard.length,
      (count) => count === 2,
    );
    expect(heard).toEqual(["challenge", "reply"]);
  });
  it("is nudged with what waits for it", async () => {
    const client = await login();
    await subscribe(client, `fl/${serial}/dn`);
    const heard = new Promise<string>((resolve) => {
      client.on("message", (_t, bytes) => resolve(device.hear(new Uint8Array(bytes)).kind));
    });
    await bench.claim(serial);
    service.nudge(serial);
    expect(await heard).toBe("helloWanted");
  });
  it("is refused without the device's key, and recorded", async () => {
    const password = mqttPassword(new Uint8Array(32), 0, 9000);
    expect(await loginAs(serial, password)).toBe(4);
    await eventually(
      () => refusals(Code.BrokerPasswordWrong),
      (events) => events.length > 0,
    );
    expect(await refusals(Code.BrokerPasswordWrong)).toHaveLength(1);
  });
  it("is refused with a password that was used before, also by the next agent", async () => {
    const password = device.password();
    expect(await loginAs(serial, password)).not.toBe(4);
    await service.stop();
    service = createDeviceService(bench.ports);
    port = (await service.start()).brokerPort;
    expect(await loginAs(serial, password)).toBe(4);
    await eventually(
      () => refusals(Code.BrokerPasswordReplayed),
      (events) => events.length > 0,
    );
    expect(await refusals(Code.BrokerPasswordReplayed)).toHaveLength(1);
  });
  it.each([
    ["another client id", "OTHER-0001", serial],
    ["an unknown serial", "NOBODY-1", "NOBODY-1"],
    ["no serial", "__proto__", "__proto__"],
  ])("is refused with %s", async (_name, clientId, username) => {
    expect(await connect({ clientId, username, password: device.password() })).toBe(4);
  });
  it("is refused to a retired device, and counted", async () => {
    await bench.change(serial, { lifecycle: Lifecycle.Retired });
    expect(await loginAs(serial, device.password())).toBe(4);
    expect((await bench.record(serial)).zombieContacts).toBe(1);
    expect(await loginAs(serial, mqttPassword(new Uint8Array(32), 0, 9000))).toBe(4);
    expect((await bench.record(serial)).zombieContacts).toBe(1);
  });
  it("is counted when a second one takes it over", async () => {
    await login();
    await login();
    const events = await eventually(
      () => bench.events("connectionTakenOver", serial),
      (found) => found.length > 0,
    );
    expect(events).toHaveLength(1);
  });
});

describe("a wiped device", () => {
  it("may connect only while its wipe is under way", async () => {
    expect(await loginAs(serial, "wiped")).toBe(4);
    await bench.change(serial, { lifecycle: Lifecycle.Operating });
    await bench.wipe(serial, 3);
    expect(await loginAs(serial, "wiped")).not.toBe(4);
    expect((await bench.record(serial)).zombieContacts).toBe(0);
  });
  it("may send nothing but its receipt", async () => {
    await bench.change(serial, { lifecycle: Lifecycle.Operating });
    await bench.wipe(serial, 3);
    const client = await loginAs(serial, "wiped");
    if (typeof client === "number") throw new Error("refused");
    const hello = Buffer.from(device.hello());
    expect(await isThrownOut(client, () => client.publish(`fl/${serial}/up`, hello))).toBe(true);
  });
  it("is counted when it comes again after its certificate", async () => {
    const endedWipe = { orderId: 1, mode: 3, ackToken: "", nonce: "" };
    await bench.change(serial, { lifecycle: Lifecycle.Retired, endedWipe });
    expect(await loginAs(serial, "wiped")).not.toBe(4);
    expect((await bench.record(serial)).zombieContacts).toBe(1);
  });
});

describe("a device is confined", () => {
  it.each([
    "fl/PUCK-0002/dn",
    `fl/${serial}/up`,
    "fl/+/dn",
    "#",
    `$share/all/fl/${serial}/dn`,
    "$SYS/#",
    "gw/gw1/dn/+",
    "__proto__",
  ])("may not subscribe to %s", async (topic) => {
    expect(await subscribe(await login(), topic)).toBe(128);
  });
  it.each([
    "fl/PUCK-0002/up",
    `fl/${serial}/dn`,
    `gw/gw1/up/${serial}`,
    "$SYS/x",
    "a/b/c/d/e/f/g/h/i",
  ])("may not publish to %s", async (topic) => {
    const client = await login();
    expect(await isThrownOut(client, () => client.publish(topic, "x"))).toBe(true);
  });
  it.each([
    ["retained", { retain: true }, 10],
    ["at QoS 2", { qos: 2 as const }, 10],
    ["longer than a message", {}, 1537],
  ])("may not publish %s", async (_name, options, bytes) => {
    const client = await login();
    const publish = () => client.publish(`fl/${serial}/up`, Buffer.alloc(bytes), options);
    expect(await isThrownOut(client, publish)).toBe(true);
  });
  it("leaves no will behind", async () => {
    const watcher = await login(await bench.device("PUCK-0002"));
    await subscribe(watcher, "fl/PUCK-0002/dn");
    let heard = 0;
    watcher.on("message", () => heard++);
    const payload = Buffer.from("x");
    const will = { topic: "fl/PUCK-0002/dn", payload, qos: 0 as const, retain: false };
    const client = await login(device, { will });
    client.stream.destroy();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(heard).toBe(0);
  });
  it("cannot make the broker collect a packet that never ends", async () => {
    const socket = connectTcp(port, "127.0.0.1");
    const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
    socket.on("error", () => undefined);
    // CONNECT that announces 200 MB
    socket.write(Buffer.from([0x10, 0xff, 0xff, 0xff, 0x5f]));
    socket.write(Buffer.alloc(64_000));
    await closed;
    expect(socket.destroyed).toBe(true);
  });
  it("is refused MQTT 5", async () => {
    const password = device.password();
    const options = { protocolVersion: 5 as const, clientId: serial, username: serial, password };
    expect(typeof (await connect(options))).toBe("number");
  });
});

describe("a gateway", () => {
  const token = "secret-of-gw1";
  const loginGateway = (id: string, password = token) =>
    connect({ clientId: `gw:${id}`, username: `gw:${id}`, password });
  const putToken = (expiresMs: number | null, role: "gateway" | "viewer" = "gateway") => {
    const hash = createHash("sha256").update(token).digest("hex");
    const record = { id: "t1", hash, role, name: "gw1", expiresMs };
    return bench.ports.store.tx((tx) => tx.putToken(record));
  };

  it("connects with its own token and is kept to its own topics", async () => {
    await putToken(null);
    const client = await loginGateway("gw1");
    if (typeof client === "number") throw new Error("refused");
    expect(await subscribe(client, "gw/gw1/dn/+")).toBe(0);
    expect(await subscribe(client, "gw/gw2/dn/+")).toBe(128);
    expect(await subscribe(client, `fl/${serial}/dn`)).toBe(128);
    const forged = () => client.publish(`fl/${serial}/up`, "x");
    expect(await isThrownOut(client, forged)).toBe(true);
  });
  it("cannot push a device off the broker by taking its client id", async () => {
    await putToken(null);
    const answer = await connect({ clientId: serial, username: "gw:gw1", password: token });
    expect(answer).toBe(4);
  });
  it("is refused with another gateway's token, an expired one, one of another role and none", async () => {
    await putToken(null);
    expect(await loginGateway("gw2")).toBe(4);
    expect(await loginGateway("gw1", "")).toBe(4);
    await putToken(startMs);
    expect(await loginGateway("gw1")).toBe(4);
    await putToken(null, "viewer");
    expect(await loginGateway("gw1")).toBe(4);
  });
});
