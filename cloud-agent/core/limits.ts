/** Every bound of the agent's own, with its arithmetic. Bounds of the wire are in firmware/protocol/limits.ts. */

/** A claim waits this long for the device: time to walk to it, short enough that an open intent is no standing door. */
export const claimIntentMs = 15 * 60_000;
/** Open claims looked at in one turn; more wait for the next turn's free places. */
export const openClaimsMax = 10_000;
/** Pause between two looks for expired claims. */
export const claimExpiryMs = 10_000;
/** Wrong codes per serial and span. 80 random bits leave no chance to a guesser; the limit keeps the log readable. */
export const wrongCodesMax = 10;
export const wrongCodesSpanMs = 15 * 60_000;

/** One payload: twice the largest slot of any board (ESP32: 64 kB pages; see boards/). */
export const payloadBytesMax = 512 * 1024;
/** Images of one release: one per model on a board. */
export const imagesPerReleaseMax = 32;
/** Body of a publication: 32 images of 512 kB would be 22 MB in base64; real ones are below 100 kB. */
export const releaseBodyBytesMax = 24 * 1024 * 1024;
/** Leaves of one lease: more than a desk signs in a year, few enough that a lost answer does not hurt. */
export const leaseLeavesMax = 4_096;
/** Ranges of leaves per release key: a lease a day for years; one row of some 100 kB then. */
export const leaseRangesMax = 1_000;
/** Ranges that a desk tells of its ledger. */
export const leaseToldMax = 1_000;
/** Body of every other request; 1,000 told ranges are at most 55 kB. */
export const bodyBytesMax = 64 * 1024;

/** Tags of one device. */
export const tagsMax = 16;
/** Devices of one read of the fleet: about 4 ms, so that check-ins in between do not wait. */
export const devicesPerReadMax = 500;
/** Vitals rows per device that a step looks at: a day of one check-in a minute. */
export const vitalsRowsPerDeviceMax = 1440;
/** Lab offers kept in memory: 32 × 516 kB is 17 MB at most. */
export const labOffersMax = 32;

/** Page of a list. */
export const pageRowsMax = 500;
export const pageRowsDefault = 100;
/** Event streams open at once: each holds a socket and a queue. */
export const eventStreamsMax = 64;
/** Bytes that wait in one event stream before its reader counts as gone. */
export const eventStreamBytesMax = 1024 * 1024;
/** Comment line that keeps proxies from closing a quiet stream. */
export const eventStreamPingMs = 20_000;
/** Commands of one device that wait for a result: the device runs one at a time. */
export const commandsOpenMax = 8;
/** Commands of one device that are remembered: about 300 B each. */
export const commandsKeptMax = 50;
/** Shortest and longest time until a command expires. */
export const commandSMin = 10;
export const commandSMax = 30 * 86_400;
/** A device that crashes again and again is asked for its log this often, and each time for so long. */
export const crashLogPauseMs = 3_600_000;
export const crashLogMs = 86_400_000;
/** Logs kept of one device: about 300 B each. */
export const deviceLogsMax = 20;
/** Product models of one agent: read as a whole at each publication. */
export const productsMax = 1000;
/** One report of a rehearsal or of tests: the figures, not the log. */
export const reportBytesMax = 256 * 1024;
