import { type Board, boards } from "../../boards/index.ts";
import { type Journal, journal, Rec } from "../../firmware/flash/journal.ts";
import { setHal } from "../../firmware/hal/current.ts";
import type { Hal } from "../../firmware/hal/hal.ts";
import { NorFlash } from "../sim/flash/norFlash.ts";
import { rulesOf } from "../sim/flash/rules.ts";
import { type Random, seededRandom } from "../sim/random.ts";
import { codec, flashHal } from "./hal.ts";
import type { Finding } from "./judge.ts";
import type { News } from "./plan.ts";
import { type ModelName, modelsOfWrite, type Operation, tap, tear } from "./points.ts";

/** The journal's maker: the shipped one, or one that a test has broken. */
export interface JournalMaker {
  journal: typeof journal;
  setHal(hal: Hal): void;
}
const shipped: JournalMaker = { journal, setHal };
const stepsPerHistory = 120;

/** A history of records on the two halves of one board's journal, cut at every operation: the device's own TypeScript
 *  over the simulated flash, without the rest of the board. */
export class JournalHistory {
  readonly board: Board;
  readonly number: number;
  readonly #maker: JournalMaker;
  readonly #random: Random;
  readonly #flash: NorFlash;
  readonly #at: Pick<Board, "flashStart" | "pageBytes" | "writeUnitBytes">;
  /** newest value of each type, as text */
  readonly #values = new Map<number, string>();
  #live: Journal;
  #serial = 0;

  constructor(boardId: string, number: number, maker = shipped) {
    const board = boards[boardId]!;
    const { plan, pageBytes, flashStart, writeUnitBytes } = board;
    this.board = board;
    this.number = number;
    this.#maker = maker;
    this.#random = seededRandom(`journal ${boardId} ${number}`);
    const start = flashStart + plan.journalPage * pageBytes;
    const rules = { ...rulesOf(board), start, pages: 2 * plan.journalHalfPages };
    this.#flash = new NorFlash(rules);
    this.#at = { flashStart: start, pageBytes, writeUnitBytes };
    this.#live = this.#open(this.#flash);
  }

  /** Appends random records until `cuts` cuts were played or `steps` records written.
   *  @param heard called for each cut that ends badly
   *  @param from steps before it are written without a cut
   *  @returns cuts played */
  play(
    steps: number,
    cuts: number,
    seed: number,
    heard: (id: string, findings: Finding[]) => void,
    from = 0,
  ): number {
    let played = 0;
    for (let step = 0; step < steps && played < cuts; step++) {
      const [type, value] = this.#next();
      const operations = this.#record(() => this.#put(this.#live, this.#flash, type, value));
      for (const op of step < from ? [] : operations) {
        for (const model of modelsOfWrite(op, this.board.writeUnitBytes)) {
          const id = `${this.board.id}:journal:${this.number}.${step}.${op.index}:${model}:${seed}`;
          const findings = this.#cut(op, model, id, type, text(value));
          played++;
          if (findings.length) heard(id, findings);
        }
      }
      this.#values.set(type, text(value));
    }
    return played;
  }

