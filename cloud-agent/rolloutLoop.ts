/** Steps every active rollout again and again. All state is in the store, so a killed agent goes on where it was. */
import { expireClaims } from "./core/claims.ts";
import { expireCommands } from "./core/commands.ts";
import { claimExpiryMs, devicesPerReadMax, vitalsRowsPerDeviceMax } from "./core/limits.ts";
import type { Clock, Log, Random } from "./core/ports.ts";
import { needRelease } from "./core/releases.ts";
import { factsOf } from "./core/rollout/facts.ts";
import { needsStep, stepRollout } from "./core/rollout/step.ts";
import type { DeviceFacts, RolloutRecord, RolloutView } from "./core/rollout/types.ts";
import { vitalsWanted } from "./core/rollout/verdict/wanted.ts";
import { applyStep, summariesOf } from "./core/rollouts.ts";
import type { Store } from "./storage/store.ts";

export interface LoopDeps {
  store: Store;
  clock: Clock;
  /** the listening clock; omitted: the wall clock has to do */
  steadyMs?(): number;
  random: Random;
  log: Log;
  /** told which devices have something waiting */
  nudge(serial: string): void;
}

/** One turn over all active rollouts, open claims and open commands. Never throws: a rollout that cannot be stepped is logged and the
 *  others go on. */
export function createRolloutLoop(deps: LoopDeps): { turn(): Promise<void> } {
  let claimsCheckedMs = Number.NEGATIVE_INFINITY;
  return {
    async turn() {
      try {
        const nowMs = deps.clock.nowMs();
        if (nowMs - claimsCheckedMs >= claimExpiryMs) {
          claimsCheckedMs = nowMs;
          await deps.store.tx((tx) => expireClaims(tx, nowMs, deps.steadyMs?.()));
          await deps.store.tx((tx) => expireCommands(tx, nowMs));
        }
        const active = await deps.store.tx((tx) => tx.rollouts({ activeOnly: true }));
        const due = active.filter(needsStep);
        if (due.length === 0) return;
        const devices = await readFleet(deps.store);
        for (const rollout of due) await stepOne(deps, rollout, devices);
      } catch (err) {
        deps.log.error({ err }, "rollout turn failed; the next one tries again");
      }
    },
  };
}

/** One short transaction per page: check-ins come in between. What a step sees may be a moment old, never wrong: facts
 *  only come from check-ins, and effects look at each device again. */
async function readFleet(store: Store): Promise<DeviceFacts[]> {
  const facts: DeviceFacts[] = [];
  let after: string | undefined;
  for (;;) {
    const page = await store.tx((tx) => tx.devices({ after, limit: devicesPerReadMax }));
    for (const device of page) facts.push(factsOf(device));
    if (page.length < devicesPerReadMax) return facts;
    after = page[page.length - 1]!.serial;
  }
}

async function stepOne(deps: LoopDeps, seen: RolloutRecord, devices: DeviceFacts[]): Promise<void> {
  try {
    const nowMs = deps.clock.nowMs();
    const applied = await stepWith(deps, seen, devices, null, nowMs);
    // Vitals are read only when a look at them is due, which is a few times per wave.
    const isLookDue = applied !== null && applied.isLookDue;
    const vitals = isLookDue ? await readVitals(deps.store, applied.record, devices, nowMs) : null;
    const looked = isLookDue ? await stepWith(deps, seen, devices, vitals, nowMs) : null;
    for (const one of [applied, looked]) {
      for (const serial of one?.changedSerials ?? []) deps.nudge(serial);
    }
    const last = looked ?? applied;
    if (last?.record.status === "halted" && seen.status !== "halted") {
      deps.log.warn({ rollout: seen.id, reason: last.record.haltReason }, "rollout halted");
    }
  } catch (err) {
    deps.log.error({ err, rollout: seen.id }, "rollout step failed; the next turn tries again");
  }
}

async function stepWith(
  deps: LoopDeps,
  seen: RolloutRecord,
  devices: DeviceFacts[],
  vitals: RolloutView["vitals"],
  nowMs: number,
) {
  return deps.store.tx(async (tx) => {
    // A person may have paused or aborted it since it was listed.
    const before = await tx.rollout(seen.id);
    if (!before || !needsStep(before)) return null;
    const release = await needRelease(tx, before.policy.sequence);
    const releases = await tx.releases();
    const step = stepRollout(before, { devices, vitals, release, releases }, nowMs);
    const applied = await applyStep(tx, before, step, { random: deps.random, nowMs });
    return { ...applied, isLookDue: step.isLookDue === true };
  });
}

async function readVitals(
  store: Store,
  rollout: RolloutRecord,
  devices: DeviceFacts[],
  nowMs: number,
): Promise<NonNullable<RolloutView["vitals"]>> {
  const wanted = vitalsWanted(rollout, devices, nowMs);
  const vitals: NonNullable<RolloutView["vitals"]> = {};
  // One short transaction per device: check-ins come in between.
  for (const serial of wanted.serials) {
    const one = { ...wanted, serials: [serial] };
    Object.assign(vitals, await store.tx((tx) => summariesOf(tx, one, vitalsRowsPerDeviceMax)));
  }
  return vitals;
}
