/** Looks at the fleet for what is wrong, holds it, and tells of it. What it knows is in the store; in memory it keeps only
 *  what it can read again. */

import {
  readErrors,
  readFleetFindings,
  readGateways,
  readOffline,
  readRollouts,
  readTotals,
} from "./alertReads.ts";
import { alertState, applyAlertStep, forgetOld, newId } from "./core/alerts/book.ts";
import type { Totals } from "./core/alerts/cause.ts";
import { type Health, healthFindings } from "./core/alerts/findings/agent.ts";
import { fleetLookPauseMs, lookPauseMs } from "./core/alerts/limits.ts";
import type { AlertSettings } from "./core/alerts/settings.ts";
import { stepAlerts } from "./core/alerts/step.ts";
import { type Finding, type RuleName, ruleNames } from "./core/alerts/types.ts";
import { backlog } from "./core/outbox/outbox.ts";
import type { Clock, Log, Random } from "./core/ports.ts";
import type { Store } from "./storage/store.ts";

export interface AlertLoopDeps {
  store: Store;
  clock: Clock;
  steadyMs(): number;
  random: Random;
  log: Log;
  settings: AlertSettings;
  /** ids of the gateways that are connected now */
  gateways(): string[];
  /** longest pause of the loop since it was asked last, and the disk of the data folder */
  host(): { lagMs: number; freeBytes: number; sizeBytes: number };
}

/** Pauses between the reads of what changes slowly. */
const eventsPauseMs = 60_000;
const jumpKeptMs = 3_600_000;

/** A finding of a slow read stays until the next one; each source has its rules and its pace. */
interface Source {
  pauseMs: number;
  rules: RuleName[];
  read(): Promise<Finding[]>;
}

/** @returns turn: call it often; it looks when it is time to. Never throws. */
export function createAlertLoop(deps: AlertLoopDeps): { turn(): Promise<void> } {
  const { store, settings, log } = deps;
  const now = () => ({ steadyMs: deps.steadyMs(), wallMs: deps.clock.nowMs() });
  const { thresholds } = settings;
  const jump = createJumpWatch(now());
  const sources: Source[] = [
    { pauseMs: lookPauseMs, rules: ["offline"], read: () => readOffline(store) },
    {
      pauseMs: lookPauseMs,
      rules: ["gatewayOffline"],
      read: () => readGateways(store, deps.gateways(), now()),
    },
    {
      pauseMs: lookPauseMs,
      rules: ["agentLag", "agentOutbox", "agentDisk", "agentClock"],
      read: async () => healthFindings(await health(), thresholds),
    },
    {
      pauseMs: eventsPauseMs,
      rules: ["errorRate", "zombie"],
      read: () => readErrors(store, thresholds, now().wallMs),
    },
    {
      pauseMs: eventsPauseMs,
      rules: ["rolloutStuck", "rolloutHalted"],
      read: () => readRollouts(store, thresholds, now().wallMs),
    },
    {
      pauseMs: fleetLookPauseMs,
      rules: ["batterySlope", "temperature", "errorRate"],
      read: () => readFleetFindings(store, thresholds, now().wallMs),
    },
  ];
  const found = new Map<Source, { findings: Finding[]; atMs: number }>();
  let lookedMs = Number.NEGATIVE_INFINITY;
  let totals: { totals: Totals; atMs: number } | null = null;

  async function health(): Promise<Health> {
    const { lagMs, freeBytes, sizeBytes } = deps.host();
    const { entries, sinceMs } = await store.tx(backlog);
    const waitedMs = sinceMs === null ? 0 : now().steadyMs - sinceMs;
    const disk = { freeBytes, sizeBytes };
    return { lagMs, outbox: { entries, waitedMs }, disk, clockJumpMs: jump(now()) };
  }

  async function look(): Promise<void> {
    const { steadyMs } = now();
    for (const source of sources) {
      const last = found.get(source);
      if (last && steadyMs - last.atMs < source.pauseMs) continue;
      found.set(source, { findings: await source.read(), atMs: steadyMs });
    }
    const all = [...found.values()].flatMap(({ findings }) => findings);
    const findings = all.filter(({ rule }) => settings.rules[rule].isOn);
    totals = await readTotals(store, findings, totals, steadyMs);
    const fleet = totals.totals;
    await store.tx(async (tx) => {
      const edge = { ...now(), random: deps.random };
      const state = await alertState(tx);
      const step = stepAlerts(state, {
        ...{ findings, looked: new Set(ruleNames), totals: fleet, settings: settings.rules },
        ...{ steadyMs: edge.steadyMs, wallMs: edge.wallMs, newId: () => newId(edge) },
      });
      await applyAlertStep(tx, step, settings.outputs, edge);
      await forgetOld(tx, edge);
    });
  }

  return {
    async turn() {
      const { steadyMs } = now();
      if (steadyMs - lookedMs < lookPauseMs) return;
      lookedMs = steadyMs;
      try {
        await look();
      } catch (err) {
        log.error({ err }, "alerts were not looked at; the next turn tries again");
      }
    },
  };
}

/** The last jump of the wall clock against the listening clock, for an hour. */
function createJumpWatch(first: { steadyMs: number; wallMs: number }) {
  let before = first;
  let last = { byMs: 0, atMs: 0 };
  return (now: { steadyMs: number; wallMs: number }): number => {
    const byMs = now.wallMs - before.wallMs - (now.steadyMs - before.steadyMs);
    before = now;
    // Less is the slow correction of a time service.
    if (Math.abs(byMs) > 1000) last = { byMs, atMs: now.steadyMs };
    return now.steadyMs - last.atMs < jumpKeptMs ? last.byMs : 0;
  };
}
