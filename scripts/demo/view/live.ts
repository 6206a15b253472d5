import type { EventLine } from "../api.ts";
import { kinds } from "../fleet.ts";
import { type CellState, cellLooks } from "./cells.ts";
import { bar, clock, render, type Span } from "./ink.ts";
import { codeName, type Look, Teller } from "./teller.ts";

/** The terminal as far as the live view needs it. */
export interface Screen {
  write(text: string): void;
  columns(): number;
  rows(): number;
}

const frameMs = 125;
const spinner = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏";
const eventsShown = 5;
/** Rows that stay free for the story above the moving part. */
const storyRowsMin = 6;
/** Events that would only repeat what the grid shows. */
const quiet = new Set([
  "updateOffered",
  "firstContactMade",
  "rolloutDeviceUpdated",
  "agentStarted",
]);

/** The story scrolls by, and below it a part of the screen lives: fleet grid, waves, the last events. */
export class LiveView extends Teller {
  readonly #screen: Screen;
  readonly #colour: boolean;
  readonly #events: EventLine[] = [];
  #look: Look = { cells: [], bars: [], rolloutName: "", agentAnswers: false, fresh: [] };
  #title = "";
  #busy = "";
  #drawnRows = 0;
  #frame = 0;
  #timer: NodeJS.Timeout | null;

  constructor(screen: Screen, colour: boolean) {
    super();
    this.#screen = screen;
    this.#colour = colour;
    screen.write("\x1b[?25l");
    this.#timer = setInterval(() => this.#draw(), frameMs);
  }

  override chapter(number: number, of: number, title: string): void {
    this.#title = `${number}/${of} ${title}`;
    super.chapter(number, of, title);
  }
  busy(text: string): void {
    this.#busy = text;
  }
  override look(look: Look): void {
    this.#look = look;
    this.#events.push(...look.fresh.filter(({ kind }) => !quiet.has(kind)));
    this.#events.splice(0, this.#events.length - eventsShown);
    super.look(look);
  }
  close(): void {
    if (!this.#timer) return;
    clearInterval(this.#timer);
    this.#timer = null;
    this.#busy = "";
    // The last picture stays: it is the fleet as the story leaves it.
    const picture = this.#drawnRows ? this.#grid() : [];
    this.#screen.write(`${this.#erase()}${this.#text(picture)}\x1b[?25h`);
    this.#drawnRows = 0;
  }

  protected columns(): number {
    return Math.max(40, Math.min(this.#screen.columns() - 1, 120));
  }
  protected put(spans: Span[]): void {
    const line = `${render(spans, this.columns(), this.#colour)}\n`;
    if (!this.#timer) this.#screen.write(line);
    else this.#draw(line);
  }

  #draw(above = ""): void {
    this.#frame++;
    const room = Math.max(0, this.#screen.rows() - storyRowsMin);
    const lines = [this.#head(), ...this.#grid(), ...this.#waves(), ...this.#news()].slice(0, room);
    this.#screen.write(`${this.#erase()}${above}${this.#text(lines)}`);
    this.#drawnRows = lines.length;
  }
  /** Goes back to where the moving part began and clears from there. */
  #erase(): string {
    return this.#drawnRows ? `\x1b[${this.#drawnRows}A\r\x1b[J` : "\r\x1b[J";
  }
  #text(lines: Span[][]): string {
    return lines.map((line) => `${render(line, this.columns(), this.#colour)}\n`).join("");
  }

  #head(): Span[] {
    const time = clock(Date.now() - this.startedMs);
    const agent: Span = this.#look.agentAnswers
      ? ["agent up", "green"]
      : [" agent does not answer ", "alarm"];
    const left = `── ${this.#title} `;
    const rest = this.columns() - [...left].length - time.length - 28;
    return [
      [left, "bold"],
      ["─".repeat(Math.max(1, rest)), "dim"],
      " ",
      [time, "bold"],
      "  ",
      agent,
    ];
  }

  #grid(): Span[][] {
    const { cells } = this.#look;
    if (!cells.length) return [];
    const rows = kinds.map(({ board }): Span[] => [
      [`  ${board.id.padEnd(8)}`, "bold"],
      ...cells
        .filter((cell) => cell.board === board.id)
        .map(({ state }): Span => [`${cellLooks[state].glyph} `, cellLooks[state].style]),
    ]);
    return [[], ...rows, ...this.#legend()];
  }

  #legend(): Span[][] {
    const counts = new Map<CellState, number>();
    for (const { state } of this.#look.cells) counts.set(state, (counts.get(state) ?? 0) + 1);
    const lines: Span[][] = [["  "]];
    let width = 2;
    for (const state of Object.keys(cellLooks) as CellState[]) {
      const count = counts.get(state);
      if (!count) continue;
      const { glyph, style, label } = cellLooks[state];
      const text = ` ${label} ${count}   `;
      if (width + text.length + 1 > this.columns()) {
        lines.push(["  "]);
        width = 2;
      }
      lines.at(-1)!.push([glyph, style], text);
      width += text.length + 1;
    }
    return lines;
  }

  #waves(): Span[][] {
    const { bars, rolloutName } = this.#look;
    if (!bars.length) return [];
    const width = Math.max(10, Math.min(40, this.columns() - 44));
    const lines = bars.map(({ name, done, total, note }): Span[] => [
      `  ${name.padEnd(10)} `,
      ...bar(done, total, width),
      ` ${String(done).padStart(2)} of ${String(total).padEnd(3)}`,
      [` ${note}`, note === "HALTED" ? "alarm" : "dim"],
    ]);
    return [[], [[`  ${rolloutName}`, "bold"]], ...lines];
  }

  #news(): Span[][] {
    const lines = this.#events.map((event): Span[] => {
      const atS = clock(Math.max(0, event.atMs - this.startedMs));
      return [[`  ${atS} `, "dim"], [`${event.serial ?? "fleet"} `, "cyan"], sentence(event)];
    });
    const sign = spinner[this.#frame % spinner.length]!;
    const wait: Span[] = this.#busy ? [["  " + sign, "cyan"], ` ${this.#busy}`] : [];
    return [[], ...lines, wait];
  }
}

/** The agent's words; a bare code is named. */
function sentence({ text }: EventLine): string {
  const bare = /^Code (\d+)\.$/.exec(text);
  return bare ? `The device reports ${codeName(Number(bare[1]))}.` : text;
}
