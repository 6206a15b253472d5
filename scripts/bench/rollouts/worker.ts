/** Plays seeds in a process of its own: takes plans, gives what came of them. */
import { type Plan, play } from "./play.ts";

process.on("message", (plans: Plan[]) => {
  process.send!(plans.map(play));
});
