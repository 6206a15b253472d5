/** Commands and logs on their way through the agent: sent until answered, one at a time, and never after their end. */
import { beforeEach, expect, it } from "vitest";
import { commandsOf, expireCommands, orderCommand } from "../../../cloud-agent/core/commands.ts";
import { logsOf } from "../../../cloud-agent/core/deviceLogs.ts";
import { commandsKeptMax, deviceLogsMax } from "../../../cloud-agent/core/limits.ts";
import { Code } from "../../../firmware/protocol/errors.ts";
import type { HostDevice } from "../../../firmware/protocol/host/hostDevice.ts";
import type { OrderResult } from "../../../firmware/protocol/host/orderResult.ts";
import { ResetReason, SlotState } from "../../../firmware/protocol/messages.ts";
import {
  type DeviceBench,
  kinds,
  messageOf,
  openDeviceBench,
  startMs,
} from "../../support/deviceBench.ts";

const serial = "PUCK-0001";
let bench: DeviceBench;
let device: HostDevice;
beforeEach(async () => {
  bench = await openDeviceBench();
  device = await bench.device(serial);
  await bench.claim(serial);
  const grant = messageOf(await bench.shakeHands(device), "grant");
  await bench.say(device, device.seal(device.accept(grant)));
  await bench.shakeHands(device);
});

const order = (name: string | null, forMs = 60_000, argument: string | null = null) =>
  bench.ports.store.tx((tx) =>
    orderCommand(tx, { serial, name, argument, forMs, person: "anna" }, bench.nowMs),
  );
const all = () => bench.ports.store.tx((tx) => commandsOf(tx, serial));
const logs = () => bench.ports.store.tx((tx) => logsOf(tx, serial));
const expire = () => bench.ports.store.tx((tx) => expireCommands(tx, bench.nowMs));
const checkIn = () => bench.say(device, device.seal(device.checkIn()));
const answer = (orderId: number, code: number, more: Partial<OrderResult> = {}) =>
  bench.say(device, device.seal({ kind: "orderResult", orderId, code, ...more }));
const open = async () => (await bench.record(serial)).commands?.open;

it("a command is repeated until its result comes, which is kept with who ordered it", async () => {
  const { id } = await order("dim", 60_000, "low");
  const sent = { kind: "command", orderId: id, untilS: startMs / 1000 + 60, name: "dim" };
  expect(messageOf(await checkIn(), "command")).toEqual({ ...sent, argument: "low" });
  expect(kinds(await checkIn())).toEqual(["reply", "command"]);
  expect(await all()).toMatchObject([{ state: "sent", sentMs: startMs, code: null }]);
  await answer(id, Code.Ok, { value: "dim now" });
  expect(kinds(await checkIn())).toEqual(["reply"]);
  expect(await all()).toMatchObject([
    { name: "dim", argument: "low", person: "anna", state: "done", code: 0, result: "dim now" },
  ]);
  expect(await bench.events("commandOrdered", serial)).toMatchObject([
    { text: "anna ordered command dim of PUCK-0001.", data: { id, person: "anna" } },
  ]);
  expect((await bench.events("commandDone", serial))[0]?.text).toBe(
    "Command dim of PUCK-0001 is done: dim now.",
  );
  expect(await open()).toBe(0);
});

it.each([
  [Code.CommandThrew, "failed", "commandFailed"],
  [Code.CommandResult, "failed", "commandFailed"],
  [Code.CommandRan, "failed", "commandFailed"],
  [Code.CommandUnknown, "refused", "commandRefused"],
  [Code.CommandExpired, "expired", "commandExpired"],
])("the device's code %i makes a command %s", async (code, state, kind) => {
  const { id } = await order("dim");
  await checkIn();
  await answer(id, code, { value: null });
  expect(await all()).toMatchObject([{ state, code }]);
  expect(await bench.events(kind, serial)).toMatchObject([{ code, data: { id } }]);
});

it("goes on with the next command as soon as one is answered, in the order they were given", async () => {
  const [first, second] = [await order("one"), await order("two")];
  expect(second.id).toBe(first.id + 1);
  expect(messageOf(await checkIn(), "command").name).toBe("one");
  const heard = await answer(first.id, Code.Ok, { value: null });
  expect(messageOf(heard, "command").name).toBe("two");
});

