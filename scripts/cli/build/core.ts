import { type Board, slotAddresses, slotBytesOf } from "../../../boards/index.ts";
import { heatshrink } from "../../../firmware/protocol/host/heatshrink.ts";
import { coreArea, headerBytes } from "./boardFields.ts";
import { checkBudget } from "./budget.ts";
import { once } from "./cache.ts";
import { assignNames, type Names, namesOf } from "./names.ts";
import { reservedNames } from "./sources.ts";
import { type BuildOptions, finishText, lowerChecked } from "./text.ts";

/** A part of the core as source. Ids count from 0 without gaps: `BOARD.parts` is indexed by them.
 */
export interface PartSource {
  id: number;
  name: string;
  file: string;
  /** stored packed, and unpacked before it runs */
  cold?: boolean;
  /** a slot part that only some apps need: its bytes count with them */
  ofApp?: boolean;
}

/** The frozen core, built. Texts have one character per byte. */
export interface Core {
  /** parts that stand in page 0, right behind the identity */
  page0Text: string;
  /** contents of file `core`: the other parts, one after the other */
  coreText: string;
  /** contents of file `.boot0`, not yet padded */
  boot0Text: string;
  /** `address` counts from the start of Storage, `bytes` are those stored */
  parts: { name: string; address: number; bytes: number; cold: boolean }[];
  /** short property names; every runtime for this core must be built with them */
  names: Names;
}

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

  const use = await namesOf([...lowered, boot0]);
  const names = assignNames(use, await reservedNames(options.reserved), options.kept?.names);

  const texts: string[] = [];
  for (const [i, one] of lowered.entries()) {
    const text = await finishText(one, "part", board, names, options);
    texts.push(parts[i]!.cold ? await packText(text) : text);
  }
  const { placed, page0Text, coreText } = placeParts(board, parts, texts);
  const table = placed.flatMap((part) => [part.address, part.cold ? -part.bytes : part.bytes]);
  const tables = { parts: table };
  const boot0Text = await finishText(boot0, "program", board, names, options, tables);
  const sizes = placed.map((part): [string, number] => [part.name, part.bytes]);
  sizes.push([".boot0", boot0Text.length], ["headers", 2 * headerBytes]);
  checkBudget(board, sizes, board.budget.coreBytes, options);
  return { page0Text, coreText, boot0Text, parts: placed, names };
}

/** Where page 0's parts begin: behind the identity, on the next multiple of 64. Source: SPEC.md §2
 */
export const page0PartsAt = 0x240;

/** Puts the parts that fill page 0 best there, and the rest into file `core`; where the image is fixed, all of them behind
 *  it.  Source: ADR 0001 */
function placeParts(board: Board, parts: PartSource[], texts: string[]) {
  let page0Text = "";
  let coreText = "";
  const isFixed = board.plan.kind === "fixed";
  const room = isFixed ? 0 : board.pageBytes - page0PartsAt;
  const coreAt = coreTextsAt(board);
  const chosen = fullest(
    texts.map((text) => text.length),
    room,
  );
  const placed: Core["parts"] = [];
  for (const [i, text] of texts.entries()) {
    const inPage0 = chosen.has(i);
    const address = inPage0 ? page0PartsAt + page0Text.length : coreAt + coreText.length;
    if (inPage0) page0Text += text;
    else coreText += text;
    const { name, cold = false } = parts[i]!;
    placed[i] = { name, address, bytes: text.length, cold };
  }
  return { placed, page0Text, coreText };
}

/** Where the texts of file `core` begin, from the start of Storage. */
export function coreTextsAt(board: Board): number {
  if (board.plan.kind === "fixed") return slotAddresses(board)[0]! + slotBytesOf(board);
  return coreArea(board).offset + headerBytes;
}

/** Which of these sizes fill the room best. Pure.
 *  @returns indices, their sum at most `room` */
function fullest(sizes: number[], room: number): Set<number> {
  const ways = new Map<number, number[]>([[0, []]]);
  for (const [i, size] of sizes.entries()) {
    for (const [sum, way] of [...ways]) {
      const more = sum + size;
      if (more <= room && !ways.has(more)) ways.set(more, [...way, i]);
    }
  }
  return new Set(ways.get(Math.max(...ways.keys())));
}

/** A text as it is stored packed. Pure. */
export function packText(text: string): Promise<string> {
  return once("pack", text, async () =>
    Buffer.from(heatshrink(Buffer.from(text, "latin1"))).toString("latin1"),
  );
}
