import { types as t } from "@babel/core";
import type { Board } from "../../../boards/index.ts";
import { checkBudget } from "./budget.ts";
import { BuildError } from "./errors.ts";
import type { Lowered } from "./lower.ts";
import { assignNames, checkReserved, collectNames, type Names } from "./names.ts";
import { moduleExports } from "./plugins.ts";
import { reservedNames } from "./sources.ts";
import { type BuildOptions, finishText, lowerChecked } from "./text.ts";

/** Builds the framework's part of a slot: an expression, `function(kit, app)`.
 *  @param names of the core it will call; its own names are added to them
 *  @throws BuildError; BUILD_BUDGET over `frameworkBytes` */
export async function buildRuntime(
  board: Board,
  file: string,
  names: Names,
  options: BuildOptions = {},
): Promise<string> {
  const lowered = await lowerChecked(file, "framework", options);
  const reserved = await reservedNames(options.reserved);
  checkReserved(reserved, names);
  const all = assignNames(collectNames(lowered.ast), reserved, names);
  const text = await finishText(lowered, "runtime", board, all, options);
  checkBudget(board, [["framework", text.length]], board.budget.frameworkBytes, options);
  return text;
}

/** Builds the customer's app: an expression, `function()` that returns the module's exports by
 *  name.
 *  @throws BuildError; BUILD_NO_START, BUILD_NO_REGIONS, BUILD_BUDGET over `appBytes` */
export async function buildApp(
  board: Board,
  file: string,
  options: BuildOptions = {},
): Promise<string> {
  const lowered = await lowerChecked(file, "app", options);
  checkApp(lowered);
  const text = await finishText(lowered, "app", board, undefined, options);
  checkBudget(board, [["app", text.length]], board.budget.appBytes, options);
  return text;
}

/** Joins both to what a slot holds: an expression that evaluates to `[runtime, app]`.  Source:
 *  SPEC.md §2.3 */
export function composeImage(runtimeText: string, appText: string): string {
  return `[${runtimeText},${appText}]`;
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
