/** Bounds of the verdict, with their arithmetic. ADR-0012 argues them. */

/** Length of one bucket of a summary: two per day keep day and night apart. */
export const bucketMs = 12 * 3_600_000;
/** Buckets kept per device: 16 × 12 h = 8 days, a past of three days and a soak of five. */
export const bucketsMax = 16;
/** Devices per board and side whose vitals are read; the median of 60 is known to about a sixth of the spread. */
export const devicesPerBoardMax = 60;
/** Least time before a wave for which vitals are read, so that a device can be compared with its own past. */
export const lookBackMsMin = 48 * 3_600_000;
/** Fewest samples for a slope with a standard error: two parameters and one degree of freedom. */
export const slopeSamplesLeast = 3;
/** Memory grows while an app warms up: readings of a run's first hour say nothing of a trend. */
export const warmUpS = 3600;
/** Shortest span of readings that a memory trend is taken from. */
export const memorySpanMsMin = 6 * 3_600_000;
/** Fewest attempts for a share of failed check-ins. */
export const attemptsMin = 6;
/** A battery was changed when its voltage rises by more than this between two check-ins; sun and warmth give less. */
export const batteryChangeMv = 150;
/** A run is the same one while its uptime keeps up with the clock, within this and a fiftieth for drift. */
export const uptimeSlackS = 60;
export const uptimeSlackShare = 0.02;

/** Devices with a past on both sides together from which the past's weight is estimated. */
export const pastPairsMin = 8;
/** Fewest devices on each side for a rank test; below, the moderated t test with the prior spread is used. */
export const rankDevicesMin = 5;
/** A rank test that is all but unable to reach its limit is not used: its smallest p must be a tenth of the limit. */
export const rankReach = 10;
/** Devices up to which a rank test's exact distribution is counted: 160 × 80 × 25,600 additions, about 0.3 s, and only
 *  when the approximation has already found the difference. */
export const exactDevicesMax = 160;
/** Degrees of freedom that the prior spread of the small-group test stands for. */
export const priorFreedom = 4;
/** Spread of battery slopes between devices of a board that small groups assume, as a share of the slope. */
export const priorBatteryShare = 0.3;
/** The same for memory trends, as a share of the limit. */
export const priorLimitShare = 0.5;

/** Shares of a wave's false-alarm budget. Three looks during soak, the gate, and all looks after it: 3/8 + 1/2 + 1/8 = 1. */
export const earlyLookAt = [1 / 8, 1 / 4, 1 / 2];
export const earlyLookShare = 1 / 8;
export const gateShare = 1 / 2;
export const laterShare = 1 / 8;
/** Pause to the first look after the gate, as a share of the soak; each further pause is twice as long. */
export const laterPauseShare = 1 / 4;
export const laterPauseMsMin = 1000;
/** A difference above its limit in size is waited for when its p is below this many times its own limit. */
export const suspicionFactor = 10;
/** A comparison with the past alone asks for this many times the effect, three times the drain by default: the past was
 *  another time, and a change of weather alone can double the slope of a coin cell. */
export const ownPastFactor = 4;

/** A device is quiet when it broke this many promises in a row. */
export const missedPromises = 3;
export const quietGraceMs = 60_000;

/** Custom metrics one policy may judge; a device declares 16 at most (SPEC.md §4.2). */
export const metricsJudgedMax = 16;
