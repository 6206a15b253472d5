/** Bounds of presence. */

/** A device comes up to a tenth later than it promised, so that a site does not wake all at once. Source: SPEC.md §13 and
 *  core/parts/client.ts */
export const jitterShare = 0.1;
/** How long after its promise a device is waited for: half of its pause and a minute, because a check-in that got no answer
 *  is repeated after 8 s, 16 s, 32 s. Never longer than the pause itself: that keeps the finding exact to one interval. */
export const latenessShare = 0.5;
export const latenessMs = 60_000;
/** A pause this short is for tests; one repeat has to fit in all the same. */
export const latenessMsMin = 10_000;

/** A device that gets no answer repeats after 8 s, doubled each time, up to this: 64 s, five times doubled, on boards
 *  without native hashes. Source: core/parts/client.ts, SPEC.md §13 */
export const firstRepeatMs = 8_000;
export const repeatMsMax = 64_000 * 32;
/** Without an answer for this long a device goes on alone, by default, and asks only so often. */
export const localAfterMs = 30 * 24 * 3_600_000;
export const localPauseMs = 18 * 3_600_000;

/** The agent did not listen when more time than this passed between two turns: it was stopped, or its host slept. */
export const gapMsMin = 15_000;
/** Times of not listening that are kept; the two oldest become one when there are more. */
export const gapsMax = 64;
/** Pause between two notes of the listening time: what a killed agent counts as not listened to. */
export const noteMs = 5_000;
/** A jump of the clock is believed by those who delete after this long. */
export const believeMs = 24 * 3_600_000;

/** Devices judged in one transaction. */
export const judgedMax = 200;
