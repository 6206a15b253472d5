/** Commands and the log of an app, with the text as it ships: what runs, what is refused, and what a restart does to it. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Code } from "../../firmware/protocol/errors.ts";
import { ResetReason } from "../../firmware/protocol/messages.ts";
import { minutes, simulate } from "../../scripts/testkit/index.ts";

const lamp = new URL("../../scripts/examples/lamp.ts", import.meta.url);
const button = new URL("../../scripts/examples/button.ts", import.meta.url);

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "lamp-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

describe.each(["puckjs", "esp32"])("the lamp example on %s", (board) => {
  it("does what it is told, tells its result, and what it logged", async () => {
    const device = await simulate(lamp, { board });
    expect(device.command("identify")).toEqual({ code: 0, value: "lit for 3 s" });
    expect(device.pinIsHigh("LED1")).toBe(true);
    device.advance(3000);
    expect(device.pinIsHigh("LED1")).toBe(false);
    expect(device.command("light", true)).toEqual({ code: 0, value: true });
    expect(device.command("light", "yes")).toEqual({
      ...{ code: Code.CommandThrew, value: "expected true or false" },
    });
    expect(device.command("toString")).toEqual({ code: Code.CommandUnknown, value: null });
    expect(device.pinIsHigh("LED1")).toBe(true);
    expect(device.askLog()).toMatchObject({ log: "on", ended: null });
    expect(device.restarts).toBe(0);
  });

  it("runs a command once, however often it is ordered, over restarts too", async () => {
    const device = await simulate(lamp, { board });
    const before = device.command("light", true);
    const [first] = device.cloud.ordered.slice(-1);
    device.command("light", false);
    device.cloud.orders.push(device.cloud.ordered.at(-1)!);
    device.powerOff(1000);
    device.advance(minutes(2));
    expect(device.cloud.orderResults.slice(-2)).toMatchObject([
      { code: 0, value: false },
      { code: 0, value: false },
    ]);
    expect(device.pinIsHigh("LED1")).toBe(false);
    device.cloud.orders.push(first!);
    device.advance(minutes(2));
    expect(device.cloud.orderResults.at(-1)).toMatchObject({ code: Code.CommandRan, value: null });
    expect([before.value, device.pinIsHigh("LED1")]).toEqual([true, false]);
  });
});

it("an app without commands refuses each by name, and tells its log all the same", async () => {
  const device = await simulate(button);
  expect(device.command("identify")).toEqual({ code: Code.CommandUnknown });
  expect(device.askLog()).toMatchObject({ log: "" });
});

it("a command that comes after its end does not run", async () => {
  const device = await simulate(lamp);
  device.cloud.tamper = (m) => (m.kind === "command" ? { ...m, untilS: m.untilS - 3660 } : m);
  expect(device.command("light", true)).toEqual({ code: Code.CommandExpired, value: null });
  expect(device.pinIsHigh("LED1")).toBe(false);
});

it("a command that ends the start is not run again, and the log tells how that start ended", async () => {
  const file = join(directory, "fragile.ts");
  writeFileSync(
    file,
    `export const regions = [];
let device;
export const commands = { fall() { device.log("falls"); setTimeout(() => { throw "no floor"; }, 1); return 1; },
  restart() { E.reboot(); } };
export function start(given) { device = given; }
`,
  );
  const device = await simulate(file);
  device.cloud.isReachable = true;
  expect(device.command("restart")).toEqual({ code: Code.CommandRan, value: null });
  expect(device.restarts).toBe(1);
  device.command("fall");
  device.advance(minutes(2));
  expect(device.restarts).toBe(2);
  expect(device.askLog()).toEqual({
    ...{ resetReason: ResetReason.Crash, log: "" },
    ended: { code: Code.TrialCrashed, text: "no floor", log: "falls" },
  });
});
