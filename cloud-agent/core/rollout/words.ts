import { Code } from "../../../firmware/protocol/errors.ts";
import { namesInReasonMax } from "./limits.ts";
import type { Cause, DeviceFacts, RolloutRecord } from "./types.ts";

/** Causes in the order in which reasons list them. */
export const causes: Cause[] = ["reverted", "failed", "rejected", "timedOut"];

const verbs: Record<Cause, string> = {
  failed: "failed to install",
  reverted: "reverted",
  rejected: "rejected it",
  timedOut: "timed out",
};

const codeWords: Record<number, string> = {
  [Code.WrongVendor]: "made for another vendor",
  [Code.WrongClass]: "made for another class",
  [Code.WrongInterpreter]: "interpreter version does not fit",
  [Code.SequenceBelowFloor]: "below the device's floor",
  [Code.SequenceNotNewer]: "not newer than what runs",
  [Code.ManifestSignature]: "signature does not verify",
  [Code.ManifestKeyUnknown]: "signed by an unknown key",
  [Code.ImageTooLarge]: "image does not fit the slot",
  [Code.ImageDigest]: "image arrived damaged",
  [Code.ImagePoisoned]: "image failed there before",
  [Code.ManifestTooLarge]: "manifest too long",
  [Code.ThresholdMissed]: "signed by too few keys",
  [Code.SequenceTooFar]: "sequence too far ahead of what runs",
  [Code.DependencyUnknown]: "names a dependency that devices do not have",
  [Code.RequestsDropped]: "its requests for blocks get no answer",
  [Code.RetrievalSlow]: "blocks come too slowly",
  [Code.BundlePartial]: "image arrives incomplete",
  [Code.BatteryTooLow]: "battery too low for now",
  [Code.UpdateDeferred]: "application asks for later",
  [Code.FlashWrite]: "flash write failed",
  [Code.FlashErase]: "flash erase failed",
  [Code.SlotCrc]: "slot does not verify",
  [Code.TrialCrashed]: "crashed at boot",
  [Code.TrialBoots]: "restarted too often before confirming",
  [Code.TrialDeadline]: "did not confirm within its trial",
  [Code.TrialUnhealthy]: "health check refused",
  [Code.OutOfMemory]: "out of memory",
};

/** A code in words. */
export function codeText(code: number): string {
  return codeWords[code] ?? `code ${code}`;
}

/** "puckjs PK-0001" */
export function deviceWords(device: DeviceFacts): string {
  return `${device.board} ${device.serial}`;
}

/** Why one device counts under a cause: "crashed at boot". */
export function causeWords(cause: Cause, device: DeviceFacts): string {
  if (cause === "timedOut") {
    const { download } = device;
    return download === null
      ? "neither confirmed nor failed in time"
      : `stopped at ${download.bytesDone} of ${download.sizeBytes} bytes`;
  }
  if (cause === "rejected") return codeText(device.refused?.code ?? 0);
  if (device.lastFailed === null || device.lastFailed.sequence <= device.runningSequence) {
    return cause === "reverted"
      ? `runs release ${device.runningSequence} again`
      : "is in recovery, no reason known";
  }
  const { code, text } = device.lastFailed;
  return text === "" ? codeText(code) : `${codeText(code)}, "${text}"`;
}

/** "1 of 3 devices reverted (puckjs PK-0001: crashed at boot)" */
export function causeClause(cause: Cause, devices: DeviceFacts[], reachable: number): string {
  const listed = devices
    .slice(0, namesInReasonMax)
    .map((device) => `${deviceWords(device)}: ${causeWords(cause, device)}`);
  const more = devices.length - listed.length;
  if (more > 0) listed.push(`${more} more`);
  return `${devices.length} of ${reachable} ${reachable === 1 ? "device" : "devices"} ${verbs[cause]} (${listed.join("; ")})`;
}

/** "3 silent (PK-0004, PK-0007, PK-0009)", null for none */
export function listClause(devices: DeviceFacts[], word: string): string | null {
  if (devices.length === 0) return null;
  const listed = devices.slice(0, namesInReasonMax).map((device) => device.serial);
  if (devices.length > listed.length) listed.push(`${devices.length - listed.length} more`);
  return `${devices.length} ${word} (${listed.join(", ")})`;
}

/** "wave 1 (canary)" */
export function waveWords(record: RolloutRecord, wave: number): string {
  return `wave ${wave + 1} (${record.policy.waves[wave]?.name ?? "?"})`;
}

/** "2 days", "3.5 hours", "40 s" */
export function durationWords(ms: number): string {
  const units: [number, string][] = [
    [86_400_000, "day"],
    [3_600_000, "hour"],
    [60_000, "minute"],
  ];
  for (const [size, name] of units) {
    if (ms < size) continue;
    const rounded = Math.round((ms / size) * 10) / 10;
    return `${rounded} ${name}${rounded === 1 ? "" : "s"}`;
  }
  return `${Math.round(ms / 1000)} s`;
}

/** ISO time without milliseconds. */
export function timeWords(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
