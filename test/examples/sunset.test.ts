/** A sunset order on a simulated board, with the text as it ships, over virtual weeks. */
import { expect, it } from "vitest";
import { encodeHelloWanted } from "../../firmware/protocol/host/handshake.ts";
import {
  days,
  hours,
  minutes,
  type SimulatedDevice,
  seconds,
  simulate,
} from "../../scripts/testkit/index.ts";

const app = new URL("../../scripts/examples/button.ts", import.meta.url);
const sensor = new URL("../../scripts/examples/sensor.ts", import.meta.url);

/** Times at which the device said something, in hours from now on. */
function listen(device: SimulatedDevice): number[] {
  const heard: number[] = [];
  const { cloud, nowMs } = device;
  const receive = cloud.receive.bind(cloud);
  cloud.receive = (bytes) => {
    heard.push((device.nowMs - nowMs) / hours(1));
    receive(bytes);
  };
  return heard;
}

const lights = (device: SimulatedDevice) => {
  device.press();
  return device.pinIsHigh("LED1");
};

it.each([
  ["puckjs", 14],
  ["esp32", 4],
] as const)(
  "after a sunset order %s knocks once a day and goes on for %i days, over restarts, until it is called back",
  async (board, span) => {
    const device = await simulate(app, { board });
    device.sunset();
    expect(device.checkIns.at(-1)!.info.nextCheckInS).toBe(86_400);
    const heard = listen(device);
    device.advance(days(3));
    expect(heard.length).toBeGreaterThanOrEqual(2);
    expect(heard.length).toBeLessThanOrEqual(3);

    device.cloud.isReachable = false;
    heard.length = 0;
    device.advance(days(span));
    expect(heard.length).toBeGreaterThanOrEqual(span - 2);
    expect(heard.length).toBeLessThanOrEqual(span);
    heard.length = 0;
    device.powerOff(hours(1));
    device.advance(days(span));
    // Each start says hello once.
    expect(heard.length).toBeLessThanOrEqual(span + 1);
    expect(lights(device)).toBe(true);

    device.cloud.isReachable = true;
    const before = device.checkIns.length;
    device.advance(days(1.2));
    expect(device.checkIns.length).toBeGreaterThan(before);
    expect(device.state).toMatchObject({ isSunset: true, slot: "confirmed" });
    expect(device.metric("presses")?.last).toBe(1);

    device.cloud.orders.push({ kind: "sunset", orderId: 99, isOn: false });
    device.until("come back", () => device.state.isSunset === false, days(1.2));
    const since = device.checkIns.length;
    device.advance(hours(1));
    expect(device.checkIns.length - since).toBeGreaterThanOrEqual(50);
  },
);

it.each([
  ["confirms a good one", 0.5, { sequence: 2, failed: null }],
  ["takes a bad one back", 1, { sequence: 1, failed: { sequence: 2, code: 211 } }],
])("judges a release on trial without the agent after its sunset: %s", async (_, light, end) => {
  const device = await simulate(sensor);
  device.setAnalog("D1", light);
  device.sunset();
  await device.offer(sensor, { trialMinutes: 30 });
  device.until("install it", () => device.restarts === 1);
  device.cloud.isReachable = false;
  device.advance(hours(2));
  device.cloud.isReachable = true;
  device.advance(days(1.2));
  expect(device.state).toMatchObject({ ...end, slot: "confirmed", isSunset: true });
});

it("a device after its sunset answers on its line at once, and takes settings there", async () => {
  const device = await simulate(app);
  device.sunset();
  device.advance(days(3.5));
  const heard = listen(device);
  device.set({ blinkMs: 500 });
  expect(heard[0]! * 3600).toBeLessThan(2);
  expect(device.state).toMatchObject({ isSunset: true, settingsRevision: 1 });
});

it("a device in local mode for want of an agent answers a frame on its line at once", async () => {
  const device = await simulate(app);
  device.cloud.isReachable = false;
  device.advance(days(33));
  device.cloud.isReachable = true;
  const before = device.checkIns.length;
  device.cloud.send(encodeHelloWanted());
  device.advance(seconds(3));
  expect(device.checkIns.length).toBe(before + 1);
  device.advance(minutes(5));
  expect(device.checkIns.length).toBeGreaterThanOrEqual(before + 5);
});

it("a forged sunset order and a replayed one change nothing, nor after a restart", async () => {
  const device = await simulate(app, { board: "esp32" });
  const { cloud } = device;
  const recorded: Uint8Array[] = [];
  const send = cloud.send;
  cloud.send = (bytes) => {
    recorded.push(bytes);
    send(bytes);
  };
  device.sunset();
  device.sunset(false);
  cloud.send = send;
  expect(recorded.length).toBeGreaterThanOrEqual(4);
  const forgeries = recorded.flatMap((bytes) =>
    [0, 5, 9, 12, bytes.length - 1].map((at) => bytes.with(at, bytes[at]! ^ 1)),
  );
  // The bare message, as anybody on the way can say it.
  forgeries.push(Uint8Array.of(0x83, 0x18, 41, 7, 1));
  const comesAsBefore = () => {
    const before = device.checkIns.length;
    device.advance(minutes(20));
    expect(device.state.isSunset).toBe(false);
    expect(device.checkIns.length - before).toBeGreaterThanOrEqual(15);
  };
  for (const bytes of [...recorded, ...forgeries]) {
    cloud.send(bytes);
    device.advance(50);
  }
  comesAsBefore();
  device.powerOff(1000);
  device.advance(minutes(2));
  for (const bytes of [...recorded, ...forgeries]) {
    cloud.send(bytes);
    device.advance(50);
  }
  comesAsBefore();
});