it("an answer to what was not sent, or was answered before, changes nothing", async () => {
  const { id } = await order("dim");
  await answer(id, Code.Ok, { value: "forged" });
  await answer(id + 1, Code.Ok);
  expect(await all()).toMatchObject([{ state: "queued", result: null }]);
  await checkIn();
  await answer(id, Code.Ok, { value: 1 });
  await answer(id, Code.CommandThrew, { value: "late" });
  expect(await all()).toMatchObject([{ state: "done", code: 0, result: 1 }]);
});

it("what is expired is not sent any more, is told, and a late answer still counts", async () => {
  const { id } = await order("dim");
  await checkIn();
  bench.nowMs += 60_000;
  expect(kinds(await checkIn())).toEqual(["reply"]);
  await expire();
  expect(await expire()).toBe(0);
  expect([await all(), await open()]).toMatchObject([[{ state: "expired", code: null }], 0]);
  expect((await bench.events("commandExpired", serial))[0]?.text).toBe(
    "Command dim of PUCK-0001 expired: it was sent and not answered.",
  );
  await answer(id, Code.Ok, { value: null });
  expect([await all(), await open()]).toMatchObject([[{ state: "done", code: 0 }], 0]);
});

it("is neither sent to a device in recovery nor to its next owner", async () => {
  await order("dim");
  device.info.slotState = SlotState.Recovery;
  expect(kinds(await checkIn())).toEqual(["reply"]);
  device.info.slotState = SlotState.Confirmed;
  const { epoch } = await bench.record(serial);
  const commands = await all();
  expect(commands[0]?.epoch).toBe(epoch);
  await bench.change(serial, { epoch: epoch + 1 });
  const next = await bench.record(serial);
  const { nextCommand } = await import("../../../cloud-agent/core/commands.ts");
  expect(await bench.ports.store.tx((tx) => nextCommand(tx, next, bench.nowMs))).toBeNull();
});

it("waits for at most eight results of a device, and never gives an id again", async () => {
  for (let n = 0; n < 8; n++) await order("dim");
  await expect(order("dim")).rejects.toMatchObject({ name: "CommandsFull" });
  bench.nowMs += 3_600_000;
  await expire();
  const later = await order("dim");
  expect(later.id).toBe(bench.nowMs / 1000);
});

it("remembers a bounded number of commands, the open ones always", async () => {
  for (let n = 0; n < commandsKeptMax + 3; n++) {
    const { id } = await order("dim");
    await checkIn();
    await answer(id, Code.Ok, { value: n });
  }
  const waiting = await order("last");
  const kept = await all();
  expect([kept.length, kept[0]?.id, kept.at(-1)?.result]).toEqual([commandsKeptMax, waiting.id, 4]);
});

it("a log order is answered by the log, of which the newest are kept", async () => {
  for (let n = 0; n < deviceLogsMax + 2; n++) {
    const { id } = await order(null);
    expect(messageOf(await checkIn(), "command").name).toBeNull();
    const ended = n % 2 ? null : { code: Code.TrialCrashed, text: "no floor", log: "falls" };
    await answer(id, Code.Ok, { log: { resetReason: 5, log: `a|b${n}`, ended } });
  }
  const kept = await logs();
  expect(kept).toHaveLength(deviceLogsMax);
  expect(kept.slice(0, 2)).toMatchObject([
    { resetReason: 5, lines: ["a", "b21"], ended: null },
    { lines: ["a", "b20"], ended: { code: 208, text: "no floor", lines: ["falls"] } },
  ]);
});

it("asks a device whose start began by a crash for its log, at most once an hour", async () => {
  const restart = async (resetReason: number) => {
    device.reboot();
    device.info.resetReason = resetReason;
    return kinds(await bench.shakeHands(device)).filter((kind) => kind === "command").length;
  };
  expect(await restart(ResetReason.PowerOn)).toBe(0);
  expect(await restart(ResetReason.Crash)).toBe(1);
  expect(kinds(await checkIn())).toEqual(["reply", "command"]);
  const [asked] = await all();
  expect(asked).toMatchObject({ name: null, person: "the agent" });
  await answer(asked!.id, Code.Ok, { log: { resetReason: 5, log: "", ended: null } });
  expect(await restart(ResetReason.Watchdog)).toBe(0);
  bench.nowMs += 3_600_000;
  expect(await restart(ResetReason.BrownOut)).toBe(1);
  expect(await logs()).toHaveLength(1);
});
