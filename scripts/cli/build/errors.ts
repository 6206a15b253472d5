/** Where a build error points to. Lines count from 1, columns from 1. */
export interface Place {
  file: string;
  line?: number;
  column?: number;
}

/** Refusals of the device build, one code each. The number of a code never matters: it stays on the
 *  desk. */
export type BuildCode =
  | "BUILD_BOARD_UNKNOWN"
  | "BUILD_BOARD_FIELD"
  | "BUILD_SYNTAX"
  | "BUILD_SHAPE"
  | "BUILD_NO_START"
  | "BUILD_NO_REGIONS"
  | "BUILD_SETTINGS"
  | "BUILD_COMMANDS"
  | "BUILD_BUDGET"
  | "BUILD_LANGUAGE"
  | "BUILD_API"
  | "BUILD_BANNED"
  | "BUILD_NAME_CLASH"
  | "BUILD_PART_MISSING"
  | "BUILD_PREVIOUS"
  | "BUILD_OUT"
  | "BUILD_TOKENS";

/** One thing that the build refuses: what, where, and what to do instead. */
export interface Finding {
  code: BuildCode;
  place?: Place;
  /** what was expected and what was found */
  found: string;
  /** what to do instead */
  remedy: string;
}

/** A build that stopped. Carries every finding, worst first; the message shows all of them.
 *  Source: house style 14. */
export class BuildError extends Error {
  readonly code: BuildCode;
  readonly findings: Finding[];

  constructor(findings: Finding | Finding[], cause?: unknown) {
    const list = Array.isArray(findings) ? findings : [findings];
    super(list.map(describeFinding).join("\n"), cause === undefined ? undefined : { cause });
    this.name = "BuildError";
    this.findings = list;
    this.code = list[0]!.code;
  }
}

/** Formats one finding as `file:line:column: CODE: found. remedy.`; parts of the place that are
 *  unknown are left out. */
export function describeFinding(finding: Finding): string {
  const { place } = finding;
  const where = place ? [place.file, place.line, place.column].filter((x) => x !== undefined) : [];
  const prefix = where.length > 0 ? `${where.join(":")}: ` : "";
  return `${prefix}${finding.code}: ${finding.found}. ${finding.remedy}.`;
}
