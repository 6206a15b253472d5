/** Builds what the demo asks for, one after the other, in a process of its own. */
import { boards } from "../../boards/index.ts";
import { buildFor } from "../story/workshop.ts";
import type { BuildAnswer, BuildAsk } from "./builder.ts";

let last: Promise<unknown> = Promise.resolve();

process.on("message", (ask: BuildAsk) => {
  last = last.then(() => answer(ask));
});
// Nobody is left to build for.
process.on("disconnect", () => process.exit(0));

async function answer({ id, boardId, appFile }: BuildAsk): Promise<void> {
  let reply: BuildAnswer;
  try {
    reply = { id, firmware: await buildFor(boards[boardId]!, appFile) };
  } catch (error) {
    reply = { id, error: (error as Error).message };
  }
  process.send!(reply);
}
