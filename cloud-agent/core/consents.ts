/** What an owner answers, and the way out of the penalty box: two words of people about one device. */
import type { Tx } from "../storage/store.ts";
import { AgentCode, AgentError } from "./errors.ts";
import type { Edge } from "./lifecycle.ts";
import { needDevice } from "./lifecycle.ts";
import type { DeviceRecord } from "./records.ts";
import { answerConsent, isAsking, lacksConsent } from "./rollout/consent.ts";
import { notNowMsDefault } from "./rollout/limits.ts";
import type { RolloutRecord } from "./rollout/types.ts";
import { type AppliedStep, applyStep } from "./rollouts.ts";

/** An owner's answer about one release. */
export interface ConsentAnswer {
  serial: string;
  /** the owner's account; has to be the one the device is claimed for */
  account: string;
  sequence: number;
  answer: "yes" | "notNow";
  /** for "notNow"; omitted: a day from now */
  untilMs?: number;
  /** whose token brought the answer */
  person: string;
}

/** Stores an owner's answer in the rollout that asked for it.
 *  @throws AgentError UnknownDevice, ConsentNotOwner, ConsentNotAsked */
export async function takeConsent(tx: Tx, said: ConsentAnswer, edge: Edge): Promise<AppliedStep> {
  const { serial, account, sequence, answer } = said;
  const device = await needDevice(tx, serial);
  if (device.account === null || device.account !== account) {
    throw new AgentError(
      AgentCode.ConsentNotOwner,
      `device ${serial}: expected the answer of the account it is claimed for, got ${account}`,
    );
  }
  const untilMs = said.untilMs ?? edge.nowMs + notNowMsDefault;
  const by = `${account} by ${said.person}`;
  for (const rollout of await tx.rollouts({})) {
    if (rollout.policy.sequence !== sequence) continue;
    const taken = answerConsent(rollout, serial, { answer, by, untilMs }, edge.nowMs);
    if (taken !== null) return applyStep(tx, rollout, taken, edge);
  }
  throw new AgentError(
    AgentCode.ConsentNotAsked,
    `device ${serial}: no rollout of release ${sequence} waits for its owner's answer`,
  );
}

/** Lets a device out of the penalty box; its failures are forgotten.
 *  @throws AgentError UnknownDevice */
export async function endPenalty(
  tx: Tx,
  request: { serial: string; reason: string; person: string },
  nowMs: number,
): Promise<DeviceRecord> {
  const { serial, reason, person } = request;
  const device = await needDevice(tx, serial);
  if (!device.penalty) return device;
  const free: DeviceRecord = { ...device, penalty: null };
  await tx.putDevice(free);
  const text = `${person} let ${serial} out of the penalty box: ${reason}`;
  await tx.appendEvent({ kind: "penaltyEnded", serial, text, data: { person, reason } }, nowMs);
  return free;
}

/** What owners are asked at this moment, by account; for those who pass the question on. Pure. */
export function openQuestions(
  rollouts: RolloutRecord[],
  nowMs: number,
): { serial: string; sequence: number; rolloutId: string; askedMs: number }[] {
  return rollouts.filter(isAsking).flatMap((rollout) =>
    Object.entries(rollout.consents ?? {})
      .filter(([serial, { answer }]) => answer === null && lacksConsent(rollout, serial, nowMs))
      .map(([serial, { askedMs }]) => ({
        ...{ serial, sequence: rollout.policy.sequence, rolloutId: rollout.id, askedMs },
      })),
  );
}
