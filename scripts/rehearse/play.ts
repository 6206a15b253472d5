/** Plays a rollout before it happens: a fleet from the field's model, its own firmware, the agent's own code, one clock.
 *  The fleet is in two parts, each in a process with its part of the agent; the rollout's decisions are made here, over
 *  both (ADR-0013). */
import { type Board, boards } from "../../boards/index.ts";
import { draftRollout, startRollout } from "../../cloud-agent/core/rollout/control.ts";
import { parsePolicy } from "../../cloud-agent/core/rollout/policy.ts";
import { needsStep, stepRollout } from "../../cloud-agent/core/rollout/step.ts";
import type {
  DeviceFacts,
  RolloutEffect,
  RolloutRecord,
  RolloutStep,
} from "../../cloud-agent/core/rollout/types.ts";
import type { VitalsSummary } from "../../cloud-agent/core/rollout/verdict/summary.ts";
import { vitalsWanted } from "../../cloud-agent/core/rollout/verdict/wanted.ts";
import { Crew } from "./crew.ts";
import { firmwareText } from "./firmware.ts";
import type { Rehearsal } from "./plan.ts";
import { type Report, reportOf } from "./report.ts";
import { dayMs, minuteMs, startMs } from "./times.ts";
import type { End, News } from "./worker.ts";

/** How often the rollout is stepped: the agent does it every few seconds, a rehearsal of days needs no more. */
const turnMs = 15 * minuteMs;
/** Always as many, whatever the machine has: the same seed gives the same report everywhere. */
const parts = 2;

/** Same input, same report, but for its seconds. @param onProgress told now and then how far it is, 0..1 */
export async function rehearse(
  plan: Rehearsal,
  onProgress?: (share: number) => void,
): Promise<Report> {
  const begunMs = performance.now();
  const crew = new Crew();
  try {
    await crew.start(parts);
    const found = await new Conductor(plan, crew).play(onProgress);
    const seconds = (performance.now() - begunMs) / 1000;
    return { ...found, seconds, eventsPerS: Math.round(found.events / seconds) };
  } finally {
    crew.stop();
  }
}

class Conductor {
  readonly #plan: Rehearsal;
  readonly #crew: Crew;
  /** of each part, in the order in which it first told of them */
  readonly #facts: DeviceFacts[][] = Array.from({ length: parts }, () => []);
  readonly #places = new Map<string, [part: number, index: number]>();
  #record!: RolloutRecord;
  #nowMs = startMs;

  constructor(plan: Rehearsal, crew: Crew) {
    this.#plan = plan;
    this.#crew = crew;
  }

  async play(
    onProgress?: (share: number) => void,
  ): Promise<Omit<Report, "seconds" | "eventsPerS">> {
    const { days, pastDays } = this.#plan;
    const endMs = startMs + days * dayMs;
    await this.#begin();
    await this.#live(startMs + pastDays * dayMs);
    await this.#start();
    while (this.#nowMs < endMs) {
      await this.#live(Math.min(endMs, this.#nowMs + turnMs));
      await this.#turn();
      onProgress?.((this.#nowMs - startMs) / (endMs - startMs));
    }
    const ends = await this.#crew.all<End>(() => ({ kind: "end", endMs }));
    return reportOf({ plan: this.#plan, rollout: this.#record, ends });
  }

  async #begin(): Promise<void> {
    const firmware: Record<string, string> = {};
    for (const { record } of this.#plan.release.images) {
      const board = boards[record.board as keyof typeof boards] as Board;
      firmware[board.id] ??= await firmwareText(board);
    }
    const plan = this.#plan;
    this.#take(
      await this.#crew.all<News>((part) => ({ kind: "begin", plan, part, parts, firmware })),
    );
  }

  async #live(untilMs: number): Promise<void> {
    if (untilMs <= this.#nowMs) return;
    this.#take(await this.#crew.all<News>(() => ({ kind: "live", untilMs })));
    this.#nowMs = untilMs;
  }

  #take(all: News[]): void {
    for (const [part, { changed, seen }] of all.entries()) {
      const facts = this.#facts[part]!;
      for (const one of changed) {
        const place = this.#places.get(one.serial);
        if (place !== undefined) facts[place[1]] = one;
        else this.#places.set(one.serial, [part, facts.push(one) - 1]);
      }
      for (const [at, index] of seen[0].entries()) facts[index]!.lastSeenMs = seen[1][at]!;
    }
  }

  async #start(): Promise<void> {
    const policy = parsePolicy(this.#plan.policy);
    const draft = draftRollout("rehearsal", policy);
    await this.#apply(draft, startRollout(draft, this.#view(null), this.#nowMs));
  }

  /** One turn of the rollout loop. */
  async #turn(): Promise<void> {
    const before = this.#record;
    if (!needsStep(before)) return;
    const first = stepRollout(before, this.#view(null), this.#nowMs);
    await this.#apply(before, first);
    if (first.isLookDue !== true) return;
    const { serials } = vitalsWanted(this.#record, this.#devices(), this.#nowMs);
    const found = await this.#crew.all<Record<string, VitalsSummary>>(() => ({
      kind: "vitals",
      serials,
    }));
    const vitals = Object.assign({}, ...found) as Record<string, VitalsSummary>;
    const second = stepRollout(this.#record, this.#view(vitals), this.#nowMs);
    await this.#apply(this.#record, second);
  }

  /** Each part does what concerns its devices; what concerns none is told to the first one alone. */
  async #apply(before: RolloutRecord, step: RolloutStep): Promise<void> {
    this.#record = step.record;
    if (step.record === before && step.effects.length === 0) return;
    const effects: RolloutEffect[][] = Array.from({ length: parts }, () => []);
    for (const effect of step.effects) {
      const serial = effect.kind === "event" ? effect.event.serial : serialOf(effect);
      const place = serial ? this.#places.get(serial) : undefined;
      // Poison is known to every part, or one of them would go on serving the release.
      if (effect.kind === "poison") for (const own of effects) own.push(effect);
      else effects[place?.[0] ?? 0]!.push(effect);
    }
    await this.#crew.all<null>((part) => ({
      kind: "apply",
      before,
      step: { record: step.record, effects: effects[part]! },
    }));
  }

  #devices(): DeviceFacts[] {
    return this.#facts.flat();
  }

  #view(vitals: Record<string, VitalsSummary> | null) {
    const { release, from } = this.#plan;
    const releases = from === undefined ? [release.record] : [from.record, release.record];
    return { devices: this.#devices(), vitals, release: release.record, releases };
  }
}

function serialOf(effect: RolloutEffect): string | undefined {
  return "serial" in effect ? effect.serial : undefined;
}
