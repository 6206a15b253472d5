import type { Board } from "../../../boards/index.ts";
import { boardFields, type PartTables } from "./boardFields.ts";
import { once } from "./cache.ts";
import { declareFirst } from "./declareFirst.ts";
import { gateSources, gateText, type Role } from "./gate.ts";
import { type Lowered, lower, transformLowered } from "./lower.ts";
import { type Locals, mangle } from "./mangle.ts";
import { minifyText } from "./minify.ts";
import { type Names, renameProperties, shortenBytes } from "./names.ts";
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
  /** names of the release before; omitted: names are given anew */
  kept?: KeptNames;
  /** gives another file for a slot part of the framework, to try a change */
  slotPart?: (part: { id: number; name: string; file: string }) => string;
}

/** Bundles and lowers one entry after its sources have passed the gate.
 *  @throws BuildError for a syntax error or a construct the interpreter lacks */
export async function lowerChecked(
  entry: string,
  role: Role,
  options: BuildOptions,
): Promise<Lowered> {
  const lowered = await lower(entry, options.alias);
  await gateSources(lowered.inputs, role);
  return lowered;
}

/** Names that go from one release to the next, so that a change of one module changes little of the image. */
export interface KeptNames {
  /** short property names */
  names: Names;
  /** short local names of each text of a slot, by the text's name */
  locals: Record<string, Locals>;
}

/** Turns lowered code into a text of the core: names, board data, wrapper, minified, proved, packed.
 *  @param names short property names
 *  @param tables where parts stand, for `.boot0`
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
  const text = await proved(lowered, shape, board, names, true, tables);
  return packed(text, options);
}

/** Turns lowered code into a text of a slot, as finishText does, with local names that stay from release to release.
 *  @param name of the text, by which its local names are kept
 *  @param made takes the local names that it has now */
export async function finishSlotText(
  lowered: Lowered,
  text: { name: string; shape: Shape; names?: Names; tables?: PartTables },
  board: Board,
  options: BuildOptions,
  made: KeptNames["locals"],
): Promise<string> {
  const { name, shape, names, tables } = text;
  const long = await proved(lowered, shape, board, names, false, tables);
  const kept = options.kept?.locals[name] ?? {};
  const short = await once("mangle", [long, kept], () => mangle(long, kept));
  made[name] = short.locals;
  return packed(short.text, options);
}

async function packed(text: string, options: BuildOptions): Promise<string> {
  return options.pretokenise ? once("tokens", text, async () => pretokenise(text)) : text;
}

function proved(
  lowered: Lowered,
  shape: Shape,
  board: Board,
  names: Names | undefined,
  mangles: boolean,
  tables?: PartTables,
): Promise<string> {
  const fields = boardFields(board, tables);
  const inputs = [lowered.file, lowered.code, shape, fields, names, mangles];
  return once("text", inputs, async () => {
    const role = shape === "app" ? "app" : "framework";
    // Names first: board expressions hold interpreter names only, and no name in them may change.
    const plugins = names ? [renameProperties(names)] : [];
    plugins.push(insertBoard(fields, lowered.file), wrapModule(shape, lowered.file));
    if (names) plugins.push(shortenBytes(shape, names));
    const wrapped = await transformLowered(lowered, plugins);
    const minified = await minifyText(wrapped.code, wrapped.map, shape, mangles);
    gateText(minified, role, lowered.file);
    return declareFirst(minified.text);
  });
}
