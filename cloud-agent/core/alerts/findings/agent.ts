/** Findings about rollouts, gateways and the agent itself. Pure. */
import type { RolloutRecord } from "../../rollout/types.ts";
import { durationWords, timeWords } from "../../rollout/words.ts";
import type { Thresholds } from "../settings.ts";
import type { Finding, RuleName } from "../types.ts";
import { nowhere } from "./devices.ts";

/** Rollouts that halted, and running ones without progress. */
export function rolloutFindings(
  rollouts: readonly RolloutRecord[],
  limits: Thresholds,
  nowMs: number,
): Finding[] {
  return rollouts.flatMap((rollout) => {
    const { id, status, policy, haltReason } = rollout;
    const finding = (rule: RuleName, text: string): Finding[] => [
      {
        ...{ rule, subject: { kind: "rollout", name: id }, text },
        places: { ...nowhere, release: String(policy.sequence) },
      },
    ];
    const named = `Rollout "${policy.name}" (${id})`;
    if (status === "halted") return finding("rolloutHalted", `${named} halted: ${haltReason}`);
    if (status !== "running") return [];
    const sinceMs = progressMs(rollout);
    if (nowMs - sinceMs < limits.stuckS * 1000) return [];
    const text = `${named} has made no progress for ${durationWords(nowMs - sinceMs)}, in wave ${rollout.wave + 1} of ${policy.waves.length}.`;
    return finding("rolloutStuck", text);
  });
}

/** When the rollout last moved: a wave, its soak, an offer, a confirmation, a verdict. */
function progressMs(rollout: RolloutRecord): number {
  let lastMs = Math.max(rollout.startedMs ?? 0, rollout.waveStartedMs, rollout.soakStartedMs ?? 0);
  const soak = rollout.policy.waves[rollout.wave]?.soakMs ?? 0;
  // A soak is no standstill while it lasts.
  if (rollout.soakStartedMs !== null) lastMs = Math.max(lastMs, rollout.soakStartedMs + soak);
  for (const { offeredMs, deliveredMs, confirmedMs } of Object.values(rollout.progress ?? {})) {
    lastMs = Math.max(lastMs, offeredMs, deliveredMs ?? 0, confirmedMs ?? 0);
  }
  return Math.max(lastMs, ...rollout.verdicts.map(({ atMs }) => atMs));
}

/** A gateway that was connected once; kept so that its absence is noticed. */
export interface GatewayRecord {
  id: string;
  /** wall clock: when it was last seen connected */
  seenMs: number;
}

export function gatewayFindings(
  known: readonly GatewayRecord[],
  connected: ReadonlySet<string>,
): Finding[] {
  return known.flatMap(({ id, seenMs }) => {
    if (connected.has(id)) return [];
    return [
      {
        rule: "gatewayOffline" as const,
        subject: { kind: "gateway" as const, name: id },
        text: `Gateway ${id} has no connection; it was last there at ${timeWords(seenMs)}.`,
        places: { ...nowhere, gateway: id },
      },
    ];
  });
}

/** What the agent measures of itself. */
export interface Health {
  /** longest pause of its loop since the last look */
  lagMs: number;
  outbox: { entries: number; waitedMs: number };
  disk: { freeBytes: number; sizeBytes: number };
  /** jump of the wall clock within the last hour; 0 for none */
  clockJumpMs: number;
}

export function healthFindings(health: Health, limits: Thresholds): Finding[] {
  const { lagMs, outbox, disk, clockJumpMs } = health;
  const findings: Finding[] = [];
  const add = (rule: RuleName, text: string) =>
    findings.push({ rule, subject: { kind: "agent", name: "agent" }, text, places: nowhere });
  if (lagMs > limits.lagMs) add("agentLag", `The agent's loop paused for ${durationWords(lagMs)}.`);
  if (outbox.waitedMs > limits.outboxS * 1000) {
    const { entries, waitedMs } = outbox;
    add(
      "agentOutbox",
      `${entries} entries of the outbox wait, the oldest for ${durationWords(waitedMs)}.`,
    );
  }
  const share = disk.sizeBytes > 0 ? disk.freeBytes / disk.sizeBytes : 1;
  const freeMb = disk.freeBytes / 1e6;
  if (share < limits.diskFreeShare && freeMb < limits.diskFreeMb) {
    const percent = (share * 100).toFixed(1);
    add(
      "agentDisk",
      `The disk of the data folder has ${Math.round(freeMb)} MB free, ${percent} %.`,
    );
  }
  if (Math.abs(clockJumpMs) > limits.clockS * 1000) {
    const way = clockJumpMs > 0 ? "ahead" : "back";
    add("agentClock", `The host's clock jumped ${durationWords(Math.abs(clockJumpMs))} ${way}.`);
  }
  return findings;
}
