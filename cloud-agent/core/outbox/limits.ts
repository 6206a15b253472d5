/** Bounds of the outbox. */

/** First pause after a failed attempt, doubled each time up to an hour. */
export const retryMs = 10_000;
export const retryMsMax = 3_600_000;
/** An entry that could not be delivered for this long is given up: a weekend of an output that is down, and a day. */
export const giveUpMs = 3 * 86_400_000;
/** Ended entries are kept this long for a replay, and at most so many. */
export const keepMs = 30 * 86_400_000;
export const endedMax = 20_000;
/** Entries of one output that wait; above it the oldest one gives way, and that is told. */
export const waitingMax = 10_000;
/** Entries of one output that are sent in one turn, one after the other. */
export const sentPerTurnMax = 64;
/** An output that does not answer within this long has failed. */
export const answerMsMax = 10_000;
/** What of an output's answer is kept. */
export const errorCharsMax = 300;
