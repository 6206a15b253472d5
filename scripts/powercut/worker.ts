/** One process of a sweep: its share of every board's cuts, then its share of the journal's. */
import { playJournal } from "./bulk.ts";
import type { Material } from "./material.ts";
import type { Options } from "./options.ts";
import { type Share, sweepBoard } from "./plan.ts";

export interface Task {
  materials: Material[];
  options: Options;
  share: Share;
}

const tell = (news: unknown) => process.send!(news);

// A cut is an exception, thrown many times a second; nobody reads where from.
Error.stackTraceLimit = 0;
process.once("message", ({ materials, options, share }: Task) => {
  for (const material of materials) {
    // The smallest board also bears cuts of the starts that follow.
    const isDeep = material.boardId === "puckjs";
    const { flows, seed, limit } = options;
    sweepBoard({ material, flows, seed, limit, isDeep, share }, tell);
    playJournal(material.boardId, options.journalCuts / share.of, seed, share, tell);
  }
  tell({ kind: "end" });
});
