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
/** Characters of a policy file: sixteen waves take two thousand, ten thousand serials the rest. */
export const policyFileCharsMax = 512 * 1024;
/** Largest share of a target of more than `singleWaveDevicesMax` devices that the first wave may take. */
export const canaryShareMax = 0.5;
/** Shortest update window. */
export const windowMinutesMin = 30;
/** Shortest soak of the emergency lane: a check-in a minute gives ten of them. */
export const emergencySoakMsMin = 10 * 60_000;
/** "Not now" of an owner who names no time. */
export const notNowMsDefault = 24 * 3_600_000;
