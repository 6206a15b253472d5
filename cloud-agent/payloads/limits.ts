/** Bytes of one request to an origin: a broken one costs at most this again. */
export const rangeBytes = 128 * 1024;
/** Bytes of payloads kept in memory: some hundred images of 64 kB, or 64 of the largest. */
export const cacheBytesMax = 32 * 1024 * 1024;
/** Wait for one answer of an origin. */
export const originMsMax = 10_000;
/** Tries of one request after the first, and the pause before the first of them; each further one is twice as long. */
export const originRetriesMax = 4;
export const originBackoffMs = 200;
/** After a failure a device's questions ask the origin again only then. */
export const failedPauseMs = 5_000;
/** Life of a link, seconds: long enough for the slowest download, short enough to be worth nothing when it leaks. */
export const linkSMax = 3_600;
export const linkSDefault = 900;
/** A sealed block and what it adds: 1,024 bytes on the line, so that ranges fall on whole blocks. */
export const sealedBlockBytes = 1_024;
export const sealedTagBytes = 16;
