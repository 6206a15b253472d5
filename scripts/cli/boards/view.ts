import { type Board, boards } from "../../../boards/index.ts";
import { columns } from "../api/client.ts";
import { abilities, boardRow, planInWords, tableHead } from "./facts.ts";

const widthMax = 100;

/** The table of all boards, the promise of each way to update, and what each board cannot do. */
export function overview(): string[] {
  const rows = Object.values(boards).map(boardRow);
  const lines = [...columns(tableHead, rows), ""];
  for (const [promise, ids] of promises()) lines.push(...told(`${ids.join(", ")}: `, promise), "");
  for (const board of Object.values(boards))
    lines.push(...told(`${board.id} cannot: `, abilities(board).cannot.join("; ") || "-"));
  return [
    ...lines,
    "",
    "fleetling boards ID shows all of a board, with the source of each number.",
  ];
}

/** Boards by what they promise. */
function promises(): Map<string, string[]> {
  const all = new Map<string, string[]>();
  for (const { id, promise } of Object.values(boards))
    all.set(promise, [...(all.get(promise) ?? []), id]);
  return all;
}

/** Everything that is known of a board, each value with its source below it. */
export function inFull(board: Board): string[] {
  const { sources, id, name, ...fields } = board;
  const lines = [`${name} (${id})`, ""];
  const { can, cannot } = abilities(board);
  lines.push(...told("promise: ", board.promise));
  lines.push(...told("    from ", sources.promise!), "", `plan: ${planInWords(board)}`, "");
  lines.push("can", ...can.map((text) => `  ${text}`), "");
  lines.push("cannot", ...cannot.map((text) => `  ${text}`), "");
  for (const [field, value] of Object.entries(fields)) {
    if (field === "promise") continue;
    lines.push(...told(`${field}: `, shown(field, value)));
    if (sources[field]) lines.push(...told("    from ", sources[field]));
  }
  return lines;
}

/** Addresses in hex, as the interpreter's sources give them. */
function shown(field: string, value: unknown): string {
  if (field === "flashStart" || field === "from" || field === "to")
    return `0x${(value as number).toString(16)}`;
  if (Array.isArray(value)) return value.map((one) => `[${shown("", one)}]`).join(" ") || "none";
  if (typeof value !== "object" || value === null) return String(value);
  return Object.entries(value)
    .map(([key, inner]) => {
      const text = shown(key, inner);
      return typeof inner === "object" ? `${key} (${text})` : `${key} ${text}`;
    })
    .join(" · ");
}

/** A label and a text, broken at words; later lines are set in by two more than the label is. */
function told(label: string, text: string): string[] {
  const inset = " ".repeat(label.length - label.trimStart().length + 2);
  const lines: string[] = [];
  let line = label.trimEnd();
  for (const word of text.split(" ")) {
    if (line.length + 1 + word.length > widthMax) {
      lines.push(line);
      line = `${inset}${word}`;
    } else line += ` ${word}`;
  }
  return [...lines, line];
}
