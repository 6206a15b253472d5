import { Code } from "../../firmware/protocol/errors.ts";
import type { CheckIn, CheckInInfo } from "../../firmware/protocol/host/deviceMessages.ts";
import { SlotState } from "../../firmware/protocol/messages.ts";
import { latestVitalsMax } from "../core/filter/limits.ts";
import { nextKeySet, noteKeySetOffer } from "../core/keySets.ts";
import type { DeviceOrder, DeviceRecord, NewEvent } from "../core/records.ts";
import { hex, type Step } from "./context.ts";

const keySetTaken: number = Code.KeySetTaken;

/** Brings the record up to date with an authenticated CHECKIN, and records what changed since the last one.
 *  @returns the device as it stands now */
export async function takeCheckIn(
  step: Step,
  device: DeviceRecord,
  checkIn: CheckIn,
): Promise<DeviceRecord> {
  const { tx, incoming } = step;
  const news = [...changes(device, checkIn.info), ...timeOff(device, checkIn.info, incoming.nowMs)];
  for (const event of news) {
    await tx.appendEvent({ ...event, serial: device.serial }, incoming.nowMs);
  }
  if (Object.keys(checkIn.values).length > 0) {
    const { serial } = device;
    const { runningSequence: sequence, resetReason } = checkIn.info;
    // Kept with the vitals, because a verdict asks of a row whether the run before it ended in a crash.
    const values = { ...checkIn.values, resetReason: [resetReason] };
    await tx.appendVitals([{ serial, atMs: incoming.nowMs, sequence, values }]);
  }
  if (checkIn.ignored.length > 0) {
    step.ports.log.warn(
      { serial: device.serial, ignored: checkIn.ignored },
      "vitals that are not [min, max, last] were left out",
    );
  }
  const facts = withFacts(device, checkIn.info, incoming.nowMs);
  const known = { ...facts, latestVitals: latestOf(device, facts, checkIn.values) };
  const keySet = await nextKeySet(tx, known);
  const told = keySet ? await noteKeySetOffer(tx, known, keySet, incoming.nowMs) : known;
  // Its first contact after a key set is for the key set alone: a device fetches one thing at a time.
  step.keySetIsNew = told !== known;
  return settleOrder(step, await wishAgain(step, device, told));
}

/** What an image did not take may suit the next one: the owner's wish goes out once more, under the next revision, when
 *  another image runs. */
async function wishAgain(
  step: Step,
  before: DeviceRecord,
  device: DeviceRecord,
): Promise<DeviceRecord> {
  const { wantedSettings, settingsRevision, settingsRefused = {}, serial } = device;
  const names = Object.keys(settingsRefused);
  const isOther = before.lastSeenMs !== null && before.runningDigest !== device.runningDigest;
  // Recovery takes no settings, and a newer wish is on its way already.
  const isAnswered = wantedSettings?.revision === settingsRevision;
  const runs = device.slotState !== SlotState.Recovery;
  if (!wantedSettings || !isAnswered || !isOther || !runs || names.length === 0) return device;
  const revision = wantedSettings.revision + 1;
  const event: NewEvent = {
    kind: "settingsOfferedAgain",
    serial,
    sequence: device.runningSequence,
    text: `The device runs another image, so ${names.join(", ")} goes to it again, under revision ${revision}.`,
    data: { revision, names },
  };
  await step.tx.appendEvent(event, step.incoming.nowMs);
  return { ...device, wantedSettings: { ...wantedSettings, revision } };
}

/** Events that a check-in means against what was known. Pure.
 *  A device counts as updated only here: confirmed, and checked in with the new digest. */
