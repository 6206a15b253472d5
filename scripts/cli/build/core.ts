import type { Board } from "../../../boards/index.ts";
import { checkBudget } from "./budget.ts";
import { assignNames, collectNames, type Names, type NameUse } from "./names.ts";
import { reservedNames } from "./sources.ts";
import { type BuildOptions, finishText, lowerChecked } from "./text.ts";

/** A part of the core as source. Ids count from 0 without gaps: `BOARD.parts` is indexed by them. */
export interface PartSource {
  id: number;
  name: string;
  file: string;
}

/** The frozen core, built. Texts have one character per byte. */
export interface Core {
  /** contents of file `core`: all parts, one after the other */
  coreText: string;
  /** contents of file `.boot0`, not yet padded */
  boot0Text: string;
  parts: { name: string; offset: number; bytes: number }[];
  /** short property names; every runtime for this core must be built with them */
  names: Names;
}

/** Bytes of the two file headers that stand between and before the texts. */
export const headerBytes = 32;

/** Builds the frozen core of a board: parts first, then `.boot0`, which knows where they stand.
 *  @throws BuildError; BUILD_BUDGET over `coreBytes`, headers included */
export async function buildCore(
  board: Board,
  sources: { parts: PartSource[]; boot0File: string },
  options: BuildOptions = {},
): Promise<Core> {
  const parts = [...sources.parts].sort((a, b) => a.id - b.id);
  if (parts.some((part, index) => part.id !== index))
    throw new Error(`parts: expected ids 0..${parts.length - 1}, got ${parts.map((p) => p.id)}`);
  const lower = (file: string) => lowerChecked(file, "framework", options);
  const lowered = await Promise.all(parts.map((part) => lower(part.file)));
  const boot0 = await lower(sources.boot0File);

  const use: NameUse = { properties: new Map(), quoted: new Set(), quotedKeys: new Set() };
  for (const one of [...lowered, boot0]) collectNames(one.ast, use);
  const names = assignNames(use, await reservedNames(options.reserved));

  const texts: string[] = [];
  for (const one of lowered) texts.push(await finishText(one, "part", board, names, options));
  let offset = 0;
  const placed = texts.map((text, index) => {
    const place = { name: parts[index]!.name, offset, bytes: text.length };
    offset += text.length;
    return place;
  });
  const table = placed.flatMap((part) => [part.offset, part.bytes]);
  const boot0Text = await finishText(boot0, "program", board, names, options, table);
  const sizes = placed.map((part): [string, number] => [part.name, part.bytes]);
  sizes.push([".boot0", boot0Text.length], ["headers", 2 * headerBytes]);
  checkBudget(board, sizes, board.budget.coreBytes, options);
  return { coreText: texts.join(""), boot0Text, parts: placed, names };
}
