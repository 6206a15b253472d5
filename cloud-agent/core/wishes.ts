/** What an owner wishes a device to be set to. A wish is checked against what the running release declares, and becomes a
 *  fact only when the device reports its revision. Flags ride on settings as names "f.NAME" (SPEC.md §10). */
import { Code } from "../../firmware/protocol/errors.ts";
import { settingMisfit } from "../../firmware/protocol/host/settings.ts";
import { settingsMax } from "../../firmware/protocol/limits.ts";
import type { Tx } from "../storage/store.ts";
import { AgentCode, AgentError } from "./errors.ts";
import { needOperating } from "./lifecycle.ts";
import type { DeviceRecord } from "./records.ts";

export type SettingValues = Record<string, number | string | boolean>;

const isFlag = (name: string) => name.startsWith("f.");

/** Wishes settings for a device under the next revision; its flags stay. The same values again change nothing.
 *  @throws AgentError UnknownDevice, DeviceNotOperating, SettingUnknown, SettingType, SettingRange, RequestInvalid */
export async function wishSettings(
  tx: Tx,
  request: { serial: string; values: SettingValues; person: string },
  nowMs: number,
): Promise<DeviceRecord> {
  const device = await needOperating(tx, request.serial);
  await checkDeclared(tx, device, request.values);
  const values = { ...request.values, ...pick(device, isFlag) };
  return wish(tx, device, { values, deed: "settings", person: request.person }, nowMs);
}

/** Switches flags of a device, by name; flags that are not named and settings stay.
 *  @param request.flags untilMs omitted: without expiry
 *  @throws AgentError UnknownDevice, DeviceNotOperating, RequestInvalid */
export async function wishFlags(
  tx: Tx,
  request: {
    serial: string;
    flags: Record<string, { on: boolean; untilMs?: number }>;
    person: string;
  },
  nowMs: number,
): Promise<DeviceRecord> {
  const device = await needOperating(tx, request.serial);
  const values = pick(device, () => true);
  for (const [name, { on, untilMs }] of Object.entries(request.flags)) {
    const untilS = Math.min(Math.floor((untilMs ?? 0) / 1000), 0xffff_ffff);
    if (on) values[`f.${name}`] = untilMs === undefined ? true : untilS;
    else delete values[`f.${name}`];
  }
  const deed = `flags ${Object.keys(request.flags).join(", ")}`;
  return wish(tx, device, { values, deed, person: request.person }, nowMs);
}

function pick(device: DeviceRecord, isKept: (name: string) => boolean): SettingValues {
  const entries = Object.entries(device.wantedSettings?.values ?? {});
  return Object.fromEntries(entries.filter(([name]) => isKept(name)));
}

async function wish(
  tx: Tx,
  device: DeviceRecord,
  wanted: { values: SettingValues; deed: string; person: string },
  nowMs: number,
): Promise<DeviceRecord> {
  const { serial } = device;
  const { values, deed, person } = wanted;
  const present = device.wantedSettings ?? null;
  if (present && sameSettings(present.values, values)) return device;
  const count = Object.keys(values).length;
  if (count > settingsMax) {
    throw new AgentError(
      AgentCode.RequestInvalid,
      `device ${serial}: expected at most ${settingsMax} settings and flags together, got ${count}`,
    );
  }
  const revision = Math.max(present?.revision ?? 0, device.settingsRevision) + 1;
  const wished: DeviceRecord = { ...device, wantedSettings: { revision, values } };
  await tx.putDevice(wished);
  await tx.appendEvent(
    {
      kind: "settingsChanged",
      serial,
      text: `${person} set ${deed} of ${serial} under revision ${revision}.`,
      data: { revision, values, person },
    },
    nowMs,
  );
  return wished;
}

/** Holds values against what the image that runs declares. Where no declaration is known, the device alone decides. */
async function checkDeclared(tx: Tx, device: DeviceRecord, values: SettingValues): Promise<void> {
  const release = await tx.release(device.runningSequence);
  const { classId } = device.birth;
  const declared = release?.images.find((image) => image.classId === classId)?.settings;
  if (!declared) return;
  for (const [name, value] of Object.entries(values)) {
    const spec = Object.hasOwn(declared, name) ? declared[name] : undefined;
    const code = settingMisfit(spec, value);
    if (code === Code.Ok) continue;
    const expected = spec ? JSON.stringify(spec) : `one of ${Object.keys(declared).join(", ")}`;
    throw new AgentError(
      code,
      `setting ${name} of ${device.serial}: release ${device.runningSequence} declares ${expected}, ` +
        `got ${JSON.stringify(value)}`,
    );
  }
}

function sameSettings(a: SettingValues, b: SettingValues): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}