export function changes(before: DeviceRecord, info: CheckInInfo): NewEvent[] {
  const events: NewEvent[] = [];
  const add = (kind: string, sequence: number, code: number, text: string, data = {}) =>
    events.push({ kind, sequence, code, text, data });
  const { download, failed, runningSequence } = info;
  const refused = isFrozen(info) ? null : info.refused;
  const digest = hex(info.runningDigest);
  if (before.lastSeenMs === null) add("firstContactMade", runningSequence, 0, "First check-in.");
  if (download && download.sequence !== before.download?.sequence) {
    add("updateStarted", download.sequence, Code.UpdateStarted, "The download began.");
  }
  const isOther = digest !== before.runningDigest || runningSequence !== before.runningSequence;
  const isNews = isOther || info.slotState !== before.slotState;
  const isFailedNews = failed !== null && !isSameFailure(before, failed);
  const isBack = before.lastSeenMs !== null && runningSequence < before.runningSequence;
  if (isFailedNews) {
    const { text: told, resetReason, log } = failed;
    const data = { digest: hex(failed.digest), text: told, resetReason, log };
    const last = log === "" ? "" : ` Its log ends with "${log}".`;
    const text = `Release ${failed.sequence} failed; the device runs ${runningSequence}.${last}`;
    add("updateReverted", failed.sequence, failed.code, text, data);
  } else if (isBack && info.slotState !== SlotState.Trial) {
    const text = `The device went back to release ${runningSequence}.`;
    add("updateReverted", before.runningSequence, Code.RevertOrdered, text);
  }
  if (isNews && info.slotState === SlotState.Trial) {
    add("updateInstalled", runningSequence, Code.UpdateInstalled, "The new image runs on trial.");
  }
  if (info.fieldMinutesLeft !== undefined && typeof before.fieldMinutesLeft !== "number") {
    const text = `Release ${runningSequence} waits for a person in the field to confirm it; ${info.fieldMinutesLeft} minutes of its trial are left.`;
    add("fieldConfirmAwaited", runningSequence, 0, text, { minutesLeft: info.fieldMinutesLeft });
  }
  if (isNews && info.slotState === SlotState.Recovery) {
    add("recoveryEntered", runningSequence, Code.SlotEmpty, "No slot holds a valid image.");
  }
  const isConfirmed = isNews && info.slotState === SlotState.Confirmed && !isBack && !isFailedNews;
  if (isConfirmed && before.lastSeenMs !== null) {
    add("updateConfirmed", runningSequence, Code.UpdateConfirmed, "The new image is confirmed.");
  }
  if (refused && !isSameRefusal(before, refused)) {
    const text = `The device refused release ${refused.sequence} with code ${refused.code}.`;
    add("updateRefused", refused.sequence, refused.code, text);
  }
  if (isFrozen(info) && !before.isFrozen) {
    const text = "The device's check-ins had stayed unanswered for long.";
    add("checkInsUnanswered", runningSequence, Code.Frozen, text);
  }
  const { keySetVersion: version } = info;
  const isTold = before.keySetNews?.version === version && before.keySetNews.code === keySetTaken;
  if (version > (before.keySetVersion ?? version) && !isTold) {
    add("keySetTaken", runningSequence, keySetTaken, `Key set ${version} is in force.`, {
      version,
    });
  }
  return [...events, ...refusedSettings(before, info)];
}

const offWhy: Record<number, string> = {
  [Code.WifiRefused]: "the Wi-Fi network refused its password",
  [Code.WifiNotFound]: "its Wi-Fi network was not found",
};

/** The event of a device that is back from a time without its Wi-Fi network. Pure. */
export function timeOff(before: DeviceRecord, info: CheckInInfo, nowMs: number): NewEvent[] {
  const { joinsFailed, runningSequence: sequence } = info;
  if (!joinsFailed) return [];
  const { code, count } = joinsFailed;
  const offMs = before.lastSeenMs === null ? null : nowMs - before.lastSeenMs;
  const time = offMs === null ? "" : ` for ${Math.round(offMs / 60_000)} minutes`;
  const why = offWhy[code] ?? "it could not join its Wi-Fi network";
  const text = `The device was off the network${time}: ${why} (${count} failed joins).`;
  return [{ kind: "networkRejoined", sequence, code, text, data: { joinsFailed: count, offMs } }];
}

function refusedSettings(before: DeviceRecord, info: CheckInInfo): NewEvent[] {
  const isNewRevision = info.settingsRevision !== before.settingsRevision;
  return Object.entries(info.settingsRefused)
    .filter(([name, code]) => isNewRevision || before.settingsRefused?.[name] !== code)
    .map(([name, code]) => ({
      kind: "settingRefused",
      sequence: info.runningSequence,
      code,
      text: `The device did not take setting ${name} of revision ${info.settingsRevision}: code ${code}.`,
      data: { name, revision: info.settingsRevision },
    }));
}

