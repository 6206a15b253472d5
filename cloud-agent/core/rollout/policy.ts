import type { z } from "zod";
import { AgentCode, AgentError } from "../errors.ts";
import { unknownKeyWords } from "../nearest.ts";
import type { ReleaseRecord } from "../records.ts";
import { singleWaveDevicesMax, windowMinutesMin } from "./limits.ts";
import { knownKeys, policySchema } from "./policy/schema.ts";
import type { RolloutPolicy } from "./types.ts";
import { minutesOf } from "./windows.ts";

/** One thing wrong with a policy. */
export interface PolicyProblem {
  /** names and indexes in the API's JSON */
  path: (string | number)[];
  /** what was expected and found, without the path */
  text: string;
}

/** Reads a rollout policy from JSON. Pure.
 *  @throws AgentError RolloutPolicyInvalid naming each wrong field; ApproverIsAuthor when one person did both */
export function parsePolicy(json: unknown): RolloutPolicy {
  const parsed = policySchema.safeParse(json);
  if (!parsed.success) refuse(parsed.error.issues.flatMap(problemsOf).map(problemText).join("; "));
  const policy: RolloutPolicy = parsed.data;
  const problem = waveProblem(policy);
  if (problem !== null) refuse(problemText(problem));
  checkApprover(policy);
  return policy;
}

/** Everything that `parsePolicy` would refuse, apart from its approver. Pure. @returns none for a good policy */
export function policyProblems(json: unknown): PolicyProblem[] {
  const parsed = policySchema.safeParse(json);
  if (!parsed.success) return parsed.error.issues.flatMap(problemsOf);
  const problem = waveProblem(parsed.data);
  return problem === null ? [] : [problem];
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
  const filters = policy.waves.flatMap(({ size }) => ("filter" in size ? [size.filter] : []));
  for (const { saved, savedWhere } of [policy.target, ...filters]) {
    if (saved === undefined || savedWhere !== undefined) continue;
    refuse(`saved: filter ${saved} is known to an agent only; write its text as where`);
  }
  if (policy.deadlineMs !== null && policy.deadlineMs <= nowMs) {
    refuse(`deadlineMs: expected a time to come, got ${new Date(policy.deadlineMs).toISOString()}`);
  }
}

/** Checks that what a device has to pass through is there to be passed through. Pure.
 *  @throws AgentError RolloutPolicyInvalid */
export function checkPassThrough(policy: RolloutPolicy, releases: ReleaseRecord[]): void {
  for (const sequence of policy.passThrough ?? []) {
    const release = releases.find((one) => one.sequence === sequence);
    const refused = (text: string) => refuse(`passThrough: release ${sequence} ${text}`);
    if (sequence >= policy.sequence) refused(`is not below release ${policy.sequence}`);
    if (release === undefined) refused("is not published");
    else if (release.poisonedMs !== null) refused("is poisoned");
  }
  const to = policy.revertTo ?? null;
  if (to !== null && !releases.some((one) => one.sequence === to)) {
    refuse(`revertTo: release ${to} is not published`);
  }
  if (to === policy.sequence) refuse(`revertTo: release ${to} is the one that is brought out`);
}

function checkApprover(policy: RolloutPolicy): void {
  if (policy.approver === null) return;
  if (policy.approver.trim().toLowerCase() !== policy.author.trim().toLowerCase()) return;
  throw new AgentError(
    AgentCode.ApproverIsAuthor,
    `rollout "${policy.name}": expected another approver than its author, got ${policy.approver} twice`,
  );
}

function waveProblem(policy: RolloutPolicy): PolicyProblem | null {
  const { waves, target } = policy;
  const end = waves.length - 1;
  const last = waves[end]!;
  if (!("percent" in last.size) || last.size.percent !== 100) {
    return {
      path: ["waves", end, "size"],
      text: `expected {"percent":100}, the last wave takes all; got ${JSON.stringify(last.size)}`,
    };
  }
  const named = target.serials?.length ?? Number.POSITIVE_INFINITY;
  if (waves.length === 1 && named > singleWaveDevicesMax && policy.withoutCanary === undefined) {
    return {
      path: ["waves"],
      text: `expected a canary wave before the last one (only a target of ${singleWaveDevicesMax} serials or fewer may go without, or a policy that says why in withoutCanary)`,
    };
  }
  const largest = { percent: 0, count: 0, perBoard: 0 };
  for (const [index, wave] of waves.entries()) {
    if ("filter" in wave.size) continue;
    const [unit, size] = Object.entries(wave.size)[0] as [keyof typeof largest, number];
    if (size < largest[unit]) {
      return {
        path: ["waves", index, "size", unit],
        text: `expected at least ${largest[unit]} (sizes are cumulative), got ${size}`,
      };
    }
    largest[unit] = size;
  }
  return windowProblem(policy);
}

/** A shorter window than devices check in for would open and close unseen. */
function windowProblem({ windows }: RolloutPolicy): PolicyProblem | null {
  for (const [index, { from, to }] of (windows?.open ?? []).entries()) {
    const minutes = (minutesOf(to) - minutesOf(from) + 1440) % 1440 || 1440;
    if (minutes >= windowMinutesMin) continue;
    return {
      path: ["windows", "open", index],
      text: `expected at least ${windowMinutesMin} minutes, got ${minutes} (${from} to ${to})`,
    };
  }
  return null;
}

function problemText({ path, text }: PolicyProblem): string {
  const words = path.map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`));
  return `${words.join("").replace(/^\./, "") || "policy"}: ${text}`;
}

function problemsOf(issue: z.core.$ZodIssue): PolicyProblem[] {
  const path = issue.path.map((part) => (typeof part === "number" ? part : String(part)));
  if (issue.code !== "unrecognized_keys") return [{ path, text: issue.message }];
  const place = path.filter((part) => typeof part === "string").pop() ?? "";
  const known = knownKeys[place] ?? [];
  return issue.keys.map((key) => ({
    path: [...path, key],
    text: unknownKeyWords(key, known),
  }));
}

function refuse(message: string): never {
  throw new AgentError(AgentCode.RolloutPolicyInvalid, message);
}
