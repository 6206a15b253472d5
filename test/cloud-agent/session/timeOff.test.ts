import { expect, it } from "vitest";
import { timeOff } from "../../../cloud-agent/session/checkIn.ts";
import { Code } from "../../../firmware/protocol/errors.ts";
import {
  decodeDeviceMessage,
  encodeDeviceMessage,
} from "../../../firmware/protocol/host/deviceMessages.ts";
import { HostDevice } from "../../../firmware/protocol/host/hostDevice.ts";
import { deviceRecord } from "../fixtures.ts";

const { info } = new HostDevice({} as never);
const minute = 60_000;

it.each([
  [
    Code.WifiRefused,
    "The device was off the network for 90 minutes: the Wi-Fi network refused its password (7 failed joins).",
  ],
  [
    Code.WifiNotFound,
    "The device was off the network for 90 minutes: its Wi-Fi network was not found (7 failed joins).",
  ],
  [
    Code.WifiFailed,
    "The device was off the network for 90 minutes: it could not join its Wi-Fi network (7 failed joins).",
  ],
])("a device that is back from a time without Wi-Fi gives one event with code %i", (code, text) => {
  const before = deviceRecord("SN-1", { lastSeenMs: 10 * minute });
  const told = { ...info, joinsFailed: { code, count: 7 } };
  const data = { joinsFailed: 7, offMs: 90 * minute };
  expect(timeOff(before, told, 100 * minute)).toEqual([
    { kind: "networkRejoined", sequence: 1, code, text, data },
  ]);
});

it("names no time for a device that was never seen, and says nothing of one without failed joins", () => {
  const before = deviceRecord("SN-1", { lastSeenMs: null });
  const told = { ...info, joinsFailed: { code: Code.WifiRefused, count: 1 } };
  expect(timeOff(before, told, 5)[0]!.text).toBe(
    "The device was off the network: the Wi-Fi network refused its password (1 failed joins).",
  );
  expect(timeOff(before, info, 5)).toEqual([]);
});

it.each([
  ["a code above 999", { code: 1000, count: 1 }],
  ["a count below zero", { code: 228, count: -1 }],
])("a check-in with %s is refused", (_what, joinsFailed) => {
  const bytes = encodeDeviceMessage({
    kind: "checkIn",
    info: { ...info, joinsFailed },
    values: {},
    ignored: [],
  });
  expect(() => decodeDeviceMessage(bytes)).toThrow(/joins failed/);
});
