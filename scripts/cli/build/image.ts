import { types as t } from "@babel/core";
import type { Board } from "../../../boards/index.ts";
import type { DeclaredSettings } from "../../../firmware/protocol/host/settings.ts";
import { appCommands } from "./appCommands.ts";
import { appSettings } from "./appSettings.ts";
import { checkBudget } from "./budget.ts";
import { type PartSource, packText } from "./core.ts";
import { BuildError } from "./errors.ts";
import type { Lowered } from "./lower.ts";
import { assignNames, checkReserved, type Names, namesOf } from "./names.ts";
import { moduleExports } from "./plugins.ts";
import { reservedNames } from "./sources.ts";
import { type BuildOptions, finishSlotText, type KeptNames, lowerChecked } from "./text.ts";

/** The framework's share of a slot, built. Texts have one character per byte. */
export interface Framework {
  /** an expression, `function(kit, app)` */
  runtimeText: string;
  /** parts that lie behind the image's expression, by id, as they are stored */
  parts: { name: string; text: string; cold: boolean; ofApp: boolean }[];
  /** the core's property names and its own */
  names: Names;
  /** local names of each text */
  locals: KeptNames["locals"];
}

/** Builds the framework's share of a slot.
 *  @param names of the core it will call; its own names are added to them
 *  @throws BuildError; BUILD_BUDGET over `frameworkBytes` */
export async function buildFramework(
  board: Board,
  sources: { runtimeFile: string; slotParts: PartSource[] },
  names: Names,
  options: BuildOptions = {},
): Promise<Framework> {
  const lower = (file: string) => lowerChecked(file, "framework", options);
  const runtime = await lower(sources.runtimeFile);
  const lowered = await Promise.all(
    sources.slotParts.map((part) => lower(options.slotPart?.(part) ?? part.file)),
  );
  const reserved = await reservedNames(options.reserved);
  checkReserved(reserved, names);
  const use = await namesOf([runtime, ...lowered]);
  const all = assignNames(use, reserved, names);
  const parts: Framework["parts"] = [];
  const locals: KeptNames["locals"] = {};
  for (const [i, one] of lowered.entries()) {
    const { name, cold = false, ofApp = false } = sources.slotParts[i]!;
    const wanted = { name: `part ${name}`, shape: "part", names: all } as const;
    const text = await finishSlotText(one, wanted, board, options, locals);
    parts.push({ name, text: cold ? await packText(text) : text, cold, ofApp });
  }
  const tables = { slotParts: placesFromEnd(parts.map(({ text }) => text.length)) };
  const wanted = { name: "runtime", shape: "runtime", names: all, tables } as const;
  const runtimeText = await finishSlotText(runtime, wanted, board, options, locals);
  const own = parts.filter((part) => !part.ofApp);
  const sizes = own.map(({ name, text }): [string, number] => [name, text.length]);
  sizes.unshift(["runtime", runtimeText.length]);
  checkBudget(board, sizes, board.budget.frameworkBytes, options);
  return { runtimeText, parts, names: all, locals };
}

/** Builds a framework that has no slot parts.  See buildFramework. */
export async function buildRuntime(
  board: Board,
  runtimeFile: string,
  names: Names,
  options: BuildOptions = {},
): Promise<string> {
  const sources = { runtimeFile, slotParts: [] };
  return (await buildFramework(board, sources, names, options)).runtimeText;
}

/** The interpreter reads no further. Source: interpreter src/jslex.c jslGetNextToken, LEX_EOF = 0 */
export const textEnd = "\0";

/** Where texts that end an image begin, counted back from its end, and where the last one ends. */
export function placesFromEnd(bytes: number[]): number[] {
  const places = [textEnd.length];
  for (const count of [...bytes].reverse()) places.unshift(places[0]! + count);
  return places;
}

/** An app's share of a slot, and what it declares. */
export interface BuiltApp {
  /** an expression, `function()` */
  appText: string;
  settings: DeclaredSettings;
  /** names */
  commands: string[];
  locals: KeptNames["locals"];
}

/** Builds the customer's app: an expression, `function()` that returns the module's exports by
 *  name.
 *  @throws BuildError; BUILD_NO_START, BUILD_NO_REGIONS, BUILD_BUDGET over `appBytes` */
export async function buildApp(
  board: Board,
  file: string,
  options: BuildOptions = {},
): Promise<string> {
  return (await readApp(board, file, options)).appText;
}

/** Builds the app as `buildApp` does and reads what it declares.
 *  @throws BuildError as buildApp, BUILD_SETTINGS and BUILD_COMMANDS */
export async function readApp(
  board: Board,
  file: string,
  options: BuildOptions = {},
): Promise<BuiltApp> {
  const lowered = await lowerChecked(file, "app", options);
  checkApp(lowered);
  const settings = appSettings(lowered);
  const commands = appCommands(lowered);
  const locals: KeptNames["locals"] = {};
  const wanted = { name: "app", shape: "app" } as const;
  const appText = await finishSlotText(lowered, wanted, board, options, locals);
  checkBudget(board, [["app", appText.length]], board.budget.appBytes, options);
  return { appText, settings, commands, locals };
}

/** Joins texts to what a slot holds: an expression that evaluates to `[runtime, app]`, and behind its end the slot parts,
 *  which may be any bytes, and one byte by which the last of them is no exception.  Source: SPEC.md §2.3 */
export function composeImage(runtimeText: string, appText: string, slotParts = ""): string {
  const image = `[${runtimeText},${appText}]`;
  return slotParts ? image + textEnd + slotParts + textEnd : image;
}

/** An app starts something and says where owner data lies: a wipe that does not know cannot vouch
 *  for it. */
function checkApp(lowered: Lowered): void {
  const { body } = lowered.ast.program;
  const exports = new Map(moduleExports(body));
  const place = { file: lowered.file };
  if (!exports.has("start"))
    throw new BuildError({
      code: "BUILD_NO_START",
      place,
      found: `app: expected an exported function start, got ${[...exports.keys()].join(", ") || "no exports"}`,
      remedy: 'Write "export function start(device) {…}"',
    });
  const regions = exports.get("regions")?.name;
  const table = body
    .flatMap((node) => (t.isVariableDeclaration(node) ? node.declarations : []))
    .find((declarator) => t.isIdentifier(declarator.id, { name: regions ?? "" }))?.init;
  if (regions && t.isArrayExpression(table)) return;
  throw new BuildError({
    code: "BUILD_NO_REGIONS",
    place,
    found: `app: expected the exported array regions, which a wipe goes through, got ${regions ? "something else" : "none"}`,
    remedy:
      'Write "export const regions = []" when the app keeps no owner data, else one entry per place',
  });
}
