/** Declared settings on the host side: the build reads the declaration, the agent holds wishes against it (SPEC.md §10). */
import { Code } from "../errors.ts";
import { settingNameCharsMax, settingsMax, settingTextCharsMax } from "../limits.ts";

export type SettingValue = number | string | boolean;

/** One declared setting: of a number, min and max bound its value; of a string, max bounds its characters. */
export interface SettingSpec {
  type: "number" | "string" | "boolean";
  default: SettingValue;
  min?: number;
  max?: number;
  choices?: SettingValue[];
}
export type DeclaredSettings = Record<string, SettingSpec>;

/** Names of settings; a flag is "f." and 1 to 14 of the same characters. */
export const settingNamePattern = new RegExp(
  `^[A-Za-z][A-Za-z0-9_]{0,${settingNameCharsMax - 1}}$`,
);
export const flagNamePattern = /^[A-Za-z][A-Za-z0-9_]{0,13}$/;

const isInt32 = (value: unknown): value is number =>
  typeof value === "number" && Number.isInteger(value) && Math.abs(value) <= 0x7fff_ffff;

const keysOfType: Record<SettingSpec["type"], string[]> = {
  number: ["type", "default", "min", "max", "choices"],
  string: ["type", "default", "max", "choices"],
  boolean: ["type", "default"],
};

/** Looks for a fault in a declaration, as an app exports it.
 *  @returns what was expected and found, for people; null when it is sound */
export function declarationFault(declared: unknown): string | null {
  if (typeof declared !== "object" || declared === null || Array.isArray(declared))
    return "settings: expected an object of declarations by name";
  const entries = Object.entries(declared);
  if (entries.length > settingsMax)
    return `settings: expected at most ${settingsMax}, got ${entries.length}`;
  for (const [name, spec] of entries) {
    if (!settingNamePattern.test(name))
      return `setting "${name}": expected a letter, then letters, digits and _, at most ${settingNameCharsMax}`;
    const fault = specFault(spec);
    if (fault) return `setting ${name}: ${fault}`;
  }
  return null;
}

function specFault(spec: unknown): string | null {
  if (typeof spec !== "object" || spec === null) return "expected { type, default, … }";
  const { type, min, max, choices } = spec as SettingSpec;
  const allowed = Object.hasOwn(keysOfType, type) ? keysOfType[type] : null;
  if (!allowed)
    return `type: expected "number", "string" or "boolean", got ${JSON.stringify(type)}`;
  const foreign = Object.keys(spec).filter((key) => !allowed.includes(key));
  if (foreign.length > 0) return `expected ${allowed.join(", ")} only, got ${foreign.join(", ")}`;
  for (const [key, bound] of Object.entries({ min, max }))
    if (bound !== undefined && !isInt32(bound))
      return `${key}: expected a whole number of 32 bits, got ${JSON.stringify(bound)}`;
  if (type === "string" && max !== undefined && (max < 0 || max > settingTextCharsMax))
    return `max: expected 0..${settingTextCharsMax} characters, got ${max}`;
  if (choices !== undefined && (!Array.isArray(choices) || choices.length === 0))
    return "choices: expected at least one value";
  const values = [(spec as SettingSpec).default, ...(choices ?? [])];
  for (const value of values)
    if (settingMisfit(spec as SettingSpec, value) !== Code.Ok)
      return `default and choices: expected values of the declared type and range, got ${JSON.stringify(value)}`;
  return null;
}

/** Holds a value against a declaration, as the device does.
 *  @returns Ok, SettingUnknown, SettingType or SettingRange */
export function settingMisfit(spec: SettingSpec | undefined, value: unknown): Code {
  const isText = typeof value === "string";
  if (isText && (value.length > settingTextCharsMax || !/^[\x20-\x7e]*$/.test(value)))
    return Code.SettingType;
  if (!isText && typeof value !== "boolean" && !isInt32(value)) return Code.SettingType;
  if (!spec) return Code.SettingUnknown;
  if (typeof value !== spec.type) return Code.SettingType;
  const n = isText ? value.length : Number(value);
  const isOutside = n < (spec.min ?? n) || n > (spec.max ?? n);
  const isChosen = !spec.choices || spec.choices.includes(value as SettingValue);
  return isOutside || !isChosen ? Code.SettingRange : Code.Ok;
}
