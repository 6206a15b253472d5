import type { DeviceRecord, EventRecord, ReleaseRecord } from "../records.ts";
import { type Next, nextIn } from "../rollout/decide.ts";
import { factsOf, isTargeted } from "../rollout/facts.ts";
import { promiseGrace, promiseGraceMs } from "../rollout/limits.ts";
import type { DeviceFacts, RolloutRecord } from "../rollout/types.ts";
import { durationWords, timeWords, waveWords } from "../rollout/words.ts";

/** One line under the answer. */
export interface WhyFact {
  /** null for what is true now */
  atMs: number | null;
  text: string;
}

export interface WhyAnswer {
  /** one or two sentences */
  answer: string;
  /** oldest first, what is true now last */
  facts: WhyFact[];
}

const frozenText =
  "Its newest check-in said that those before it had stayed unanswered for long: the agent was away, or somebody keeps answers back.";

/** Lines of the event log an answer shows; the newest are kept. */
const eventsMax = 20;

/** Answers "why does this device not run that release?" from the event log, the records and the rollouts. Pure.
 *  @param events of this device, of this release and of its rollouts, in order; others are ignored
 *  @param device null when the agent does not know the serial
 *  @param release null when it is not published
 *  @param releases all that may be on the way; omitted: none */
export function whyNotUpdated(
  serial: string,
  sequence: number,
  events: EventRecord[],
  device: DeviceRecord | null,
  rollouts: RolloutRecord[],
  release: ReleaseRecord | null,
  nowMs: number,
  releases: ReleaseRecord[] = [],
): WhyAnswer {
  const own = rollouts.filter((rollout) => rollout.policy.sequence === sequence);
  const facts = eventFacts(serial, sequence, events, own);
  if (device === null) {
    return { answer: `No device ${serial} is known to this agent.`, facts };
  }
  const known = factsOf(device);
  facts.push(...presentFacts(known, own, nowMs));
  if (device.isFrozen) facts.push({ atMs: null, text: frozenText });
  if (release === null) return { answer: `Release ${sequence} is not published.`, facts };
  const targeting = own.filter((rollout) => isTargeted(rollout, known, nowMs));
  if (targeting.length === 0) {
    const answer =
      own.length === 0
        ? `${serial} was not offered release ${sequence}: no rollout brings it out.`
        : `${serial} was not offered release ${sequence}: it is outside the target of ${own.map((rollout) => `"${rollout.policy.name}"`).join(", ")}.`;
    const isRunning = known.runningSequence === sequence;
    return { answer: isRunning ? `${serial} runs release ${sequence}.` : answer, facts };
  }
  // The newest rollout speaks: an older one of the same release was replaced by it.
  const rollout = targeting.reduce((left, right) =>
    (right.startedMs ?? 0) >= (left.startedMs ?? 0) ? right : left,
  );
  return { answer: answerFrom(rollout, release, known, events, nowMs, releases), facts };
}

function answerFrom(
  rollout: RolloutRecord,
  release: ReleaseRecord,
  device: DeviceFacts,
  events: EventRecord[],
  nowMs: number,
  releases: ReleaseRecord[],
): string {
  const { serial } = device;
  const { sequence } = release;
  const next = nextIn(rollout, release, device, nowMs, releases);
  const entry = rollout.progress?.[serial];
  if (next.code === "alreadyRunning") {
    const since = entry?.confirmedMs ?? null;
    const when = since === null ? "" : ` since ${timeWords(since)}`;
    return `${serial} did update: it runs release ${sequence}${when}.`;
  }
  if (next.offer === null) {
    const own = ownFailure(serial, rollout.id, events);
    const first = `${serial} does not run release ${sequence} because ${next.reason}.`;
    return own === null || isOwnReason(next) ? first : `${first} Before that: ${own.text}`;
  }
  const silence = silenceWords(device, entry?.offeredMs ?? null, nowMs);
  return `${serial} does not run release ${sequence} yet: ${silence ?? `${next.reason}.`}`;
}

/** Reasons that already tell the device's own failure. */
function isOwnReason(next: Next): boolean {
  return ["failed", "reverted", "rejected", "failedBefore"].includes(next.code);
}

function ownFailure(serial: string, rolloutId: string, events: EventRecord[]): EventRecord | null {
  const isOwn = (event: EventRecord) =>
    event.serial === serial &&
    event.rolloutId === rolloutId &&
    event.kind === "rolloutDeviceFailed";
  return events.findLast(isOwn) ?? null;
}

/** Says that an offer waits for a device that has not come, null when it has. */
function silenceWords(device: DeviceFacts, offeredMs: number | null, nowMs: number): string | null {
  const { lastSeenMs, nextCheckInS } = device;
  if (lastSeenMs === null) return "the offer waits, the device has never checked in.";
  if (offeredMs === null || lastSeenMs > offeredMs) return null;
  const ago = durationWords(nowMs - lastSeenMs);
  const dueMs = lastSeenMs + nextCheckInS * 1000;
  const isLate = nowMs > lastSeenMs + nextCheckInS * 1000 * promiseGrace + promiseGraceMs;
  const promise = isLate
    ? `it promised to come by ${timeWords(dueMs)} and did not`
    : `it sleeps until about ${timeWords(dueMs)}`;
  return `the offer waits since ${timeWords(offeredMs)}, the device was last seen ${ago} ago; ${promise}.`;
}

function eventFacts(
  serial: string,
  sequence: number,
  events: EventRecord[],
  rollouts: RolloutRecord[],
): WhyFact[] {
  const ids = new Set(rollouts.map((rollout) => rollout.id));
  return events
    .filter((event) => {
      if (event.serial !== null && event.serial !== serial) return false;
      if (event.rolloutId !== null) return ids.has(event.rolloutId);
      return event.sequence === sequence;
    })
    .slice(-eventsMax)
    .map((event) => ({ atMs: event.atMs, text: event.text }));
}

function presentFacts(device: DeviceFacts, rollouts: RolloutRecord[], nowMs: number): WhyFact[] {
  const now = (text: string): WhyFact => ({ atMs: null, text });
  const seen =
    device.lastSeenMs === null
      ? "It never checked in."
      : `Last check-in ${timeWords(device.lastSeenMs)}, ${durationWords(nowMs - device.lastSeenMs)} ago; next promised after ${durationWords(device.nextCheckInS * 1000)}.`;
  const state = ["confirmed", "on trial", "in recovery"][device.slotState] ?? "state unknown";
  const facts = [
    now(seen),
    now(`Runs release ${device.runningSequence} (${state}), floor ${device.floor}.`),
  ];
  if (typeof device.fieldMinutesLeft === "number")
    facts.push(now(`Waits for a person in the field, ${device.fieldMinutesLeft} minutes more.`));
  for (const rollout of rollouts) {
    const wave = rollout.assigned[device.serial];
    const place = wave === undefined ? "no wave" : waveWords(rollout, wave);
    const held = rollout.holdBack.includes(device.serial) ? ", held back" : "";
    const text = `Rollout "${rollout.policy.name}" (${rollout.id}) is ${rollout.status}; the device is in ${place}${held}.`;
    facts.push(now(text));
  }
  return facts;
}
