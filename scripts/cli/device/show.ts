import type { Command } from "commander";
import { errorTexts } from "../../../firmware/protocol/errorTexts.ts";
import { type ApiFlags, callApi, path, show, withApiFlags } from "../api/client.ts";
import { timeText } from "../api/time.ts";

type Value = number | string | boolean;

/** What the lines show of a device; the reply has more. */
export interface DeviceView {
  serial: string;
  model: string;
  board: string;
  batch: string;
  lifecycleName: string;
  account: string | null;
  group: string | null;
  site: string | null;
  tags: string[];
  runningSequence: number;
  slotState: number;
  otherSequence: number;
  otherValid: boolean;
  interpreter: string;
  lastSeenMs: number | null;
  presence: { state: string };
  maintenance: { reason: string; person: string; untilMs: number } | null;
  settingsRevision: number;
  settingsRefused: Record<string, number>;
  wantedSettings: { revision: number; values: Record<string, Value> } | null;
  isSunset: boolean;
  lastFailed: { sequence: number; code: number; text: string; log?: string } | null;
  refused: { sequence: number; code: number } | null;
  order: { kind: string; createdMs: number } | null;
}

const slots = ["confirmed", "on trial", "recovery"];
const example = `
Examples:
  $ fleetling device show PUCK-0042
  $ fleetling device show PUCK-0042 --json | jq .wantedSettings
  What happened to it: fleetling device why PUCK-0042
`;

/** Adds `device show`. */
export function registerShow(device: Command): void {
  withApiFlags(device.command("show"))
    .description("One device: what it runs, where it is, what it was asked and what it answered")
    .argument("<serial>")
    .addHelpText("after", example)
    .action(async (serial: string, flags: ApiFlags) => {
      const view = await callApi<DeviceView>(flags, "GET", path`/v1/devices/${serial}`);
      show(flags, view, linesOf(view));
    });
}

/** A device for people, a fact a line; what it has nothing of is left out. */
function linesOf(view: DeviceView): string[] {
  const { lastFailed, refused, maintenance, order, wantedSettings } = view;
  const settings = wantedSettings ? settingsWords(view) : null;
  const facts: [string, string | null][] = [
    ["serial", `${view.serial} (${view.model}, ${view.board}, batch ${view.batch})`],
    ["state", view.lifecycleName + (view.isSunset ? ", on its own for good" : "")],
    ["owner", view.account],
    ["place", [view.site, view.group, ...view.tags].filter(Boolean).join(", ") || null],
    ["seen", view.lastSeenMs === null ? "never" : seenWords(view)],
    ["runs", `release ${view.runningSequence}, ${slots[view.slotState] ?? view.slotState}`],
    ["other slot", view.otherValid ? `release ${view.otherSequence}` : "nothing valid"],
    ["interpreter", view.interpreter || null],
    ["failed", lastFailed && failedWords(lastFailed)],
    ["refused", refused && `release ${refused.sequence}: ${codeWords(refused.code)}`],
    ["settings", settings],
    ["order", order && `${order.kind}, since ${timeText(order.createdMs)}, not answered yet`],
    ["maintenance", maintenance && maintenanceWords(maintenance)],
  ];
  return facts.flatMap(([name, text]) => (text === null ? [] : [`${name.padEnd(12)} ${text}`]));
}

function seenWords({ lastSeenMs, presence }: DeviceView): string {
  return `${timeText(lastSeenMs!)}, ${presence.state}`;
}

function failedWords({ sequence, code, text, log }: NonNullable<DeviceView["lastFailed"]>) {
  const told = [codeWords(code), text, log && `its log ends with "${log}"`].filter(Boolean);
  return `release ${sequence}: ${told.join("; ")}`;
}

function codeWords(code: number): string {
  const known = errorTexts[code as keyof typeof errorTexts];
  return known ? `${known.name} (${code})` : `code ${code}`;
}

function maintenanceWords({ reason, person, untilMs }: NonNullable<DeviceView["maintenance"]>) {
  return `until ${timeText(untilMs)} by ${person}: ${reason}`;
}

/** What is wished, and whether the device has it. */
export function settingsWords(view: DeviceView): string {
  const { revision, values } = view.wantedSettings ?? { revision: 0, values: {} };
  const wished = Object.entries(values).map(([name, value]) => `${name}=${value}`);
  const refused = Object.entries(view.settingsRefused).map(
    ([name, code]) => `${name} not taken: ${codeWords(code)}`,
  );
  const isThere = view.settingsRevision >= revision;
  const state = isThere ? "the device has them" : "waiting for its next contact";
  return [wished.join(" ") || "all at their defaults", state, ...refused].join("; ");
}
