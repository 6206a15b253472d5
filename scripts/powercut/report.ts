import { type Finding, type Outcome, outcomes } from "./judge.ts";
import type { Options } from "./options.ts";
import type { Level, News } from "./plan.ts";

const levels: readonly Level[] = ["core", "board", "double", "repeat", "journal"];
const shownMax = 20;
/** before, half, random bits, weak; cuts between two units are the second one at other places */
const models = 4;

interface Row {
  cuts: Map<Level, number>;
  states: number;
  ends: number;
  bad: number;
}

/** Counts what the threads tell. */
export class Report {
  readonly #options: Options;
  readonly #say: (text: string) => void;
  readonly #startedMs = Date.now();
  /** by board and flow */
  readonly #rows = new Map<string, Row>();
  readonly #bad = new Map<Outcome, number>();
  #badCuts = 0;

  constructor(options: Options, say: (text: string) => void) {
    this.#options = options;
    this.#say = say;
  }

  get isGood(): boolean {
    return this.#badCuts === 0;
  }

  take(news: News): void {
    if (news.kind === "row") {
      const row = this.#row(news.board, news.flow);
      row.cuts.set(news.level, (row.cuts.get(news.level) ?? 0) + news.cuts);
      row.states += news.states;
      row.ends += news.ends;
    } else if (news.kind === "bad") this.#takeBad(news.id, news.findings);
  }

  /** Counts of each flow and board, by how the cuts were played. */
  table(): string[] {
    const line = (...cells: (string | number)[]) =>
      cells.map((cell, i) => (i < 2 ? `${cell}`.padEnd(9) : `${cell}`.padStart(9))).join(" ");
    const lines = ["", line("board", "flow", ...levels, "states", "ends", "bad")];
    for (const [key, row] of this.#rows) {
      const [board = "", flow = ""] = key.split(":");
      const counts = levels.map((level) => row.cuts.get(level) ?? "-");
      lines.push(line(board, flow, ...counts, row.states, row.ends, row.bad));
    }
    const sum = (level: Level) =>
      [...this.#rows.values()].reduce((n, row) => n + (row.cuts.get(level) ?? 0), 0);
    const total = (key: "states" | "ends") =>
      [...this.#rows.values()].reduce((n, row) => n + row[key], 0);
    const totals = [...levels.map(sum), total("states"), total("ends"), this.#badCuts];
    lines.push(line("all", "", ...totals));
    lines.push(
      "core: all of the device's TypeScript starts again and goes on to the end; board: so do the shipped texts on",
      "a whole board; double: the next start is cut as well; repeat: 300 times in a row; journal: the journal alone.",
      "states: contents of flash that a start found, different ones of each flow and journal.",
      "ends: devices that were played on to their end; the others stood, once started, as one of these had stood.",
    );
    return lines;
  }

  /** @param cpuMs processor's time of all processes */
  summary(cpuMs = 0): Record<string, unknown> {
    const rows = [...this.#rows];
    const cuts = rows.reduce(
      (n, [, row]) => n + [...row.cuts.values()].reduce((a, b) => a + b, 0),
      0,
    );
    const flows = new Set(rows.map(([key]) => key.split(":")[1]));
    flows.delete("journal");
    return {
      cuts,
      models,
      flows: flows.size,
      boards: this.#options.boards.length,
      ...Object.fromEntries(outcomes.map((outcome) => [outcome, this.#bad.get(outcome) ?? 0])),
      cpuSeconds: Math.round(cpuMs / 100) / 10,
      seconds: Math.round((Date.now() - this.#startedMs) / 100) / 10,
    };
  }

  #row(board: string, flow: string) {
    const key = `${board}:${flow}`;
    const row = this.#rows.get(key) ?? { cuts: new Map(), states: 0, ends: 0, bad: 0 };
    this.#rows.set(key, row);
    return row;
  }

  #takeBad(id: string, findings: Finding[]): void {
    const [board = "", flow = ""] = id.split(":");
    this.#row(board, flow.replace(/\.\d+$/, "")).bad++;
    // A cut counts once for each kind of harm, however many signs of it there are.
    for (const outcome of new Set(findings.map((finding) => finding.outcome)))
      this.#bad.set(outcome, (this.#bad.get(outcome) ?? 0) + 1);
    if (++this.#badCuts > shownMax) return;
    this.#say(`npm run powercut -- --replay ${id}`);
    for (const { outcome, text } of findings.slice(0, 3)) this.#say(`    ${outcome}: ${text}`);
  }
}