function isSameFailure(before: DeviceRecord, failed: NonNullable<CheckInInfo["failed"]>): boolean {
  const last = before.lastFailed;
  return (
    last !== null &&
    last.sequence === failed.sequence &&
    last.digest === hex(failed.digest) &&
    last.code === failed.code &&
    last.text === failed.text
  );
}

/** True when the device says that its check-ins stayed unanswered; no refusal stands beside it then. */
function isFrozen({ refused }: CheckInInfo): boolean {
  return refused !== null && refused.code === Code.Frozen;
}

function isSameRefusal(before: DeviceRecord, refused: { sequence: number; code: number }): boolean {
  return before.refused?.sequence === refused.sequence && before.refused.code === refused.code;
}

function withFacts(device: DeviceRecord, info: CheckInInfo, nowMs: number): DeviceRecord {
  // What it has against a release it tells again once it is answered.
  const refused = isFrozen(info) ? device.refused : info.refused;
  const isNewRefusal = refused !== null && !isSameRefusal(device, refused);
  // Put off is over when it runs.
  const isTaken = device.deferred?.sequence === info.runningSequence;
  return {
    ...device,
    runningSequence: info.runningSequence,
    runningDigest: hex(info.runningDigest),
    slotState: info.slotState,
    floor: info.floor,
    keySetVersion: info.keySetVersion,
    otherSequence: info.otherSequence,
    otherValid: info.otherValid,
    interpreter: info.interpreter,
    resetReason: info.resetReason,
    nextCheckInS: info.nextCheckInS || device.checkInS,
    settingsRevision: info.settingsRevision,
    settingsRefused: info.settingsRefused,
    // Recovery does not tell it.
    isSunset: info.slotState === SlotState.Recovery ? device.isSunset : info.isSunset,
    fieldMinutesLeft: info.fieldMinutesLeft ?? null,
    poison: info.poison?.map(hex),
    lastFailed: info.failed && { ...info.failed, digest: hex(info.failed.digest) },
    refused,
    isFrozen: isFrozen(info),
    ...(isNewRefusal ? { refusedMs: nowMs } : {}),
    ...(isTaken ? { deferred: null } : {}),
    download: info.download,
  };
}

/** Newest values for whoever asks for devices by them. Another release may measure something else. */
function latestOf(
  before: DeviceRecord,
  { runningSequence }: DeviceRecord,
  told: CheckIn["values"],
): Record<string, number> | undefined {
  const isSame = before.runningSequence === runningSequence;
  const latest = isSame ? { ...before.latestVitals } : {};
  for (const [name, values] of Object.entries(told)) {
    const last = values.at(-1);
    if (last !== undefined) latest[name] = last;
  }
  const names = Object.keys(latest);
  if (names.length === 0) return undefined;
  for (const name of names.slice(latestVitalsMax)) delete latest[name];
  return latest;
}

/** An order whose ORDER-RESULT was lost is done when the device tells its effect. */
async function settleOrder(step: Step, device: DeviceRecord): Promise<DeviceRecord> {
  const { order } = device;
  const text = order && effectOf(order, device);
  if (!order || !text) return device;
  await step.tx.appendEvent(
    {
      kind: "orderDone",
      serial: device.serial,
      sequence: order.kind === "revert" ? order.toSequence : null,
      code: Code.Ok,
      text,
      data: { orderId: order.orderId, order: order.kind },
    },
    step.incoming.nowMs,
  );
  return { ...device, order: null };
}

function effectOf(order: DeviceOrder, device: DeviceRecord): string | null {
  if (device.slotState === SlotState.Recovery) return null;
  if (order.kind === "revert" && device.runningSequence === order.toSequence)
    return `The device runs release ${order.toSequence}, as ordered.`;
  if (order.kind === "confirm" && device.runningSequence === order.sequence)
    return device.slotState === SlotState.Confirmed
      ? `The device has confirmed release ${order.sequence}, as ordered.`
      : null;
  if (order.kind === "clearPoison" && !device.poison?.includes(order.digest))
    return `The device has forgotten that image ${order.digest} failed, as ordered.`;
  if (order.kind === "sunset" && Boolean(device.isSunset) === order.isOn)
    return order.isOn
      ? "The device goes on alone, as ordered, and checks in once a day."
      : "The device checks in as before its sunset, as ordered.";
  return null;
}
