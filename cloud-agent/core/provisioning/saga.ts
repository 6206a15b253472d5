/** The calls to other systems that go with one claim, transfer or decommission: in order, each with one key however often
 *  it is sent, and taken back in reverse when one that counts says no. Pure; ADR-0028. */
import { Code } from "../../../firmware/protocol/errors.ts";
import { AgentCode } from "../errors.ts";
import { pauseAfter } from "../outbox/outbox.ts";
import type { Ownership } from "../ownership.ts";
import { callRetryMs, callRetryMsMax, reasonCharsMax, undoGiveUpMs } from "./limits.ts";

export const sagaEvents = ["claim", "transfer", "decommission"] as const;
export type SagaEvent = (typeof sagaEvents)[number];

/** What the saga has to know of a hook; address and secret stay in the settings. */
export interface HookPlan {
  name: string;
  mayVeto: boolean;
  /** true: there is something to take back */
  canUndo: boolean;
  /** how long a call without an answer is repeated */
  giveUpMs: number;
}

export interface SagaStep extends HookPlan {
  state: "waiting" | "passed" | "failed" | "vetoed";
  /** true: no answer told whether it was done */
  isUncertain: boolean;
  undo: "none" | "waiting" | "done" | "failed";
  /** of the action that is under way, or was last */
  attempts: number;
  /** steady; first attempt of that action */
  sinceMs: number | null;
  error: string | null;
}

/** What hooks are told, fixed at the beginning: a repeat is the same bytes. */
export interface SagaFacts extends Ownership {
  model: string;
  board: string;
  batch: string;
  /** of a transfer, while it is still known */
  previousAccount: string | null;
  /** of a decommission: resale, return or scrap */
  mode: string | null;
}

export interface Saga {
  /** of a claim or transfer: its claim id; of a decommission: 16 hex digits of its own */
  id: string;
  event: SagaEvent;
  serial: string;
  person: string;
  facts: SagaFacts;
  /** wall clock */
  startedMs: number;
  endedMs: number | null;
  /** incomplete: went on although a hook failed. refused: did not happen, and all was taken back. stuck: did not happen,
   *  and something could not be taken back */
  state: "running" | "undoing" | "passed" | "incomplete" | "refused" | "stuck";
  /** steps before this one have to pass first: a claim waits for all, a decommission for those that may veto */
  gate: number;
  /** true once it was let happen: the claim opened to the device, the wipe ordered */
  isAdmitted: boolean;
  steps: SagaStep[];
  refusal: { code: number; hook: string | null; text: string } | null;
}

export interface Call {
  at: number;
  action: "do" | "compensate";
}

/** What became of one attempt. */
export type CallAnswer =
  | { kind: "passed" }
  /** the receiver says no, for a reason of its own */
  | { kind: "vetoed"; reason: string }
  /** the receiver did not do it, and never will */
  | { kind: "refused"; error: string }
  /** nobody knows whether it was done */
  | { kind: "unknown"; error: string; retryAfterMs?: number };

export function newSaga(
  begun: Pick<Saga, "id" | "event" | "serial" | "person" | "facts" | "startedMs">,
  hooks: readonly HookPlan[],
): Saga {
  const steps = hooks.map(
    (hook): SagaStep => ({
      ...hook,
      ...{ state: "waiting", isUncertain: false, undo: "none" },
      ...{ attempts: 0, sinceMs: null, error: null },
    }),
  );
  const lastVeto = steps.findLastIndex((step) => step.mayVeto);
  const gate = begun.event === "decommission" ? lastVeto + 1 : steps.length;
  return {
    ...begun,
    ...{ endedMs: null, state: "running", gate, isAdmitted: false, steps, refusal: null },
  };
}

/** True when all that has to pass before it may happen has, and it has not happened yet. */
export function isAdmissible({ state, isAdmitted, gate, steps }: Saga): boolean {
  if (state !== "running" || isAdmitted) return false;
  return steps.slice(0, gate).every((step) => step.state !== "waiting");
}

/** @returns the call whose turn it is, null when none is left */
export function nextCall(saga: Saga): Call | null {
  if (saga.state === "running") {
    const at = saga.steps.findIndex((step) => step.state === "waiting");
    return at < 0 ? null : { at, action: "do" };
  }
  if (saga.state !== "undoing") return null;
  const at = saga.steps.findLastIndex((step) => step.undo === "waiting");
  return at < 0 ? null : { at, action: "compensate" };
}

/** The key of a call, the same at every repeat; it is signed as the id. */
export function callId(saga: Saga, { at, action }: Call): string {
  const end = action === "do" ? "" : "-compensate";
  return `${saga.event}-${saga.id}-${saga.steps[at]!.name}${end}`;
}

/** JSON text of a call, the same at every repeat. */
export function callBody(saga: Saga, call: Call): string {
  const { event, serial, person, facts, startedMs, refusal } = saga;
  const { action } = call;
  const undone =
    action === "do"
      ? {}
      : { compensates: callId(saga, { ...call, action: "do" }), reason: refusal?.text ?? null };
  const head = { id: callId(saga, call), event, action, hook: saga.steps[call.at]!.name };
  return JSON.stringify({ ...head, serial, ...facts, person, atMs: startedMs, ...undone });
}