  #open(flash: NorFlash): Journal {
    const { plan, pageBytes } = this.board;
    this.#maker.setHal(flashHal(flash, this.#at));
    const halfBytes = plan.journalHalfPages * pageBytes;
    return this.#maker.journal(0, halfBytes, pageBytes, [], codec);
  }

  #put(j: Journal, flash: NorFlash, type: number, value: unknown): void {
    this.#maker.setHal(flashHal(flash, this.#at));
    j.put(type, value);
  }

  #record(run: () => void): Operation[] {
    const operations: Operation[] = [];
    const flash = this.#flash;
    const { write, erasePage } = flash;
    const peer = null as never;
    tap(flash, (op) => {
      operations.push({
        ...op,
        index: operations.length,
        before: { flash: flash.fork(), peer, ms: 0 },
      });
    });
    run();
    Object.assign(flash, { write, erasePage });
    return operations;
  }

  #next(): [type: Rec, value: unknown] {
    const n = ++this.#serial;
    const bytes = (count: number) => new Uint8Array(count).fill(n & 255 || 1);
    const draw = Math.floor(this.#random() * 12);
    const slot = [n, 5000, n * 7919, bytes(32), 1, 60];
    if (draw < 4) return [Rec.Boot, [n, 0, 0, 0, ""]];
    if (draw < 6) return [Rec.Key, [n, bytes(32), bytes(32), bytes(8), 1]];
    if (draw === 6) return [Rec.Slots, [0, slot, n & 1 ? slot : null, 1, 1, 0, 0]];
    if (draw === 7) return [Rec.Settings, [n, { step: n, name: "x".repeat(n % 40) }]];
    if (draw === 8) return [Rec.Failed, [n, bytes(8), 301, n, "x".repeat(n % 48)]];
    if (draw === 9) return [Rec.Life, [3, n, 60]];
    if (draw === 10) return [Rec.Download, n & 1 ? [n, 5000, bytes(32), 1, 1, 4096, 60] : null];
    return [Rec.Receipt, [bytes(20 + (n % 200)), bytes(100)]];
  }

  /** Tears one operation, opens what is left as two starts do, and looks at every type. */
  #cut(op: Operation, model: ModelName, id: string, type: Rec, wanted: string): Finding[] {
    const findings: Finding[] = [];
    const lost = (what: string) => void findings.push({ outcome: "lostState", text: what });
    try {
      const flash = tear(op, model, id);
      const j = this.#open(flash);
      const first = this.#look(j, type, wanted, lost);
      this.#put(j, flash, Rec.Boot, [1e6, 0, 0, 0, ""]);
      const again = this.#open(flash);
      for (let t = 1; t < Rec.Count; t++) {
        const expected = t === Rec.Boot ? '[1000000,0,0,0,""]' : first[t];
        if (text(again.get(t)) !== expected) lost(`record ${t} is another at the second start`);
      }
      for (const { kind } of flash.violations) lost(`flash rule broken: ${kind}`);
    } catch (error) {
      findings.push({ outcome: "unbootable", text: `the journal throws ${String(error)}` });
    }
    return findings;
  }

  #look(j: Journal, type: Rec, wanted: string, lost: (what: string) => void): string[] {
    const found: string[] = [];
    for (let t = 1; t < Rec.Count; t++) {
      found[t] = text(j.get(t));
      const old = this.#values.get(t) ?? "null";
      if (found[t] !== old && !(t === type && found[t] === wanted))
        lost(`record ${t}: ${found[t]}, neither old nor new`);
    }
    return found;
  }
}

const text = (value: unknown) =>
  JSON.stringify(value, (_key, v) =>
    v instanceof Uint8Array ? Buffer.from(v).toString("hex") : v,
  );

/** Plays histories of one board's journal until so many cuts are played. */
export function playJournal(
  boardId: string,
  cuts: number,
  seed: number,
  tell: (news: News) => void,
): void {
  let played = 0;
  for (let i = 0; played < cuts; i++) {
    tell({ kind: "at", id: `${boardId}:journal:${i}` });
    const heard = (id: string, findings: Finding[]) => tell({ kind: "bad", id, findings });
    played += new JournalHistory(boardId, i).play(stepsPerHistory, cuts - played, seed, heard);
  }
  const row = {
    board: boardId,
    flow: "journal",
    level: "journal",
    states: played,
    ends: 0,
  } as const;
  if (played) tell({ kind: "row", ...row, cuts: played });
}

/** Plays one step of a history again. */
export function replayJournal(id: string): Finding[] {
  const [boardId = "", , place = "", , seed] = id.split(":");
  const [history, step] = place.split(".").map(Number);
  const found: Finding[] = [];
  new JournalHistory(boardId, history!).play(step! + 1, Infinity, Number(seed), (at, findings) => {
    if (at === id) found.push(...findings);
  });
  return found;
}
