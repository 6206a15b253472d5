import type { Board } from "../../boards/index.ts";
import type { NorFlash } from "../sim/flash/norFlash.ts";
import { type CutModel, cutModels, PowerCut } from "../sim/flash/powerCut.ts";
import { type Random, seededRandom } from "../sim/random.ts";
import type { Standing } from "./bench.ts";

/** One write or erase of a run, with everything as it stood right before it. */
export interface Operation {
  index: number;
  kind: "write" | "erase";
  addr: number;
  /** null for an erase */
  data: Uint8Array | null;
  units: number;
  before: Standing;
}

/** How one operation is cut: a model of the simulation, with another draw of its bits where a number follows ("weak2"), or
 *  after so many write units ("u6"). */
export type ModelName = "before" | "half" | "bits" | "weak" | `${"bits" | "weak" | "u"}${number}`;

/** Calls `begin` before each operation of a flash. */
export function tap(flash: NorFlash, begin: (op: Omit<Operation, "index" | "before">) => void) {
  const { pageBytes, writeUnitBytes } = flash.rules;
  const write = flash.write.bind(flash);
  const erasePage = flash.erasePage.bind(flash);
  flash.write = (data, addr) => {
    const units = Math.ceil(data.length / writeUnitBytes);
    if (data.length) begin({ kind: "write", addr, data: data.slice(), units });
    write(data, addr);
  };
  flash.erasePage = (addr) => {
    begin({ kind: "erase", addr, data: null, units: pageBytes / writeUnitBytes });
    erasePage(addr);
  };
}

/** The ways in which an operation is cut: the four models; inside a write to the journal also behind each 8-byte unit;
 *  inside bulk behind the first and before the last unit (its middle is "half"). */
export function modelsOf(board: Board, op: Operation): ModelName[] {
  const names = cutModels.map((model) => model as ModelName);
  const { plan, pageBytes, flashStart, writeUnitBytes } = board;
  const page = Math.floor((op.addr - flashStart) / pageBytes);
  const isJournal = page >= plan.journalPage && page < plan.journalPage + 2 * plan.journalHalfPages;
  if (op.kind === "write" && isJournal) return modelsOfWrite(op, writeUnitBytes);
  if (op.units > 3) names.push("u1", `u${op.units - 1}`);
  return names;
}

/** As modelsOf, for an operation on the journal. */
export function modelsOfWrite(op: Operation, writeUnitBytes: number): ModelName[] {
  const names = cutModels.map((model) => model as ModelName);
  const step = Math.max(1, 8 / writeUnitBytes);
  if (op.kind === "erase") names.push("u1", `u${op.units - 1}`);
  else for (let u = step; u < op.units; u += step) if (u !== op.units >> 1) names.push(`u${u}`);
  return names;
}

export const cutModelOf = (name: ModelName): CutModel =>
  name.startsWith("u")
    ? { afterUnits: Number(name.slice(1)) }
    : (name.replace(/\d+$/, "") as CutModel);

/** Further draws of the models that are drawn. */
export const drawsOf = (count: number): ModelName[] =>
  Array.from({ length: count }, (_, i): ModelName[] => [`bits${i + 1}`, `weak${i + 1}`]).flat();

/** Cuts an operation on a fork of what stood before it.
 *  @returns the fork, with power again; its weak bits are drawn from `random` */
export function tear(op: Operation, model: ModelName, random: Random | string): NorFlash {
  const drawn = typeof random === "string" ? seededRandom(random) : random;
  const flash = op.before.flash.fork(drawn);
  flash.cutAfter(0, cutModelOf(model));
  try {
    if (op.data) flash.write(op.data, op.addr);
    else flash.erasePage(op.addr);
  } catch (error) {
    if (!(error instanceof PowerCut)) throw error;
  }
  flash.powerOn();
  return flash;
}
