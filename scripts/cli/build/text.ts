import type { Board } from "../../../boards/index.ts";
import { boardFields, type PartTables } from "./boardFields.ts";
import { once } from "./cache.ts";
import { declareFirst } from "./declareFirst.ts";
import { gateSources, gateText, type Role } from "./gate.ts";
import { type Lowered, lower, transformLowered } from "./lower.ts";
import { minifyText } from "./minify.ts";
import { type Names, renameProperties } from "./names.ts";
import { insertBoard, type Shape, wrapModule } from "./plugins.ts";
import { pretokenise } from "./pretokenise.ts";

/** How a device text is built. */
export interface BuildOptions {
  /** pack into interpreter tokens; default false: plain ASCII */
  pretokenise?: boolean;
  /** "allow" builds texts that do not fit the board's budget, to see by how much; default "refuse"
   *  */
  overBudget?: "refuse" | "allow";
  /** further property names that stay as they are, in framework code */
  reserved?: string[];
  /** import names that stand for files */
  alias?: Record<string, string>;
}

/** Bundles and lowers one entry after its sources have passed the gate.
 *  @throws BuildError for a syntax error or a construct the interpreter lacks */
export async function lowerChecked(
  entry: string,
  role: Role,
  options: BuildOptions,
): Promise<Lowered> {
  const lowered = await lower(entry, options.alias);
  gateSources(lowered.inputs, role);
  return lowered;
}

/** Turns lowered code into the finished text: names, board data, wrapper, minified, proved, packed.
 *  @param names short property names; none for an app
 *  @param tables where parts stand, for `.boot0` and the runtime
 *  @returns one character per byte
 *  @throws BuildError when the finished text holds what the interpreter lacks */
export async function finishText(
  lowered: Lowered,
  shape: Shape,
  board: Board,
  names: Names | undefined,
  options: BuildOptions,
  tables?: PartTables,
): Promise<string> {
  const fields = boardFields(board, tables);
  const inputs = [lowered.file, lowered.code, shape, fields, names];
  const text = await once("text", inputs, async () => {
    const role = shape === "app" ? "app" : "framework";
    // Names first: board expressions hold interpreter names only, and no name in them may change.
    const plugins = names ? [renameProperties(names)] : [];
    plugins.push(insertBoard(fields, lowered.file), wrapModule(shape, lowered.file));
    const wrapped = await transformLowered(lowered, plugins);
    const minified = await minifyText(wrapped.code, wrapped.map, shape);
    gateText(minified, role, lowered.file);
    return declareFirst(minified.text);
  });
  return options.pretokenise ? pretokenise(text) : text;
}
