import type { Faults, Planted } from "./faults.ts";
import type { RehearsedRelease } from "./releaseFile.ts";

/** What is rehearsed. Data only: it goes to the processes that play it. */
export interface Rehearsal {
  release: RehearsedRelease;
  /** the release that runs when it begins; omitted: one of the same size, without its text */
  from?: RehearsedRelease;
  policy: Record<string, unknown>;
  devices: number;
  days: number;
  /** days of these before the rollout starts, to compare with */
  pastDays: number;
  checkInS: number;
  seed: number;
  faults: Faults;
  planted: Planted;
}
