/** Flags and build folders of `fleetling release sign`, checked: a mistake is told before anything is signed. */
import { productIds } from "../../../firmware/protocol/host/productIds.ts";
import { interpreterPattern } from "../../../firmware/protocol/host/suit.ts";
import { personCharsMax, reasonCharsMax } from "../../../firmware/protocol/host/words.ts";
import { ToolError } from "../keys/errors.ts";
import type { BuildFolder } from "./buildFolder.ts";
import { readLimits } from "./limits.ts";
import type { ReleaseInput } from "./sign.ts";

export interface Flags {
  keys: string;
  out: string;
  model: string;
  vendor: string;
  sequence: string;
  floor?: string;
  name: string;
  type: string;
  notes: string;
  interpreter: string;
  trialMinutes?: string;
  batteryMv?: string;
  limit: string[];
  confirmedBy?: string;
  supportUntil?: string;
  endOfLife?: string;
  disposal?: string;
  mustPass?: boolean;
  downgradeFrom?: string;
  person?: string;
  reason?: string;
  skipCheck?: string;
  json?: boolean;
}

export interface TicketWish {
  /** floor of the devices that may take it */
  floor: number;
  /** who decided */
  person: string;
  /** why */
  reason: string;
}

const uint32Max = 0xffff_ffff;
const uint16Max = 0xffff;

/** Checks flags. @throws ToolError RELEASE_INPUT */
export function releaseInput(builds: BuildFolder[], flags: Flags): ReleaseInput {
  const interpreter = flags.interpreter.split("..");
  if (interpreter.length !== 2 || !interpreter.every((end) => interpreterPattern.test(end))) {
    throw inputError("--interpreter", "two versions like 2v25..2v29", flags.interpreter);
  }
  if (!["security", "fix", "feature"].includes(flags.type)) {
    throw inputError("--type", "security, fix or feature", flags.type);
  }
  if (flags.notes.trim() === "") {
    throw inputError("--notes", "what changes for the owner, in words", "nothing");
  }
  if (flags.name.trim() === "" || flags.name.length > 32) {
    throw inputError("--name", "a version of 1 to 32 characters", `${flags.name.length}`);
  }
  if (!/^[a-z0-9-]+(\.[a-z0-9-]+)+$/.test(flags.vendor)) {
    throw inputError("--vendor", "a domain in small letters, like example.com", flags.vendor);
  }
  if (flags.model.trim() === "" || flags.model.length > 32) {
    throw inputError("--model", "1 to 32 characters", flags.model);
  }
  const twice = builds.find((one, at) => builds.findIndex(({ board }) => board === one.board) < at);
  if (twice) throw inputError(twice.dir, "one build for each board", `a second for ${twice.board}`);
  const optional = (name: string, text: string | undefined, least: number) =>
    text === undefined ? undefined : integer(name, text, least, uint16Max);
  return {
    keysDir: flags.keys,
    images: builds.map(({ board, settings, commands, text, names }) => ({
      ...{ board, settings, commands, text, names },
      ...productIds(flags.vendor, flags.model, board),
    })),
    sequence: integer("--sequence", flags.sequence, 1, uint32Max),
    floor: integer("--floor", flags.floor ?? "0", 0, uint32Max),
    interpreter: [interpreter[0]!, interpreter[1]!],
    version: flags.name,
    type: flags.type as ReleaseInput["type"],
    notes: flags.notes,
    supportUntil: day("--support-until", flags.supportUntil),
    endOfLife: day("--end-of-life", flags.endOfLife),
    disposal: flags.disposal,
    mustPass: flags.mustPass,
    trialMinutes: optional("--trial-minutes", flags.trialMinutes, 1),
    batteryMinMv: optional("--battery-mv", flags.batteryMv, 0),
    limits: readLimits(flags.limit),
    confirmedBy: confirmer(flags.confirmedBy ?? "agent"),
    unchecked: unchecked(flags),
  };
}

/** Who signs what nobody tried to update, and why. @throws ToolError RELEASE_INPUT */
function unchecked({ skipCheck, person }: Flags): ReleaseInput["unchecked"] {
  if (skipCheck === undefined) return undefined;
  const decision = { person: person ?? "", reason: skipCheck };
  checkDecision(decision, "--skip-check");
  return decision;
}

/** @throws ToolError RELEASE_INPUT where nobody decided, or for no reason */
export function checkDecision(
  { person, reason }: { person: string; reason: string },
  reasonFlag = "--reason",
): void {
  for (const [flag, text, most] of [
    ["--person", person, personCharsMax],
    [reasonFlag, reason, reasonCharsMax],
  ] as const) {
    if (text.trim() === "") throw inputError(flag, "words, for the log", "nothing");
    if (text.length > most) throw inputError(flag, `at most ${most} characters`, `${text.length}`);
  }
}

/** A ticket needs a person and a reason, and those need a ticket. @throws ToolError RELEASE_INPUT */
export function ticketWish(flags: Flags): TicketWish | null {
  const { downgradeFrom, person, reason, skipCheck } = flags;
  if (downgradeFrom === undefined) {
    if (reason !== undefined) throw inputError("--reason", "--downgrade-from beside it", "none");
    if (person === undefined || skipCheck !== undefined) return null;
    throw inputError("--person", "--downgrade-from or --skip-check beside it", "neither");
  }
  const floor = integer("--downgrade-from", downgradeFrom, 1, uint32Max);
  return { floor, person: person ?? "", reason: reason ?? "" };
}

/** @throws ToolError RELEASE_INPUT */
export function integer(name: string, text: string, least: number, most: number): number {
  const number = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw inputError(name, `a whole number of ${least} to ${most}`, text);
}

function day(name: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const isDay = /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text));
  // 2031-02-30 parses, as a day in March.
  if (isDay && new Date(text).toISOString().startsWith(text)) return text;
  throw inputError(name, "a day like 2031-12-31", text);
}

export function inputError(object: string, expected: string, found: string): ToolError {
  const next = "See fleetling release sign --help.";
  return new ToolError("RELEASE_INPUT", { object, expected, found, next });
}

function confirmer(text: string): "agent" | "field" {
  if (text === "agent" || text === "field") return text;
  throw inputError("--confirmed-by", "agent or field", text);
}
