/** Bounds of the calls to other systems. */

/** Hooks of one agent: a claim waits for all of them, one after the other. */
export const hooksMax = 10;
/** First pause after a call without an answer, doubled each time up to a minute. */
export const callRetryMs = 1_000;
export const callRetryMsMax = 60_000;
/** Undoing is repeated like an entry of the outbox, for a weekend and a day. */
export const undoGiveUpMs = 3 * 86_400_000;
/** A request waits here for its hooks; what is not done by then goes on by itself. Below the 30 s of the command line. */
export const requestWaitMs = 20_000;
/** What is kept of a hook's answer, and read of it. */
export const reasonCharsMax = 200;
export const answerBytesMax = 4_096;
/** Devices whose calls are made in one turn, side by side. */
export const sagasPerTurnMax = 32;
/** Ended ones are kept for questions, replays and audits. */
export const sagaKeepMs = 30 * 86_400_000;
export const forgottenPerTurnMax = 200;