/** Takes what became of a call.
 *  @returns the saga after it, and how long to wait before the same call is made again; null: go on at once */
export function takeAnswer(
  saga: Saga,
  call: Call,
  answer: CallAnswer,
  steadyMs: number,
): { saga: Saga; pauseMs: number | null } {
  const before = saga.steps[call.at]!;
  const sinceMs = before.sinceMs ?? steadyMs;
  const attempts = before.attempts + 1;
  const error = errorOf(answer)?.slice(0, reasonCharsMax) ?? null;
  const step: SagaStep = { ...before, attempts, sinceMs, error };
  const asked = answer.kind === "unknown" ? (answer.retryAfterMs ?? 0) : 0;
  if (call.action === "compensate") {
    if (answer.kind === "passed") return go(withStep(saga, call.at, { ...step, undo: "done" }));
    const pauseMs = Math.max(pauseAfter(attempts), Math.min(asked, 3_600_000));
    if (steadyMs + pauseMs - sinceMs > undoGiveUpMs) {
      return go(withStep(saga, call.at, { ...step, undo: "failed" }));
    }
    return { saga: withStep(saga, call.at, step), pauseMs };
  }
  if (answer.kind === "passed") {
    return go(withStep(saga, call.at, { ...step, state: "passed", isUncertain: false }));
  }
  if (answer.kind === "vetoed" && step.mayVeto) {
    const vetoed = withStep(saga, call.at, { ...step, state: "vetoed" });
    const text = `${subject(saga)}: hook ${step.name} vetoed it: ${error}`;
    return go(startUndo(vetoed, { code: AgentCode.HookVetoed, hook: step.name, text }));
  }
  if (answer.kind === "unknown") {
    const doubled = callRetryMs * 2 ** Math.min(attempts - 1, 16);
    const pauseMs = Math.min(Math.max(doubled, asked), callRetryMsMax);
    const uncertain = { ...step, isUncertain: true };
    if (steadyMs + pauseMs - sinceMs <= step.giveUpMs) {
      return { saga: withStep(saga, call.at, uncertain), pauseMs };
    }
    return go(fail(saga, call.at, uncertain));
  }
  return go(fail(saga, call.at, step));
}

/** Takes back what was done, last first: a hook refused, or the claim came to nothing. */
export function startUndo(saga: Saga, refusal: NonNullable<Saga["refusal"]>): Saga {
  const steps = saga.steps.map((step): SagaStep => {
    const mayBeDone = step.state === "passed" || (step.state === "failed" && step.isUncertain);
    if (!mayBeDone || !step.canUndo) return step;
    return { ...step, undo: "waiting", attempts: 0, sinceMs: null };
  });
  return { ...saga, state: "undoing", steps, refusal };
}

/** A claim that no device came for, or that another one took the place of. */
export function expiredRefusal({ serial }: Saga): NonNullable<Saga["refusal"]> {
  const text = `device ${serial}: its claim expired, the device did not come`;
  return { code: Code.ClaimIntentExpired, hook: null, text };
}

/** The state of a saga without a call that is left. */
export function endState(saga: Saga): Saga["state"] {
  if (saga.state === "running") {
    return saga.steps.some((step) => step.state === "failed") ? "incomplete" : "passed";
  }
  return saga.steps.some((step) => step.undo === "failed") ? "stuck" : "refused";
}

/** An ended saga whose failed calls are to be made again. @returns null when none has failed */
export function again(saga: Saga): Saga | null {
  const fresh = { attempts: 0, sinceMs: null };
  if (saga.state === "stuck") {
    const steps = saga.steps.map((step) =>
      step.undo === "failed" ? { ...step, ...fresh, undo: "waiting" as const } : step,
    );
    return { ...saga, state: "undoing", endedMs: null, steps };
  }
  if (saga.state !== "incomplete") return null;
  const steps = saga.steps.map((step) =>
    step.state === "failed" ? { ...step, ...fresh, state: "waiting" as const } : step,
  );
  return { ...saga, state: "running", endedMs: null, steps };
}

/** A claim needs all its hooks. A decommission is stopped by a veto alone: whoever leaves is not held by a system that is
 *  down. */
function fail(saga: Saga, at: number, step: SagaStep): Saga {
  const failed = withStep(saga, at, { ...step, state: "failed" });
  if (saga.event === "decommission") return failed;
  const text = `${subject(saga)}: hook ${step.name} failed: ${step.error}`;
  return startUndo(failed, { code: AgentCode.HookFailed, hook: step.name, text });
}

function subject({ serial, event }: Saga): string {
  return `device ${serial}: its ${event} was refused`;
}

function errorOf(answer: CallAnswer): string | null {
  if (answer.kind === "passed") return null;
  return answer.kind === "vetoed" ? answer.reason : answer.error;
}

function withStep(saga: Saga, at: number, step: SagaStep): Saga {
  return { ...saga, steps: saga.steps.with(at, step) };
}

function go(saga: Saga): { saga: Saga; pauseMs: null } {
  return { saga, pauseMs: null };
}
