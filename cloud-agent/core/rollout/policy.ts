import { z } from "zod";
import { AgentCode, AgentError } from "../errors.ts";
import type { ReleaseRecord } from "../records.ts";
import { holdBackShareMax, singleWaveDevicesMax, wavesMax } from "./limits.ts";
import type { RolloutPolicy } from "./types.ts";
import { metricsJudgedMax } from "./verdict/limits.ts";

const hourMs = 3_600_000;
const durationMs = z
  .number()
  .int()
  .min(0)
  .max(366 * 24 * hourMs);
const share = z.number().min(0).max(1);
const names = z.array(z.string().min(1).max(64)).min(1).max(10_000);

const sizeSchema = z
  .strictObject({
    count: z.number().int().min(1).max(10_000_000).optional(),
    percent: z.number().gt(0).max(100).optional(),
    perBoard: z.number().int().min(1).max(1000).optional(),
  })
  .refine((size) => Object.values(size).filter((value) => value !== undefined).length === 1, {
    message: "expected exactly one of count, percent, perBoard",
  })
  .transform((size) => size as RolloutPolicy["waves"][number]["size"]);

const waveSchema = z.strictObject({
  name: z.string().min(1).max(40),
  size: sizeSchema,
  soakMs: durationMs,
  /** default 1: every reachable device of the wave */
  confirmShare: z.number().gt(0).max(1).default(1),
});

const metricSchema = z.strictObject({
  worse: z.enum(["up", "down", "either"]),
  by: z.number().gt(0),
});

const thresholdsSchema = z.strictObject({
  /** default 0 for the four causes: one device is enough to halt */
  failed: share.default(0),
  reverted: share.default(0),
  rejected: share.default(0),
  timedOut: share.default(0),
  /** default 1.5: half as much again as the held-back devices */
  batterySlopeRatio: z.number().gt(1).max(100).default(1.5),
  /** default 6 */
  slopeSamplesMin: z.number().int().min(3).max(1000).default(6),
  /** default 20: full in 50 days */
  memoryPermillePerDay: z.number().gt(0).max(1000).default(20),
  /** default 0.25: one more crash in four days */
  crashesPerDay: z.number().gt(0).max(1000).default(0.25),
  /** default 0.1 */
  checkInFailedShare: share.gt(0).default(0.1),
  /** default 0.1 */
  silentShare: share.gt(0).default(0.1),
  /** default none */
  metrics: z
    .record(z.string().min(1).max(16), metricSchema)
    .refine((metrics) => Object.keys(metrics).length <= metricsJudgedMax, {
      message: `expected at most ${metricsJudgedMax} metrics`,
    })
    .default({}),
});

const verdictSchema = z.strictObject({
  /** default 0.02 */
  falseAlarm: z.number().gt(0).max(0.5).default(0.02),
  /** default 0: boards that measure nothing are not waited for */
  devicesMin: z.number().int().min(0).max(10_000).default(0),
  /** default 3 days */
  waitMs: durationMs.default(72 * hourMs),
  /** default "hold": a person decides */
  onTooFew: z.enum(["promote", "hold"]).default("hold"),
});

const targetSchema = z
  .strictObject({
    models: names.optional(),
    boards: names.optional(),
    groups: names.optional(),
    tags: names.optional(),
    serials: names.optional(),
  })
  .refine((target) => Object.values(target).some((value) => value !== undefined), {
    message:
      "expected at least one of models, boards, groups, tags, serials: a rollout names its devices",
  });

const policySchema = z.strictObject({
  name: z.string().min(1).max(80),
  sequence: z.number().int().min(1).max(0xffff_ffff),
  target: targetSchema,
  waves: z.array(waveSchema).min(1).max(wavesMax),
  /** default 0.1 */
  holdBackShare: z.number().min(0).max(holdBackShareMax).default(0.1),
  thresholds: thresholdsSchema.default(() => thresholdsSchema.parse({})),
  verdict: verdictSchema.default(() => verdictSchema.parse({})),
  /** default 24 hours: a trial alone takes an hour of uptime */
  deviceTimeoutMs: z
    .number()
    .int()
    .min(1000)
    .max(366 * 24 * hourMs)
    .default(24 * hourMs),
  /** default 3 days */
  silentMs: z
    .number()
    .int()
    .min(1000)
    .max(366 * 24 * hourMs)
    .default(72 * hourMs),
  /** default "revert": what looks bad is taken back */
  onHalt: z.enum(["keep", "revert"]).default("revert"),
  /** wall clock, milliseconds since 1970; default none */
  deadlineMs: z.number().int().min(0).nullable().default(null),
  author: z.string().min(1).max(80),
  approver: z.string().min(1).max(80).nullable().default(null),
  salt: z.string().min(1).max(40).optional(),
});

