import { askOwners, lacksConsent } from "./consent.ts";
import { isBoxed } from "./penalty.ts";
import type { BudgetPolicy, RolloutPolicy } from "./policyTypes.ts";
import type { Survey } from "./survey.ts";
import type {
  DeviceFacts,
  DeviceProgress,
  RolloutEffect,
  RolloutRecord,
  RolloutStep,
} from "./types.ts";
import { isOpenFor } from "./windows.ts";

const minuteMs = 60_000;

/** Makes the offers of every open wave that may be made now: as many as pace, windows and budgets leave. Sleepers come
 *  last and get theirs too: it waits for their next contact. Once the rollout is done, everybody who is left has an
 *  offer, because no step will come for them; consent, windows and penalty box still count at each contact. Pure;
 *  O(devices). */
export function offerOpenWaves(step: RolloutStep, seen: Survey, nowMs: number): RolloutStep {
  const { record } = step;
  if (record.status !== "running" && record.status !== "done") return step;
  const { policy } = record;
  const isLast = record.status === "done";
  const freed = isLast ? step : freeSleepersSlots(step, seen);
  const progress = freed.record.progress ?? {};
  const waiting = seen.others.filter(
    ({ serial }) => progress[serial] === undefined && record.assigned[serial]! <= record.wave,
  );
  const asked = askOwners(freed.record, waiting, nowMs);
  const mayGo = waiting.filter((device) => {
    return !isBoxed(device, nowMs) && !lacksConsent(asked.record, device.serial, nowMs);
  });
  const awake = mayGo.filter(({ serial }) => !seen.silent.has(serial));
  const asleep = mayGo.filter(({ serial }) => seen.silent.has(serial));
  const queue = isLast ? waiting : takeable(policy, awake, asleep, nowMs);
  const slots = isLast ? null : new Slots(policy, seen, progress);
  let left = isLast ? Number.POSITIVE_INFINITY : paceLeft(policy, progress, nowMs);
  const changed: Record<string, DeviceProgress> = {};
  const effects = [...freed.effects, ...asked.effects];
  for (const device of queue) {
    if (left < 1) break;
    if (slots && !slots.take(device)) continue;
    left--;
    const { serial } = device;
    const via = seen.onWay.get(serial) ?? null;
    changed[serial] = newEntry(via, nowMs);
    effects.push({ kind: "offer", serial, sequence: via ?? policy.sequence });
  }
  const isSame = Object.keys(changed).length === 0;
  const offered = isSame
    ? asked.record
    : { ...asked.record, progress: { ...progress, ...changed } };
  return { ...freed, record: offered, effects };
}

function newEntry(via: number | null, nowMs: number): DeviceProgress {
  return {
    // Left out where there is none: the record of a large fleet is long enough.
    ...(via === null ? {} : { via }),
    offeredMs: nowMs,
    deliveredMs: null,
    confirmedMs: null,
    cause: null,
    acknowledged: null,
    revertOrderedMs: null,
  };
}

/** A sleeper would hold a budget's slot until it wakes, so it gets its offer when it is back. */
function takeable(
  policy: RolloutPolicy,
  awake: DeviceFacts[],
  asleep: DeviceFacts[],
  nowMs: number,
): DeviceFacts[] {
  const all = hasBudgets(policy) ? awake : [...awake, ...asleep];
  return all.filter((device) => isOpenFor(policy, device, nowMs));
}

/** Offers that may still be made now. A pace below one a minute is one offer in a longer time. */
function paceLeft(
  policy: RolloutPolicy,
  progress: Record<string, DeviceProgress>,
  nowMs: number,
): number {
  const perMinute = policy.pacePerMinute ?? null;
  if (perMinute === null) return Number.POSITIVE_INFINITY;
  const spanMs = Math.max(minuteMs, minuteMs / perMinute);
  const most = Math.max(1, Math.floor((perMinute * spanMs) / minuteMs + 1e-9));
  let made = 0;
  for (const entry of Object.values(progress)) if (entry.offeredMs > nowMs - spanMs) made++;
  return most - made;
}

/** A device that fell silent before it met its offer gives its slot back, and is offered again when it wakes: a slot that
 *  nobody uses must not stall its site. */
function freeSleepersSlots(step: RolloutStep, seen: Survey): RolloutStep {
  const { record } = step;
  if (!hasBudgets(record.policy)) return step;
  const progress = record.progress ?? {};
  const idle = seen.others.filter(({ serial }) => {
    return seen.silent.has(serial) && progress[serial]?.deliveredMs === null;
  });
  if (idle.length === 0) return step;
  const left = { ...progress };
  const effects: RolloutEffect[] = [...step.effects];
  for (const { serial } of idle) {
    delete left[serial];
    effects.push({ kind: "withdrawOffer", serial, sequence: record.policy.sequence });
  }
  return { ...step, record: { ...record, progress: left }, effects };
}

function hasBudgets(policy: RolloutPolicy): boolean {
  return (policy.budgets ?? []).length > 0;
}

/** Places for devices of one site or tag that are updated at once. */
class Slots {
  readonly #budgets: BudgetPolicy[];
  readonly #used = new Map<string, number>();

  /** Whoever has an offer and no outcome yet has a place. */
  constructor(policy: RolloutPolicy, seen: Survey, progress: Record<string, DeviceProgress>) {
    this.#budgets = policy.budgets ?? [];
    for (const device of seen.others) {
      if (progress[device.serial] === undefined || seen.silent.has(device.serial)) continue;
      for (const [key] of this.#keys(device)) this.#used.set(key, (this.#used.get(key) ?? 0) + 1);
    }
  }

  /** @returns false, and takes nothing, when one of the device's budgets is used up */
  take(device: DeviceFacts): boolean {
    const keys = this.#keys(device);
    if (keys.some(([key, most]) => (this.#used.get(key) ?? 0) >= most)) return false;
    for (const [key] of keys) this.#used.set(key, (this.#used.get(key) ?? 0) + 1);
    return true;
  }

  #keys(device: DeviceFacts): [key: string, most: number][] {
    return this.#budgets.flatMap((budget, index) =>
      budgetNames(budget, device).map((name): [string, number] => [
        `${index} ${name}`,
        budget.atOnce,
      ]),
    );
  }
}

/** Names under which a device counts in a budget; none for a device outside it. */
function budgetNames({ by, prefix = "" }: BudgetPolicy, device: DeviceFacts): string[] {
  if (by === "site") return device.site ? [device.site] : [];
  return device.tags.filter((tag) => tag.startsWith(prefix));
}

/** The budget that a waiting device needs a place of, in words; null when it has none. Pure;
 *  for answers. */
export function budgetWords(record: RolloutRecord, device: DeviceFacts): string | null {
  for (const budget of record.policy.budgets ?? []) {
    const [name] = budgetNames(budget, device);
    if (name === undefined) continue;
    return `at most ${budget.atOnce} ${budget.atOnce === 1 ? "device" : "devices"} of ${budget.by} ${name} at once`;
  }
  return null;
}
