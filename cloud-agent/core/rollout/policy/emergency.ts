import { AgentCode, AgentError } from "../../errors.ts";
import type { ReleaseRecord } from "../../records.ts";
import type { RolloutPolicy } from "../policyTypes.ts";

/** Approvals of the emergency lane: what is given up in time is made up by a second pair of eyes. */
export const emergencyApprovalsMin = 2;

/** The policy as the emergency lane drives it: soaks and waits no longer than the lane's, no windows, no consent, two
 *  approvals. Canary, thresholds, vitals and budgets stand as they are. Pure; a policy without a reason is returned as
 *  it is.
 *  @throws AgentError RolloutPolicyInvalid for a policy without a lane or canary, or a release that is a feature */
export function inEmergency(policy: RolloutPolicy, release: ReleaseRecord): RolloutPolicy {
  if (policy.emergencyReason === undefined) return policy;
  const lane = policy.emergency ?? null;
  const refuse = (text: string): never => {
    throw new AgentError(AgentCode.RolloutPolicyInvalid, `emergency: ${text}`);
  };
  if (lane === null) return refuse("expected an emergency section with a soak in the policy");
  if (policy.withoutCanary !== undefined)
    return refuse("expected a canary wave, got withoutCanary");
  if (release.type === "feature") {
    return refuse(`expected a security or fix release, release ${release.sequence} is a feature`);
  }
  const shorter = (ms: number) => Math.min(ms, lane.soakMs);
  return {
    ...policy,
    waves: policy.waves.map((wave) => ({ ...wave, soakMs: shorter(wave.soakMs) })),
    verdict: { ...policy.verdict, waitMs: shorter(policy.verdict.waitMs) },
    windows: null,
    mode: "forced",
    approvals: Math.max(policy.approvals ?? 0, emergencyApprovalsMin),
  };
}
