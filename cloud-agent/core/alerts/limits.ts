/** Bounds of alerts. */

/** Names in an alert and in its sentence; more are counted. */
export const membersShownMax = 200;
export const namesInTextMax = 5;
/** A cause is common when at least so many of its devices, and at least this share of them, are found at once. */
export const causeCountMin = 3;
export const causeShareMin = 0.5;
/** So many at once without a common cause are one alert all the same. */
export const fleetCountMin = 20;
/** A new alert is told after this long, so that what follows at once is told together. */
export const tellAfterMs = 30_000;
/** An alert that nobody acknowledged is told again after this long. */
export const remindMs = 24 * 3_600_000;
/** Told again when it has this many times the subjects that were told. */
export const grownFactor = 2;
/** Closed alerts are kept for this long, and at most so many. */
export const closedKeptMs = 90 * 86_400_000;
export const closedMax = 10_000;
export const silencesMax = 1_000;
export const silenceMsMax = 90 * 86_400_000;
/** Pause between two looks; those that read the vitals of the whole fleet are rarer. */
export const lookPauseMs = 5_000;
export const fleetLookPauseMs = 3_600_000;
/** Totals of the fleet are read again after this long. */
export const totalsKeptMs = 60_000;
/** Findings of one rule that are looked at; more are counted into the fleet's. */
export const findingsMax = 20_000;
