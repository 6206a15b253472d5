/** The process in which an image is played: what its app does to memory and time ends here. */
import { type Candidate, playUpdate } from "./play.ts";

process.once("message", async (candidate: Candidate) => {
  const outcome = await playUpdate(candidate);
  process.send!(outcome, () => process.disconnect());
});
