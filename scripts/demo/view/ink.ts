/** Styled text for a terminal, cut and wrapped by what a person sees, not by control codes. */

export type Style =
  | "plain"
  | "bold"
  | "dim"
  | "red"
  | "green"
  | "yellow"
  | "blue"
  | "magenta"
  | "cyan"
  | "alarm";

/** A piece of text with its style; a bare string is plain. */
export type Span = string | [text: string, style: Style];

const codes: Record<Style, string> = {
  plain: "",
  bold: "1",
  dim: "2",
  red: "31",
  green: "32",
  yellow: "33",
  blue: "94",
  magenta: "35",
  cyan: "36",
  alarm: "1;97;41",
};

/** One line as it goes to the terminal, cut at `columns`.
 *  @param colour false: no codes at all */
export function render(spans: readonly Span[], columns: number, colour: boolean): string {
  let left = columns;
  let out = "";
  for (const span of spans) {
    const [whole, style] = typeof span === "string" ? ([span, "plain"] as const) : span;
    const text = [...whole].slice(0, left).join("");
    left -= [...text].length;
    out += colour && style !== "plain" && text ? `\x1b[${codes[style]}m${text}\x1b[0m` : text;
  }
  return out;
}

/** Breaks text at spaces into lines of at most `columns`; a longer word stands alone and is broken. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (let word of text.split(/\s+/)) {
    while ([...word].length > columns) {
      if (line) lines.push(line);
      line = "";
      lines.push([...word].slice(0, columns).join(""));
      word = [...word].slice(columns).join("");
    }
    const longer = line ? `${line} ${word}` : word;
    if ([...longer].length > columns) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  if (line) lines.push(line);
  return lines;
}

/** A bar of `width` columns. */
export function bar(done: number, total: number, width: number): Span[] {
  const full = total ? Math.round((width * done) / total) : 0;
  return [
    ["█".repeat(full), "green"],
    ["░".repeat(width - full), "dim"],
  ];
}

/** "1:07" */
export function clock(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
