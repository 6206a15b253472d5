/** Reads an export as it comes and hands it on in short transactions, so that check-ins come in between and no file is
 *  held in memory. */
import { AgentCode, AgentError } from "./core/errors.ts";
import type { Clock } from "./core/ports.ts";
import {
  beginDevice,
  endDevice,
  type ImportState,
  imports,
  notTaken,
  type ReadLine,
  takeLines,
} from "./core/transfer/import.ts";
import { type Line, lineCharsMax, readLine } from "./core/transfer/lines.ts";
import type { Portable } from "./core/transfer/portable.ts";
import type { Store } from "./storage/store.ts";

/** Lines of one transaction. */
const linesAtOnce = 200;
/** Devices that the answer tells one by one. */
const toldMax = 200;

export interface ImportReport {
  imported: number;
  /** devices that were whole here already */
  unchanged: number;
  lines: number;
  refusedCount: number;
  refused: { serial: string; name: string; detail: string }[];
  /** what could not be brought, at most 200 devices */
  told: { serial: string; what: string[] }[];
}

interface Section {
  portable: Portable;
  seen: { lines: number; digest: string };
  portion: ReadLine[];
  state: ImportState | null;
  hasNews: boolean;
}

/** Imports a file. A device that is refused is told and left out; the others go on.
 *  @param isDry true: everything is checked that can be without writing
 *  @throws AgentError ImportInvalid for a file that is no export, or was cut: what came before stays, and the same file
 *  again goes on there */
export async function importFile(
  deps: { store: Store; clock: Clock },
  chunks: AsyncIterable<Uint8Array | string>,
  options: { person: string; isDry: boolean },
): Promise<ImportReport> {
  const run = new Import(deps, options.isDry);
  let at = 0;
  for await (const text of linesOf(chunks)) {
    at++;
    await run.take(readLine(text, at), text, at);
  }
  await run.end(at);
  const { report } = run;
  if (!options.isDry && report.imported > 0) {
    const text = `${options.person} imported ${report.imported} devices, ${report.lines} lines.`;
    const { told: _, refused: __, ...data } = report;
    await deps.store.tx((tx) => {
      return tx.appendEvent({ kind: "dataImported", text, data }, deps.clock.nowMs());
    });
  }
  return report;
}

class Import {
  readonly report: ImportReport = {
    ...{ imported: 0, unchanged: 0, lines: 0, refusedCount: 0, refused: [], told: [] },
  };
  readonly #deps: { store: Store; clock: Clock };
  readonly #isDry: boolean;
  readonly #counts: Record<string, number> = {};
  #masterKeys: Record<string, string> | null = null;
  #section: Section | null = null;
  #isEnded = false;

  constructor(deps: { store: Store; clock: Clock }, isDry: boolean) {
    this.#deps = deps;
    this.#isDry = isDry;
  }

  async take(line: Line, text: string, at: number): Promise<void> {
    const refuse = (finding: string): never => {
      throw new AgentError(AgentCode.ImportInvalid, `line ${at}: ${finding}`);
    };
    if (this.#isEnded) refuse("expected nothing after the line of kind end");
    if (line.kind === "fleetlingExport") {
      if (at !== 1) refuse("expected the head in the first line only");
      this.#masterKeys = line.masterKeys ?? {};
      return;
    }
    if (this.#masterKeys === null) refuse(`expected the head of an export, got ${line.kind}`);
    if (line.kind === "end") {
      await this.#endSection();
      for (const [kind, count] of Object.entries(line.counts)) {
        const found = this.#counts[kind] ?? 0;
        if (found !== count) refuse(`expected ${count} lines of kind ${kind}, got ${found}`);
      }
      this.#isEnded = true;
      return;
    }
    this.#counts[line.kind] = (this.#counts[line.kind] ?? 0) + 1;
    if (line.kind === "device") {
      await this.#endSection();
      await this.#begin(line as unknown as Portable);
    } else if (this.#counts.device === undefined) refuse("expected a device line first");
    // Lines of a refused device have no section.
    this.#section?.portion.push({ line, text });
    if ((this.#section?.portion.length ?? 0) >= linesAtOnce) await this.#flush();
  }

  async end(at: number): Promise<void> {
    if (this.#isEnded) return;
    await this.#endSection(true);
    const finding = at === 0 ? "it is empty" : "it was cut";
    throw new AgentError(
      AgentCode.ImportInvalid,
      `line ${at + 1}: expected the line of kind end, ${finding}`,
    );
  }

  async #begin(portable: Portable): Promise<void> {
    const { serial } = portable.birth;
    await this.#guarded(serial, async () => {
      const state = await this.#deps.store.tx(async (tx) => {
        await beginDevice(tx, portable);
        return tx.documents.get(imports, serial);
      });
      const seen = { lines: 0, digest: "" };
      this.#section = { portable, seen, portion: [], state, hasNews: false };
    });
  }

  async #flush(): Promise<void> {
    const section = this.#section;
    if (section === null) return;
    const { serial } = section.portable.birth;
    await this.#guarded(serial, async () => {
      const { fresh, seen } = notTaken(section.state, section.seen, section.portion);
      section.seen = seen;
      section.portion = [];
      if (fresh.length === 0) return;
      section.hasNews = true;
      if (!this.#isDry) {
        const state = { serial, ...seen, isWhole: false, atMs: this.#deps.clock.nowMs() };
        await this.#deps.store.tx((tx) => takeLines(tx, state, fresh));
        section.state = state;
      }
      this.report.lines += fresh.length;
    });
  }

  /** @param isCut true: the section may not be whole, so its device is not written */
  async #endSection(isCut = false): Promise<void> {
    await this.#flush();
    const section = this.#section;
    this.#section = null;
    if (section === null || isCut) return;
    const { portable, state, hasNews, seen } = section;
    const { serial } = portable.birth;
    if (!hasNews && state?.isWhole) {
      await this.#guarded(serial, async () => {
        if (state.lines === seen.lines) this.report.unchanged++;
        else throw shorter(serial, state.lines, seen.lines);
      });
      return;
    }
    this.report.imported++;
    if (this.#isDry || state === null) return;
    const what = await this.#deps.store.tx((tx) => {
      return endDevice(tx, state, portable, this.#masterKeys!);
    });
    if (what.length > 0 && this.report.told.length < toldMax)
      this.report.told.push({ serial, what });
  }

  async #guarded(serial: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof AgentError) || error.code !== AgentCode.ImportConflict) throw error;
      this.#section = null;
      this.report.refusedCount++;
      const { name, message } = error;
      if (this.report.refused.length < toldMax) {
        this.report.refused.push({ serial, name, detail: message });
      }
    }
  }
}

function shorter(serial: string, taken: number, found: number): AgentError {
  return new AgentError(
    AgentCode.ImportConflict,
    `device ${serial}: ${taken} lines of it were imported, here are ${found}`,
  );
}

async function* linesOf(chunks: AsyncIterable<Uint8Array | string>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunks) {
    rest += typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true });
    let from = 0;
    for (let end = rest.indexOf("\n"); end >= 0; end = rest.indexOf("\n", from)) {
      if (end > from) yield rest.slice(from, end);
      from = end + 1;
    }
    rest = rest.slice(from);
    if (rest.length > lineCharsMax) {
      const finding = `expected lines of at most ${lineCharsMax} characters`;
      throw new AgentError(AgentCode.ImportInvalid, `import: ${finding}`);
    }
  }
  if (rest.trim() !== "") yield rest;
}
