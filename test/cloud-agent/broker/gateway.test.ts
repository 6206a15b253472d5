import { createHash } from "node:crypto";
import { connect, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { DeviceService } from "../../../cloud-agent/core/ports.ts";
import { createDeviceService } from "../../../cloud-agent/session/service.ts";
import type { Heard, HostDevice } from "../../../firmware/protocol/host/hostDevice.ts";
import { encodeLine, LineDecoder } from "../../../firmware/protocol/host/line.ts";
import { Lifecycle, Suite } from "../../../firmware/protocol/messages.ts";
import { serialsPerLineMax } from "../../../scripts/gateway/carriers.ts";
import { Gateway } from "../../../scripts/gateway/gateway.ts";
import { Outbox, outboxPerDeviceMax } from "../../../scripts/gateway/outbox.ts";
import { serialNamedIn } from "../../../scripts/gateway/route.ts";
import { type DeviceBench, kinds, openDeviceBench } from "../../support/deviceBench.ts";

let bench: DeviceBench;
let service: DeviceService;
let gateway: Gateway;
let linePort: number;
let brokerPort: number;
const sockets: Socket[] = [];

beforeEach(async () => {
  bench = await openDeviceBench();
  const hash = createHash("sha256").update("token").digest("hex");
  const record = { id: "t1", hash, role: "gateway" as const, name: "gw1", expiresMs: null };
  await bench.ports.store.tx((tx) => tx.putToken(record));
  service = createDeviceService(bench.ports);
  brokerPort = (await service.start()).brokerPort;
  const broker = `mqtt://127.0.0.1:${brokerPort}`;
  gateway = new Gateway({ broker, id: "gw1", token: "token", reconnectMs: 50 });
  linePort = await gateway.listen(0);
  await gateway.start();
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await gateway.stop();
  await service.stop();
});

/** A device on a line: answers challenges and grants by itself. */
class LineDevice {
  readonly heard: Heard[] = [];
  readonly #decoder = new LineDecoder();
  readonly device: HostDevice;
  readonly line: Duplex;
  constructor(device: HostDevice, line: Duplex) {
    this.device = device;
    this.line = line;
    line.on("data", (chunk: Buffer) => {
      for (const payload of this.#decoder.push(chunk)) this.#take(device.hear(payload));
    });
  }
  send(bytes: Uint8Array): void {
    this.line.write(encodeLine(bytes));
  }
  async until(kind: string): Promise<string[]> {
    for (let i = 0; i < 150 && !kinds(this.heard).includes(kind); i++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return kinds(this.heard);
  }
  #take(heard: Heard): void {
    this.heard.push(heard);
    if (heard.kind === "challenge") this.send(heard.prove);
    if (heard.kind === "message" && heard.message.kind === "grant") {
      this.send(this.device.seal(this.device.accept(heard.message)));
    }
  }
}

function dial(device: HostDevice): LineDevice {
  const socket = connect(linePort, "127.0.0.1");
  sockets.push(socket);
  return new LineDevice(device, socket);
}

describe("the gateway", () => {
  it("is known to the agent for as long as it is connected, and devices are not taken for one", async () => {
    expect(service.gateways()).toEqual(["gw1"]);
    await gateway.stop();
    for (let waited = 0; service.gateways().length > 0 && waited < 3000; waited += 20) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(service.gateways()).toEqual([]);
  });
  it("carries two devices on two lines through claim and check-in without mixing them", async () => {
    const one = dial(await bench.device("LINE-0001", { suite: Suite.HmacCtr }));
    const two = dial(await bench.device("LINE-0002", { suite: Suite.AesCtr }));
    await bench.claim("LINE-0001");
    for (const own of [one, two]) own.send(own.device.hello());
    expect(await one.until("ack")).toEqual([
      ...["helloWanted", "challenge", "reply", "grant", "ack"],
    ]);
    expect(await two.until("reply")).toEqual(["helloWanted", "challenge", "reply"]);
    expect(await bench.record("LINE-0001")).toMatchObject({
      ...{ lifecycle: Lifecycle.Operating, epoch: 1, route: "gw/gw1" },
    });
    expect((await bench.record("LINE-0002")).lifecycle).toBe(Lifecycle.Released);
  });
  it("carries a nudge to the line that the device is on", async () => {
    const one = dial(await bench.device("LINE-0001"));
    one.send(one.device.hello());
    await one.until("reply");
    await bench.claim("LINE-0001");
    service.nudge("LINE-0001");
    expect(await one.until("helloWanted")).toContain("helloWanted");
  });
  it("finds a device again that moved to another line", async () => {
    const device = await bench.device("LINE-0001");
    const first = dial(device);
    first.send(device.hello());
    await first.until("reply");
    first.line.destroy();
    const second = dial(device);
    second.send(device.hello());
    expect(await second.until("reply")).toEqual(["helloWanted", "challenge", "reply"]);
  });
  it("takes frames out of noise on the line", async () => {
    const one = dial(await bench.device("LINE-0001"));
    one.line.write(Uint8Array.of(0xfe, 0x00, 0x10, 1, 2, 3, 0xfe, 0xff));
    one.send(one.device.hello());
    expect(await one.until("reply")).toContain("reply");
  });
  it("carries a device on any stream", async () => {
    const device = await bench.device("LINE-0001");
    const [near, far] = streamPair();
    gateway.attach(far);
    const one = new LineDevice(device, near);
    one.send(device.hello());
    expect(await one.until("reply")).toContain("reply");
  });
  it("goes on by itself when the agent was away", async () => {
    const one = dial(await bench.device("LINE-0001"));
    one.send(one.device.hello());
    await one.until("reply");
    await service.stop();
    one.send(one.device.seal(one.device.checkIn()));
    service = createDeviceService({
      ...bench.ports,
      config: { ...bench.ports.config, mqttPort: brokerPort },
    });
    await service.start();
    one.heard.length = 0;
    one.send(one.device.seal(one.device.checkIn()));
    expect(await one.until("reply")).toContain("reply");
  });
});

describe("a line that names another line's device", () => {
  const serial = "LINE-0001";
  const raw = () => {
    const socket = connect(linePort, "127.0.0.1");
    sockets.push(socket);
    const decoder = new LineDecoder();
    const got: Uint8Array[] = [];
    socket.on("data", (chunk) => got.push(...decoder.push(chunk)));
    return { got, send: (bytes: Uint8Array) => socket.write(encodeLine(bytes)) };
  };
  const settle = () => new Promise((resolve) => setTimeout(resolve, 150));

  it("gets the answer to its own HELLO, and nothing else of that device", async () => {
    const own = await bench.device(serial);
    const one = dial(own);
    one.send(own.hello());
    await one.until("reply");
    const thief = raw();
    thief.send((await bench.device(serial)).hello());
    await settle();
    expect(thief.got.map((bytes) => bytes[1])).toEqual([11, 2]);
    one.heard.length = 0;
    one.send(own.seal(own.checkIn()));
    expect(await one.until("reply")).toContain("reply");
    await settle();
    expect(thief.got.filter((bytes) => bytes[0] === 7)).toEqual([]);
  });
  it("cannot take over by a PROVE that is not by the device's key", async () => {
    const own = await bench.device(serial);
    const one = dial(own);
    one.send(own.hello());
    await one.until("reply");
    const other = await bench.device(serial);
    const heard = await bench.say(other, other.hello());
    if (heard[0]?.kind !== "challenge") throw new Error("no challenge");
    heard[0].prove[heard[0].prove.length - 1]! ^= 1;
    const thief = raw();
    thief.send(heard[0].prove);
    await settle();
    expect(thief.got.map((bytes) => bytes[1])).toEqual([11, 9]);
    one.heard.length = 0;
    one.send(own.seal(own.checkIn()));
    expect(await one.until("reply")).toContain("reply");
    await settle();
    expect(thief.got.filter((bytes) => bytes[0] === 7)).toEqual([]);
  });
  it("is closed when it names more devices than a line may", async () => {
    const socket = connect(linePort, "127.0.0.1");
    sockets.push(socket);
    const closed = new Promise((resolve) => socket.on("close", resolve));
    // Unread answers would hold the end back.
    socket.resume();
    for (let i = 0; i <= serialsPerLineMax; i++) {
      const device = await bench.device(`MANY-${1000 + i}`);
      socket.write(encodeLine(device.hello()));
    }
    await closed;
  });
});

describe("what a gateway knows", () => {
  it("is the serial that HELLO, PROVE and RECEIPT name, and nothing of sealed frames", async () => {
    const device = await bench.device("LINE-0001");
    const hello = device.hello();
    expect(serialNamedIn(hello)).toBe("LINE-0001");
    const [chal] = await bench.give("LINE-0001", hello);
    const heard = device.hear(chal!);
    if (heard.kind !== "challenge") throw new Error("no challenge");
    expect(serialNamedIn(heard.prove)).toBe("LINE-0001");
    expect(serialNamedIn(device.seal(device.checkIn()))).toBeNull();
    expect(serialNamedIn(Uint8Array.of(0x82, 8, 0x61, 0x2f))).toBeNull();
  });
  it("keeps the newest messages of each device while the broker is away", () => {
    const outbox = new Outbox();
    for (let i = 0; i < outboxPerDeviceMax + 2; i++) outbox.put("A-000001", Uint8Array.of(i));
    outbox.put("B-000001", Uint8Array.of(99));
    const kept = outbox.drain().map(([serial, bytes]) => [serial, bytes[0]]);
    expect(kept[0]).toEqual(["A-000001", 2]);
    expect(kept).toHaveLength(outboxPerDeviceMax + 1);
    expect(outbox.droppedCount).toBe(2);
    expect(outbox.drain()).toEqual([]);
  });
});

/** Two streams, each other's ends. */
function streamPair(): [Duplex, Duplex] {
  const make = (other: () => Duplex) =>
    new Duplex({
      read: () => undefined,
      write: (chunk, _encoding, done) => {
        other().push(chunk);
        done();
      },
    });
  const near: Duplex = make(() => far);
  const far: Duplex = make(() => near);
  return [near, far];
}
