/** Wishes for settings and flags, held against what the running release declares. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ReleaseRecord } from "../../../cloud-agent/core/records.ts";
import { changes } from "../../../cloud-agent/session/checkIn.ts";
import { HostDevice } from "../../../firmware/protocol/host/hostDevice.ts";
import type { DeclaredSettings } from "../../../firmware/protocol/host/settings.ts";
import { deviceRecord } from "../fixtures.ts";
import { type Harness, harness } from "./harness.ts";

const serial = "SN-0001";
const settings: DeclaredSettings = {
  step: { type: "number", min: 1, max: 60, default: 5 },
  mode: { type: "string", choices: ["eco", "fast"], default: "eco" },
};
const release = {
  ...{ sequence: 7, version: "1", type: "fix", notes: "", publishedMs: 0 },
  ...{ poisonedMs: null, poisonReason: null },
  images: [
    {
      ...{ classId: "33".repeat(16), board: "puckjs", digest: "00".repeat(32), sizeBytes: 1 },
      ...{ floor: 0, envelopeBytes: 1, settings },
    },
  ],
} as ReleaseRecord;

let api: Harness;
beforeEach(async () => {
  api = await harness();
  const device = deviceRecord(serial, { lifecycle: 3, runningSequence: 7 });
  await api.store.tx(async (tx) => {
    await tx.putDevice(device);
    await tx.putRelease(release);
  });
});
afterEach(() => api.close());

const set = (values: object) =>
  api.call("PUT", `/v1/devices/${serial}/settings`, { values }, "operator");
const flags = (body: object) =>
  api.call("PUT", `/v1/devices/${serial}/flags`, { flags: body }, "operator");

describe("a wish for settings", () => {
  it("that fits the declaration is taken, both ends of a range included", async () => {
    for (const step of [1, 60]) {
      const reply = await set({ step, mode: "fast" });
      expect([reply.status, reply.body.wantedSettings.values.step]).toEqual([202, step]);
    }
  });

  it.each([
    [{ speed: 1 }, 151, "one of step, mode, got 1"],
    [{ step: "5" }, 152, 'declares {"type":"number","min":1,"max":60,"default":5}, got "5"'],
    [{ step: 61 }, 153, "got 61"],
    [{ step: 0 }, 153, "got 0"],
    [{ mode: "slow" }, 153, 'got "slow"'],
  ])("%j is refused with code %i", async (values, code, words) => {
    const reply = await set(values);
    expect([reply.status, reply.body.code]).toEqual([422, code]);
    expect(reply.body.detail).toContain(words);
    const device = await api.store.tx((tx) => tx.device(serial));
    expect(device?.wantedSettings ?? null).toBe(null);
  });

  it("is left to the device where its release declares nothing", async () => {
    await api.store.tx((tx) => tx.putDevice(deviceRecord(serial, { lifecycle: 3 })));
    expect((await set({ speed: 1 })).status).toBe(202);
  });

  it("that the device did not take becomes one event per name and revision", () => {
    const before = deviceRecord(serial, { lastSeenMs: 1, settingsRevision: 1 });
    const { info } = new HostDevice({} as never);
    const told = { ...info, settingsRevision: 2, settingsRefused: { step: 153 } };
    const events = changes(before, told).filter(({ kind }) => kind === "settingRefused");
    expect(events.map(({ code, data }) => [code, data])).toEqual([
      [153, { name: "step", revision: 2 }],
    ]);
    const after = { ...before, settingsRevision: 2, settingsRefused: { step: 153 } };
    expect(changes(after, told).filter(({ kind }) => kind === "settingRefused")).toEqual([]);
  });
});

describe("flags", () => {
  it("ride on settings, keep each other and outlive a wish for settings", async () => {
    await flags({ fast: { on: true }, beta: { on: true, untilMs: 1_900_000_000_999 } });
    await set({ step: 9 });
    const reply = await flags({ fast: { on: false } });
    expect(reply.body.wantedSettings).toEqual({
      revision: 3,
      values: { step: 9, "f.beta": 1_900_000_000 },
    });
  });

  it.each([
    [{ "a.b": { on: true } }],
    [{ abcdefghijklmno: { on: true } }],
    [{ fast: { on: 1 } }],
    [{ fast: {} }],
    [{ fast: { on: true, untilMs: -1 } }],
  ])("of the form %j are refused", async (body) => {
    const reply = await flags(body);
    expect([reply.status, reply.body.code]).toEqual([400, 600]);
  });

  it("and settings are at most sixteen together", async () => {
    await set({ step: 9 });
    const many = Array.from({ length: 16 }, (_, i) => [`x${i}`, { on: true }]);
    const reply = await flags(Object.fromEntries(many));
    expect([reply.status, reply.body.code]).toEqual([400, 600]);
    expect(reply.body.detail).toContain("at most 16 settings and flags together, got 17");
  });
});
