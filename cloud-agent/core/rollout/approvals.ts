import { AgentCode, AgentError } from "../errors.ts";
import { rolloutEvent } from "./halt.ts";
import type { RolloutRecord, RolloutStep } from "./types.ts";

/** Who approved a draft, by the token that said so. */
export interface Approval {
  person: string;
  atMs: number;
}

/** Notes that a person approves a draft. The same person twice is one approval. Pure.
 *  @throws AgentError ApproverIsAuthor, RolloutStateWrong */
export function approveRollout(record: RolloutRecord, person: string, nowMs: number): RolloutStep {
  const { name, author } = record.policy;
  if (record.status !== "draft") {
    throw new AgentError(
      AgentCode.RolloutStateWrong,
      `cannot approve rollout "${name}": expected draft, it is ${record.status}`,
    );
  }
  const wrote = [author, record.writtenBy ?? author];
  if (wrote.some((one) => isSame(one, person))) {
    throw new AgentError(
      AgentCode.ApproverIsAuthor,
      `rollout "${name}": expected another approver than its author, got ${person} twice`,
    );
  }
  const known = record.approvals ?? [];
  if (known.some((one) => isSame(one.person, person))) return { record, effects: [] };
  const approvals = [...known, { person, atMs: nowMs }];
  const approved: RolloutRecord = {
    ...record,
    approvals,
    policy: { ...record.policy, approver: record.policy.approver ?? person },
  };
  const text = `${person} approved rollout "${name}" (${approvals.length} of ${neededOf(record)} needed).`;
  return {
    record: approved,
    effects: [rolloutEvent(approved, "rolloutApproved", text, { person })],
  };
}

/** Refuses to start what too few have approved. Pure. @throws AgentError ApprovalMissing */
export function expectApproved(record: RolloutRecord): void {
  const needed = neededOf(record);
  const count = (record.approvals ?? []).length;
  if (count >= needed) return;
  throw new AgentError(
    AgentCode.ApprovalMissing,
    `rollout "${record.policy.name}": expected ${needed} ${needed === 1 ? "approval" : "approvals"} by others than its author, got ${count}`,
  );
}

function neededOf(record: RolloutRecord): number {
  return record.policy.approvals ?? 0;
}

function isSame(one: string, other: string): boolean {
  return one.trim().toLowerCase() === other.trim().toLowerCase();
}
