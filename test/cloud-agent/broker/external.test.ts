/** The agent behind somebody else's broker: a real Mosquitto with the files that `fleetling agent mosquitto` writes. */
import mqtt, { type IClientOptions, type MqttClient } from "mqtt";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { DeviceService } from "../../../cloud-agent/core/ports.ts";
import { createDeviceService } from "../../../cloud-agent/session/service.ts";
import type { HostDevice } from "../../../firmware/protocol/host/hostDevice.ts";
import { Lifecycle } from "../../../firmware/protocol/messages.ts";
import { Gateway } from "../../../scripts/gateway/gateway.ts";
import { type DeviceBench, kinds, openDeviceBench } from "../../support/deviceBench.ts";
import {
  hasMosquitto,
  type Mosquitto,
  needsMosquitto,
  openMosquitto,
} from "../../support/mosquitto.ts";

const serial = "PUCK-0001";

describe.skipIf(!hasMosquitto)(`behind a Mosquitto${needsMosquitto}`, () => {
  let broker: Mosquitto;
  let bench: DeviceBench;
  let device: HostDevice;
  let services: DeviceService[];
  let clients: MqttClient[];
  beforeAll(async () => {
    broker = await openMosquitto(["hall-1"]);
  });
  afterAll(() => broker.remove());
  beforeEach(async () => {
    bench = await openDeviceBench();
    device = await bench.device(serial);
    services = [];
    clients = [];
  });
  afterEach(async () => {
    for (const client of clients) client.end(true);
    for (const service of services) await service.stop();
    await bench.ports.store.close();
  });

  async function serve(mqttShare?: string): Promise<DeviceService> {
    const mqttUrl = `mqtt://agent:${broker.secrets.agent}@127.0.0.1:${broker.agentPort}`;
    const config = { ...bench.ports.config, mqttUrl, mqttShare };
    const random = { bytes: (count: number) => crypto.getRandomValues(new Uint8Array(count)) };
    const log = { ...bench.ports.log, error: () => undefined };
    const service = createDeviceService({ ...bench.ports, config, random, log });
    services.push(service);
    await service.start();
    return service;
  }

  /** @returns the client, or the CONNACK's return code */
  function connect(options: IClientOptions, port = broker.devicePort) {
    const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, {
      ...{ protocolVersion: 4, reconnectPeriod: 0, connectTimeout: 5000, ...options },
    });
    clients.push(client);
    return new Promise<MqttClient | number>((resolve) => {
      client.once("connect", () => resolve(client));
      client.once("error", (error) => resolve("code" in error ? Number(error.code) : -1));
    });
  }
  const login = async (name: string, password = device.password()) =>
    (await connect({ clientId: name, username: name, password })) as MqttClient;

  /** Plays a device over a client: answers a challenge, and gathers what it heard. */
  async function play(client: MqttClient, of: HostDevice, up: string, down: string) {
    const heard: string[] = [];
    client.on("message", (_topic, bytes) => {
      const one = of.hear(new Uint8Array(bytes));
      heard.push(...kinds([one]));
      if (one.kind === "challenge") client.publish(up, Buffer.from(one.prove));
    });
    await client.subscribeAsync(down);
    client.publish(up, Buffer.from(of.hello()));
    return heard;
  }
  const until = async (isSo: () => boolean | Promise<boolean>) => {
    for (let n = 0; n < 250 && !(await isSo()); n++)
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await isSo()).toBe(true);
  };
  /** Long enough for a message to have come that must not. */
  const quiet = () => new Promise((resolve) => setTimeout(resolve, 300));

  it.each([[undefined], ["fleet"]])(
    "a device shakes hands, checks in and is nudged (shared subscription: %s)",
    async (share) => {
      const service = await serve(share);
      const client = await login(serial);
      const heard = await play(client, device, `fl/${serial}/up`, `fl/${serial}/dn`);
      await until(() => heard.length === 2);
      expect(heard).toEqual(["challenge", "reply"]);
      expect((await bench.record(serial)).lastSeenMs).toBe(bench.nowMs);
      await bench.change(serial, { lifecycle: Lifecycle.Operating });
      service.nudge(serial);
      await quiet();
      expect(service.isConnected()).toBe(true);
    },
  );

  it("a gateway carries a device's messages, and counts as connected while it does", async () => {
    const service = await serve();
    const password = broker.secrets["gw-hall-1"]!;
    const options = { clientId: "gw:hall-1", username: "gw-hall-1", password };
    const gateway = (await connect(options, broker.agentPort)) as MqttClient;
    expect(service.gateways()).toEqual([]);
    const up = `gw/hall-1/up/${serial}`;
    const heard = await play(gateway, device, up, "gw/hall-1/dn/+");
    await until(() => heard.length === 2);
    expect(service.gateways()).toEqual(["hall-1"]);
    gateway.end(true);
    const program = new Gateway({
      ...{ broker: `mqtt://127.0.0.1:${broker.agentPort}`, id: "hall-1", user: "gw-hall-1" },
      ...{ token: password, log: () => undefined },
    });
    await program.start();
    await program.stop();
    const again = (await connect(options, broker.agentPort)) as MqttClient;
    again.publish(`gw/hall-2/up/${serial}`, Buffer.from(device.hello()));
    again.publish(`fl/${serial}/up`, Buffer.from(device.hello()));
    await quiet();
    expect(heard).toHaveLength(2);
  });

  it("nobody hears or speaks on another's topics, without a name on none, and the agents' door asks for a password", async () => {
    await serve();
    const own = await login(serial);
    const heard = await play(own, device, `fl/${serial}/up`, `fl/${serial}/dn`);
    await until(() => heard.length === 2);
    const other = await login("OTHER-0001", "anything");
    const overheard: string[] = [];
    other.on("message", (topic) => overheard.push(topic));
    for (const topic of ["#", "fl/+/dn", `fl/${serial}/dn`, "fl/+/up", "$SYS/#"])
      await other.subscribeAsync(topic).catch(() => undefined);
    other.publish(`fl/${serial}/up`, Buffer.from(device.hello()));
    other.publish(`fl/${serial}/dn`, Buffer.from("80", "hex"));
    own.publish(`fl/${serial}/up`, Buffer.from(device.hello()));
    await until(() => heard.length === 4);
    await quiet();
    expect([overheard, heard.length]).toEqual([[], 4]);
    expect(typeof (await connect({ clientId: "x" }))).toBe("number");
    for (const [username, password] of [
      ["agent", "guess"],
      ["gw-hall-1", broker.secrets.agent],
      [serial, device.password()],
    ])
      expect(
        await connect({ clientId: "x", username, password: password! }, broker.agentPort),
      ).toBe(5);
  });

  it("of two agents with one share each message reaches one", async () => {
    await serve("fleet");
    await serve("fleet");
    const taken = { count: 0 };
    const { store } = bench.ports;
    const { tx } = store;
    store.tx = (fn) => {
      taken.count++;
      return tx.call(store, fn) as ReturnType<typeof fn>;
    };
    const client = await login(serial);
    let heard = 0;
    client.on("message", () => {
      heard++;
    });
    await client.subscribeAsync(`fl/${serial}/dn`);
    for (let n = 0; n < 12; n++) client.publish(`fl/${serial}/up`, Buffer.from(device.hello()));
    await until(() => heard >= 12);
    await quiet();
    expect([heard, taken.count]).toEqual([12, 12]);
  });

  it("an agent goes on by itself when the broker comes back, and says so meanwhile", async () => {
    const service = await serve();
    await broker.stop();
    await until(() => !service.isConnected());
    service.nudge(serial);
    await broker.start();
    await until(() => service.isConnected());
    const client = await login(serial);
    const heard = await play(client, device, `fl/${serial}/up`, `fl/${serial}/dn`);
    await until(() => heard.length === 2);
  });

  it("a wrong password of the agent is told at its start, without the password", async () => {
    const mqttUrl = `mqtt://agent:guess@127.0.0.1:${broker.agentPort}`;
    const config = { ...bench.ports.config, mqttUrl };
    const service = createDeviceService({ ...bench.ports, config });
    await expect(service.start()).rejects.toMatchObject({
      name: "BrokerUnreachable",
      message: expect.stringMatching(
        /^broker mqtt:\/\/agent:…@127.0.0.1:\d+: expected one that lets this agent in, got: .*[Nn]ot authorized/,
      ),
    });
  });
});

it("a broker that is not there is told by its address", async () => {
  const bench = await openDeviceBench();
  const config = { ...bench.ports.config, mqttUrl: "mqtt://agent:secret@127.0.0.1:1" };
  await expect(createDeviceService({ ...bench.ports, config }).start()).rejects.toMatchObject({
    name: "BrokerUnreachable",
    message: expect.stringContaining("broker mqtt://agent:…@127.0.0.1:1: "),
  });
  await bench.ports.store.close();
});
