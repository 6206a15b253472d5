import { describe, expect, it, vi } from "vitest";
import { Rec } from "../../firmware/flash/journal.ts";
import { Code } from "../../firmware/protocol/errors.ts";
import { Msg } from "../../firmware/protocol/messages.ts";
import type { App } from "../../firmware/runtime/app.ts";
import { startRuntime } from "../support/runtimeBench.ts";

vi.stubGlobal("process", { ...process, memory: () => ({ usage: 300, total: 1000 }) });
vi.stubGlobal("getTime", () => 7);

const settings: App["settings"] = {
  step: { type: "number", min: 1, max: 60, default: 5 },
  mode: { type: "string", choices: ["eco", "fast"], default: "eco" },
  name: { type: "string", max: 8, default: "" },
  lamp: { type: "boolean", default: false },
};
const set = (revision: number, values: object) => [Msg.Settings, revision, values];
const read = (bench: ReturnType<typeof startRuntime>) =>
  Object.keys(settings).map((name) => bench.device.setting(name));

describe("settings", () => {
  it("hold their defaults until the owner sets something, and an undeclared one holds nothing", () => {
    const bench = startRuntime({ settings });
    expect(read(bench)).toEqual([5, "eco", "", false]);
    expect(bench.device.setting("other")).toBe(undefined);
    expect(bench.report().info).toEqual({});
  });

  it("that fit are recorded, hold at once and after the next start, and the app is told", () => {
    let told = 0;
    const bench = startRuntime({ settings, start: (d) => d.onSettings(() => told++) });
    const values = { step: 60, mode: "fast", name: "12345678", lamp: true };
    bench.order(set(1, values));
    expect(read(bench)).toEqual([60, "fast", "12345678", true]);
    expect(bench.records.get(Rec.Settings)).toEqual([1, values]);
    expect([told, bench.checkIns]).toEqual([1, 1]);
    const { records } = bench;
    expect(read(startRuntime({ settings }, { records }))).toEqual([60, "fast", "12345678", true]);
  });

  it.each([
    [{ step: 61 }, { step: Code.SettingRange }],
    [{ step: 0 }, { step: Code.SettingRange }],
    [{ step: "7" }, { step: Code.SettingType }],
    [{ step: null }, { step: Code.SettingType }],
    [{ step: [7] }, { step: Code.SettingType }],
    [{ mode: "slow" }, { mode: Code.SettingRange }],
    [{ mode: 1 }, { mode: Code.SettingType }],
    [{ name: "123456789" }, { name: Code.SettingRange }],
    [{ name: "x".repeat(49) }, { name: Code.SettingType }],
    [{ lamp: 1 }, { lamp: Code.SettingType }],
  ])("%j is refused by its code, and the value before stays", (values, refused) => {
    const bench = startRuntime({ settings });
    bench.order(set(1, { step: 7, mode: "fast", name: "a", lamp: true }));
    bench.order(set(2, values));
    const name = Object.keys(values)[0]!;
    const before: Record<string, unknown> = { step: 7, mode: "fast", name: "a", lamp: true };
    expect(bench.device.setting(name)).toBe(before[name]);
    expect(bench.report().info).toEqual({ 23: refused });
    expect((bench.records.get(Rec.Settings) as unknown[])[0]).toBe(2);
    const again = startRuntime({ settings }, { records: bench.records });
    expect(again.device.setting(name)).toBe(before[name]);
    expect(again.report().info).toEqual({ 23: refused });
  });

  it("that a later revision leaves out fall back to their defaults, and an old refusal is forgotten", () => {
    const bench = startRuntime({ settings });
    bench.order(set(1, { step: 7, lamp: 1 }));
    bench.order(set(2, { mode: "fast" }));
    expect(read(bench)).toEqual([5, "fast", "", false]);
    expect(bench.report().info).toEqual({});
  });

  it("that this image does not declare are kept for the one that does", () => {
    const bench = startRuntime({ settings });
    bench.order(set(1, { step: 7, speed: 3 }));
    expect(bench.report().info).toEqual({ 23: { speed: Code.SettingUnknown } });
    const newer = { speed: { type: "number", default: 1 } } as const;
    const next = startRuntime({ settings: newer }, { records: bench.records });
    expect(next.device.setting("speed")).toBe(3);
    expect(next.device.setting("step")).toBe(undefined);
    expect(next.report().info).toEqual({ 23: { step: Code.SettingUnknown, speed: 151 } });
  });

  it("that an image on trial took are read by the old image through its own declarations", () => {
    const wider = { ...settings, step: { type: "number", max: 900, default: 300 } } as const;
    const trial = startRuntime({ settings: wider }, { minutes: 60 });
    trial.order(set(4, { step: 600, mode: "fast" }));
    expect(trial.device.setting("step")).toBe(600);
    const old = startRuntime({ settings }, { records: trial.records });
    expect(read(old)).toEqual([5, "fast", "", false]);
    expect(old.report().info).toEqual({ 23: { step: Code.SettingRange } });
  });
});

describe("a feature flag", () => {
  const day = 86_400;
  const flags = (values: object, life = [3, 1000, 10, 0]) =>
    startRuntime({}, { settings: [1, values], life });

  it("is on while it has no expiry, off when it is off or was never set", () => {
    const { device } = flags({ "f.fast": true, "f.slow": false });
    expect(["fast", "slow", "none"].map(device.flag)).toEqual([true, false, false]);
  });

  it("is off from its expiry on, by the agent's time and the uptime since", () => {
    const bench = flags({ "f.fast": 5000 });
    bench.reply(4900);
    bench.advance(99_000);
    expect(bench.device.flag("fast")).toBe(true);
    bench.advance(1000);
    expect(bench.device.flag("fast")).toBe(false);
  });

  it("goes by the last time on record before the first answer of a start", () => {
    expect(flags({ "f.fast": 1001 }).device.flag("fast")).toBe(true);
    expect(flags({ "f.fast": 1000 }).device.flag("fast")).toBe(false);
  });

  it("that was seen expired stays off after a restart without contact", () => {
    const bench = flags({ "f.fast": 5000 });
    bench.reply(6000);
    expect(bench.device.flag("fast")).toBe(false);
    const { records } = bench;
    const again = startRuntime({}, { records, life: records.get(Rec.Life) as number[] });
    expect(again.device.flag("fast")).toBe(false);
    expect(records.get(Rec.Life)).toEqual([3, 6000, 10, 0]);
  });

  it("costs one record when it expires, none while it is asked", () => {
    const bench = flags({ "f.fast": 5 * day });
    const put = vi.spyOn(bench.records, "set");
    bench.reply(4 * day);
    for (let i = 0; i < 50; i++) bench.device.flag("fast");
    bench.reply(5 * day);
    for (let i = 0; i < 50; i++) bench.device.flag("fast");
    expect(put).toHaveBeenCalledTimes(1);
  });
});
