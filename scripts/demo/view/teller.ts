import { errorKinds } from "../../../cloud-agent/core/errors.ts";
import { errorText } from "../../../firmware/protocol/errorTexts.ts";
import type { EventLine } from "../api.ts";
import type { Cell, WaveBar } from "./cells.ts";
import { type Span, wrap } from "./ink.ts";

/** What the view is shown after each look at the agent. */
export interface Look {
  cells: Cell[];
  bars: WaveBar[];
  rolloutName: string;
  agentAnswers: boolean;
  fresh: EventLine[];
}

/** How the story reaches a person. */
export interface View {
  /** a new chapter begins */
  chapter(number: number, of: number, title: string): void;
  /** something that happened or was found */
  say(text: string): void;
  /** something that held */
  good(text: string): void;
  /** something that was tried and refused, as it should be */
  refused(codeName: string, text: string): void;
  /** something done to the story from outside: power, signals */
  strike(text: string): void;
  table(rows: string[][]): void;
  wrong(text: string): void;
  /** what is being waited for now */
  busy(text: string): void;
  look(look: Look): void;
  /** takes everything that moves off the screen */
  close(): void;
}

/** Name of any code, the device's or the agent's. */
export function codeName(code: number): string {
  return code >= 600 ? (errorKinds[code]?.name ?? `Code${code}`) : errorText(code).name;
}

/** Events of the agent's log that tell the story by themselves. */
const headlines = new Set([
  "rolloutStarted",
  "soakStarted",
  "wavePromoted",
  "waveHeld",
  "rolloutHalted",
  "revertsOrdered",
  "releasePoisoned",
  "rolloutDone",
  "wipeAccepted",
  "certificateIssued",
]);

/** The event's sentence; a poisoning repeats the halt's reason, which has just been told. */
function headline({ kind, text }: EventLine): string {
  return kind === "releasePoisoned" ? `${text.split(":")[0]}.` : text;
}

/** Turns the story into lines; where they go is for the two kinds of view. */
export abstract class Teller implements View {
  protected readonly startedMs = Date.now();
  protected abstract columns(): number;
  protected abstract put(spans: Span[]): void;

  chapter(number: number, of: number, title: string): void {
    this.put([]);
    this.put([[`${number}/${of}  ${title}`, "bold"]]);
  }
  say(text: string): void {
    this.paragraph(["  · ", "dim"], text);
  }
  good(text: string): void {
    this.paragraph(["  ✓ ", "green"], text);
  }
  strike(text: string): void {
    this.paragraph(["  ⚡ ", "yellow"], text);
  }
  wrong(text: string): void {
    this.paragraph(["  ✗ ", "red"], text);
  }
  refused(name: string, text: string): void {
    const tag = ` refused: ${name} `;
    this.put(["  ", [tag, "alarm"]]);
    for (const line of wrap(text, this.columns() - 4)) this.put([`    ${line}`]);
  }
  table(rows: string[][]): void {
    const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => [...row[i]!].length)));
    rows.forEach((row, at) => {
      const text = row.map((cell, i) => (i ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)));
      this.put([[`    ${text.join("  ")}`, at ? "plain" : "dim"]]);
    });
  }
  look({ fresh }: Look): void {
    for (const event of fresh) {
      if (headlines.has(event.kind)) this.paragraph(["  › ", "cyan"], headline(event));
    }
  }
  abstract busy(text: string): void;
  abstract close(): void;

  private paragraph(mark: Span, text: string): void {
    wrap(text, this.columns() - 4).forEach((line, at) => {
      this.put([at ? "    " : mark, line]);
    });
  }
}