/** Reads a rollout policy from JSON. Pure.
 *  @throws AgentError RolloutPolicyInvalid naming each wrong field; ApproverIsAuthor when one person did both */
export function parsePolicy(json: unknown): RolloutPolicy {
  const parsed = policySchema.safeParse(json);
  if (!parsed.success) refuse(parsed.error.issues.map(issueText).join("; "));
  const policy: RolloutPolicy = parsed.data;
  const problem = waveProblem(policy);
  if (problem !== null) refuse(problem);
  checkApprover(policy);
  return policy;
}

/** Checks a policy against the release it names and the time, before a start. Pure.
 *  @throws AgentError RolloutPolicyInvalid, ApproverIsAuthor */
export function validatePolicy(policy: RolloutPolicy, release: ReleaseRecord, nowMs: number): void {
  checkApprover(policy);
  if (release.sequence !== policy.sequence) {
    refuse(`sequence: expected release ${policy.sequence}, got ${release.sequence}`);
  }
  if (release.images.length === 0) refuse(`sequence: release ${release.sequence} has no image`);
  const known = new Set(release.images.map((image) => image.board));
  const missing = (policy.target.boards ?? []).filter((board) => !known.has(board));
  if (missing.length > 0) {
    const list = [...known].join(", ");
    refuse(
      `target.boards: release ${release.sequence} has no image for ${missing.join(", ")}; it has ${list}`,
    );
  }
  if (policy.deadlineMs !== null && policy.deadlineMs <= nowMs) {
    refuse(`deadlineMs: expected a time to come, got ${new Date(policy.deadlineMs).toISOString()}`);
  }
}

function checkApprover(policy: RolloutPolicy): void {
  if (policy.approver === null) return;
  if (policy.approver.trim().toLowerCase() !== policy.author.trim().toLowerCase()) return;
  throw new AgentError(
    AgentCode.ApproverIsAuthor,
    `rollout "${policy.name}": expected another approver than its author, got ${policy.approver} twice`,
  );
}

function waveProblem(policy: RolloutPolicy): string | null {
  const { waves, target } = policy;
  const last = waves[waves.length - 1]!;
  if (!("percent" in last.size) || last.size.percent !== 100) {
    return `waves[${waves.length - 1}].size: expected {"percent":100}, the last wave takes all; got ${JSON.stringify(last.size)}`;
  }
  const named = target.serials?.length ?? Number.POSITIVE_INFINITY;
  if (waves.length === 1 && named > singleWaveDevicesMax) {
    return `waves: expected a canary wave before the last one (only a target of ${singleWaveDevicesMax} serials or fewer may go without)`;
  }
  const largest = { percent: 0, count: 0, perBoard: 0 };
  for (const [index, wave] of waves.entries()) {
    const [unit, size] = Object.entries(wave.size)[0] as [keyof typeof largest, number];
    if (size < largest[unit]) {
      return `waves[${index}].size.${unit}: expected at least ${largest[unit]} (sizes are cumulative), got ${size}`;
    }
    largest[unit] = size;
  }
  return null;
}

const knownKeys: Record<string, string[]> = {
  "": Object.keys(policySchema.shape),
  target: Object.keys(targetSchema.shape),
  thresholds: Object.keys(thresholdsSchema.shape),
  verdict: Object.keys(verdictSchema.shape),
  waves: Object.keys(waveSchema.shape),
  size: ["count", "percent", "perBoard"],
};

function issueText(issue: z.core.$ZodIssue): string {
  const at = issue.path.map((part) =>
    typeof part === "number" ? `[${part}]` : `.${String(part)}`,
  );
  const path = at.join("").replace(/^\./, "");
  if (issue.code !== "unrecognized_keys") return `${path || "policy"}: ${issue.message}`;
  const place = issue.path.filter((part) => typeof part === "string").pop() ?? "";
  const known = knownKeys[place as string] ?? [];
  return issue.keys
    .map((key) => {
      const near = nearest(key, known);
      const hint = near === null ? `known: ${known.join(", ")}` : `did you mean "${near}"?`;
      return `${path === "" ? "" : `${path}.`}${key}: unknown key; ${hint}`;
    })
    .join("; ");
}

/** Nearest known key, null when none is within a third of its length. */
function nearest(key: string, known: string[]): string | null {
  let best: string | null = null;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const distance = editDistance(key.toLowerCase().slice(0, 64), candidate.toLowerCase());
    if (distance < bestDistance && distance <= Math.max(2, candidate.length / 3)) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const change = previous[column - 1]! + (left[row - 1] === right[column - 1] ? 0 : 1);
      current.push(Math.min(change, previous[column]! + 1, current[column - 1]! + 1));
    }
    previous = current;
  }
  return previous[right.length]!;
}

function refuse(message: string): never {
  throw new AgentError(AgentCode.RolloutPolicyInvalid, message);
}
