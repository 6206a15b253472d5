/** Bounds of the rollout engine. */

/** Waves one policy may have. */
export const wavesMax = 16;
/** Devices a rollout with a single wave may name: small enough to be a canary itself. */
export const singleWaveDevicesMax = 10;
/** Largest hold-back share; more would compare well and update nobody. */
export const holdBackShareMax = 0.5;
/** Fewest devices of a board for one of them to be held back when the share rounds to none. */
export const holdBackBoardDevicesMin = 3;
/** Names listed in a reason; the rest is counted. */
export const namesInReasonMax = 5;
/** Missed-promise grace: a device is late when it has not come after this many times its promised pause. */
export const promiseGrace = 1.5;
/** Added to the grace so that devices with very short pauses are not late by network delay. */
export const promiseGraceMs = 60_000;
/** Devices per board and side whose vitals are read; the median of 60 is known to about a sixth of the spread. */
export const vitalsDevicesPerBoardMax = 60;
/** Least time before a wave for which vitals are read, so that a device can be compared with its own past. */
export const vitalsLookBackMsMin = 86_400_000;
/** Fewest devices on both sides for the rank-sum test: its normal approximation is off below. */
export const rankSumDevicesMin = 5;
/** Evidence a difference needs to count. A gate looks once at the end of a soak, but at every step before it, and
 *  each look is one more chance for noise to pass: early looks ask for more. `p` is the largest one-sided p of the
 *  rank-sum test, `errors` the standard errors by which a small group's slope must stand out. */
export const vitalsEvidence = {
  atGate: { p: 0.01, errors: 3 },
  early: { p: 0.001, errors: 6 },
};
/** Held-back devices from which a small group must also lie above every one of them. */
export const rangeDevicesMin = 3;
/** Fewest samples for a slope with a standard error: two parameters and one degree of freedom. */
export const slopeSamplesLeast = 3;
/** Samples of a device's own past per sample since its update: one outlier in 18 bends a line by less than a third. */
export const pastSamplesFactor = 3;
