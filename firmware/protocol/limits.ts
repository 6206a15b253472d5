/** Every bound of the wire and of flash in one place, with its arithmetic. */

/** Plain text a FETCH may ask for: fits one MQTT packet with frame, CBOR and topic (512 + 29 + 24 + 32 < 640). */
export const blockBytesMax = 512;
/** Largest message on any carrier: an envelope block or a wipe receipt (1,252 B signature + body) in one message. */
export const messageBytesMax = 1536;
/** Largest SUIT envelope: LMS block 1,600 B + manifest 400 B + text, doubled. */
export const envelopeBytesMax = 4096;
/** How far a release's sequence may be ahead of what runs (of the floor where nothing does). There are 2^32 numbers, so no
 *  release uses up more than a 400th of them; ten years of numbers like 2031120401 are less. */
export const sequenceJumpMax = 10_000_000;
/** Waits of 4 s in one retrieval that ended without an answer: ten minutes in all. A block is waited for at most six
 *  times in a row, so a retrieval that gets this far had 21 blocks at least. */
export const retrievalStallsMax = 150;
/** Check-ins in a row that may stay unanswered before the device says so, and one more for each so many seconds of the check-in
 *  interval. The pauses between them grow to 256 s, so this is ten minutes and ten intervals, about. */
export const unansweredMax = 5;
export const unansweredPerS = 25;
/** Commands in one manifest, over all its sequences. */
export const manifestCommandsMax = 32;
/** Vitals that a manifest may bound for its trial: as many as SPEC.md §4.2 numbers, and one. */
export const limitsMax = 12;
/** Body of a key-set change: two roots of five keys, three release keys, three agent keys, heads. */
export const keySetBodyBytesMax = 800;
/** A root key's signature in a key-set change: LMS of height 10 is 1,500 B, key id and heads. */
export const keySetSignatureBytesMax = 1600;
/** CBOR nesting a decoder follows. */
export const cborDepthMax = 8;
/** Failed starts (crash, watchdog, refused health) that end a trial. */
export const trialFailsMax = 3;
/** Starts without confirm, for whatever reason, that end a trial: a release that browns the board out cannot stay. */
export const trialBootsMax = 10;
/** Text kept of a failed image's last error. */
export const failTextCharsMax = 48;
/** Images that failed last and are never taken again by themselves, each by 8 bytes of its digest. */
export const poisonBytesMax = 32;
/** Among a manifest's vitals limits: not a vital but "a person in the field has confirmed it". */
export const fieldLimit = 12;
/** Log kept of a failed image: its last lines. */
export const failLogCharsMax = 96;
/** Output of one patched block: a page of most boards, so that one message keeps a device busy for a moment only. */
export const patchBytesMax = 4096;
/** Accumulated uptime that a trial has when the manifest does not say. */
export const trialMinutesDefault = 60;
/** Calm that a trial needs between the agent's first answer and its confirm: one check-in interval within these
 *  bounds. A release that ends soon after it was heard must not be confirmed by then. */
export const trialCalmMsMin = 3_000;
export const trialCalmMsMax = 60_000;
/** Characters of a text among the settings, and of a setting's name. */
export const settingTextCharsMax = 48;
export const settingNameCharsMax = 16;
/** Characters of a command's name, and of its argument, its result and the error that it threw. */
export const commandNameCharsMax = 16;
export const commandTextCharsMax = 48;
/** Commands that an app may declare. */
export const commandsMax = 16;
/** Settings and flags of a device. One message: 16 keys × (16 + 48 bytes) + frame < messageBytesMax. */
export const settingsMax = 16;
/** Pause between two handshakes that the agent asked for. */
export const helloWantedPauseMs = 5_000;
/** Pause between check-ins of a device that was ordered to go on alone; jitter makes it up to a tenth longer. */
export const sunsetPauseMs = 86_400_000;
/** Longest pause that REFUSED may ask for: what the agent tells a retired device. It is unauthenticated. */
export const refusedPauseSMax = 86_400;
/** CHAL is refused when it answers a HELLO older than this. */
export const chalAgeMsMax = 10_000;
/** Metric name length on the wire. */
export const metricNameCharsMax = 16;
/** Metrics an app may declare. */
export const metricsMax = 8;
