/** The alerts as they are stored, and what people do with them. */
import type { Tx } from "../../storage/store.ts";
import { documentKind } from "../documents.ts";
import { AgentCode, AgentError } from "../errors.ts";
import { enqueue, type OutboxClock } from "../outbox/outbox.ts";
import type { Random } from "../ports.ts";
import { durationWords, timeWords } from "../rollout/words.ts";
import { closedKeptMs, closedMax, findingsMax, silencesMax } from "./limits.ts";
import { alertRules } from "./rules.ts";
import { type AlertSettings, isAbout } from "./settings.ts";
import { type AlertState, type AlertStep, heldKey } from "./step.ts";
import type { AlertRecord, Held, Notice, RuleName, Silence } from "./types.ts";

/** By state in ref: "open", or "closed"; closed ones are due when they are forgotten. */
export const alerts = documentKind<AlertRecord>("alert");
export const alertHeld = documentKind<Held>("alertHeld");
export const silences = documentKind<Silence>("alertSilence");

export type AlertEdge = OutboxClock & { random: Random };

/** An id that sorts by time. */
export function newId(edge: AlertEdge): string {
  const suffix = Buffer.from(edge.random.bytes(3)).toString("hex");
  return `${String(edge.wallMs).padStart(15, "0")}-${suffix}`;
}

/** All that a look needs: what is held, open alerts, silences that have not ended. */
export async function alertState(tx: Tx): Promise<AlertState> {
  const held = await tx.documents.list(alertHeld, { limit: findingsMax });
  const open = await tx.documents.list(alerts, { ref: "open", limit: findingsMax });
  const all = await tx.documents.list(silences, { limit: silencesMax });
  return {
    held: new Map(held.map(({ id, value }) => [id, value])),
    alerts: open.map(({ value }) => value),
    silences: all.map(({ value }) => value),
  };
}

/** Stores the outcome of a look together with what has to be told: all of it, or nothing. */
export async function applyAlertStep(
  tx: Tx,
  step: AlertStep,
  outputs: AlertSettings["outputs"],
  edge: AlertEdge,
): Promise<void> {
  for (const held of step.putHeld) {
    await tx.documents.put(alertHeld, { id: heldKey(held), value: held });
  }
  for (const id of step.deleteHeld) await tx.documents.delete(alertHeld, id);
  for (const alert of step.putAlerts) {
    const before = await tx.documents.get(alerts, alert.id);
    await putAlert(tx, alert, edge);
    if (before === null) await note(tx, "alertFired", alert, alert.text, edge);
    if (alert.state === "closed" && before?.state !== "closed") {
      const lasted = durationWords(edge.steadyMs - alert.startedSteadyMs);
      const how = alert.mergedInto
        ? `is part of alert ${alert.mergedInto}`
        : `ended after ${lasted}`;
      await note(tx, "alertEnded", alert, `The alert "${alert.text}" ${how}.`, edge);
    }
  }
  for (const notice of step.notices) await tell(tx, notice, outputs, edge);
}

/** Puts a notice into the outbox, once for each output that takes its severity. */
async function tell(
  tx: Tx,
  { kind, alert }: Notice,
  outputs: AlertSettings["outputs"],
  edge: AlertEdge,
): Promise<void> {
  const body = noticeBody(kind, alert);
  for (const output of outputs) {
    if (!isAbout(output, "alerts")) continue;
    if (output.severity === "critical" && alert.severity !== "critical") continue;
    await enqueue(tx, { output: output.name, kind, stream: alert.id, body }, edge);
  }
}

/** What outputs are told. */
export function noticeBody(kind: Notice["kind"], alert: AlertRecord) {
  const word = { fired: "", grown: "More: ", reminded: "Still: ", resolved: "Over: " }[
    kind.slice("alert.".length) as "fired" | "grown" | "reminded" | "resolved"
  ];
  const {
    told: _told,
    silencedBy: _silencedBy,
    done: _done,
    startedSteadyMs: _s,
    ...shown
  } = alert;
  return {
    kind,
    subject: `[${alert.severity}] ${word}${alert.text}`,
    text: `${word}${alert.text}`,
    alert: shown,
    playbook: playbookOf(alert),
  };
}

/** The steps of an alert's playbook, its names filled in, with what is done of them. */
export function playbookOf({ rule, cause, members, done }: AlertRecord) {
  const isOfOne = members.length <= 1;
  const name = isOfOne ? (members[0] ?? cause.name) : cause.name;
  return alertRules[rule].playbook.map(({ id, text, run }) => ({
    ...{ id, text: text.replace("NAME", name), run: run?.replace("NAME", name) ?? null },
    done: done[id] ?? null,
  }));
}

/** @throws AgentError NotFound */
export async function needAlert(tx: Tx, id: string): Promise<AlertRecord> {
  const alert = await tx.documents.get(alerts, id);
  if (alert) return alert;
  throw new AgentError(AgentCode.NotFound, `alert ${id}: there is none with this id`);
}

/** Somebody looks after it: no reminders until it ends. A second one replaces the first.
 *  @throws AgentError NotFound, AlertClosed */
export async function acknowledge(
  tx: Tx,
  input: { id: string; note: string },
  edge: AlertEdge & { person: string },
): Promise<AlertRecord> {
  const alert = await needOpenAlert(tx, input.id);
  const ack = { person: edge.person, atMs: edge.wallMs, note: input.note };
  const acked = { ...alert, ack };
  await putAlert(tx, acked, edge);
  await note(tx, "alertAcknowledged", acked, `${edge.person} looks after "${alert.text}".`, edge);
  return acked;
}

/** Ticks a step off, or takes that back. Closed alerts too: what was done is noted afterwards.
 *  @throws AgentError NotFound for an unknown alert or step */
export async function tick(
  tx: Tx,
  input: { id: string; step: string; isDone: boolean; note: string },
  edge: AlertEdge & { person: string },
): Promise<AlertRecord> {
  const alert = await needAlert(tx, input.id);
  const known = alertRules[alert.rule].playbook.map(({ id }) => id);
  if (!known.includes(input.step)) {
    throw new AgentError(
      AgentCode.NotFound,
      `step ${input.step}: expected one of ${known.join(", ")}`,
    );
  }
  const done = { ...alert.done };
  if (input.isDone) done[input.step] = { person: edge.person, atMs: edge.wallMs, note: input.note };
  else delete done[input.step];
  const ticked = { ...alert, done };
  await putAlert(tx, ticked, edge);
  const words = input.isDone ? "did" : "took back";
  const text = `${edge.person} ${words} step ${input.step} of "${alert.text}".`;
  await note(tx, "alertStepTicked", ticked, text, edge);
  return ticked;
}

/** @throws AgentError SilenceInvalid for one that names nothing, SilencesFull */
export async function silence(
  tx: Tx,
  input: Omit<Silence, "id" | "person" | "createdMs" | "untilMs" | "untilSteadyMs"> & {
    forMs: number;
  },
  edge: AlertEdge & { person: string },
): Promise<Silence> {
  const { forMs, ...match } = input;
  const { rule, subject, gateway, site, batch, release } = match;
  if ([rule, subject, gateway, site, batch, release].every((one) => one === null)) {
    throw new AgentError(
      AgentCode.SilenceInvalid,
      "silence: expected a rule, subject, gateway, site, batch or release, got none",
    );
  }
  if ((await tx.documents.count(silences)) >= silencesMax) {
    throw new AgentError(AgentCode.SilenceInvalid, `silences: there are ${silencesMax} already`);
  }
  const made: Silence = {
    ...match,
    ...{ id: newId(edge), person: edge.person, createdMs: edge.wallMs },
    ...{ untilMs: edge.wallMs + forMs, untilSteadyMs: edge.steadyMs + forMs },
  };
  await tx.documents.put(silences, { id: made.id, dueMs: made.untilSteadyMs, value: made });
  const until = timeWords(made.untilMs);
  const text = `${edge.person} silenced ${matchWords(made)} until ${until}: ${made.reason}.`;
  await tx.appendEvent({ kind: "alertsSilenced", text, data: { ...made } }, edge.wallMs);
  return made;
}

/** @throws AgentError NotFound */
export async function endSilence(
  tx: Tx,
  id: string,
  edge: AlertEdge & { person: string },
): Promise<void> {
  const before = await tx.documents.get(silences, id);
  if (!before)
    throw new AgentError(AgentCode.NotFound, `silence ${id}: there is none with this id`);
  await tx.documents.delete(silences, id);
  const text = `${edge.person} ended the silence of ${matchWords(before)}.`;
  await tx.appendEvent({ kind: "silenceEnded", text, data: { id } }, edge.wallMs);
}

/** Forgets silences that ended and alerts that closed long ago. */
export async function forgetOld(tx: Tx, edge: AlertEdge): Promise<void> {
  const dueByMs = edge.steadyMs;
  for (const { id } of await tx.documents.list(silences, { dueByMs, limit: 100 })) {
    await tx.documents.delete(silences, id);
  }
  const old = await tx.documents.list(alerts, { dueByMs, limit: 100 });
  const surplus = (await tx.documents.count(alerts, { ref: "closed" })) - old.length - closedMax;
  const limit = Math.min(Math.max(surplus, 0), 100);
  const first = limit > 0 ? await tx.documents.list(alerts, { ref: "closed", limit }) : [];
  for (const { id } of [...old, ...first]) await tx.documents.delete(alerts, id);
}

function matchWords(silence: Silence): string {
  const { rule, subject, gateway, site, batch, release } = silence;
  const named = Object.entries({ subject, gateway, site, batch, release });
  const words = named.flatMap(([kind, name]) => (name === null ? [] : `${kind} ${name}`));
  return [rule ?? "all alerts", ...words].join(" of ");
}

async function needOpenAlert(tx: Tx, id: string): Promise<AlertRecord> {
  const alert = await needAlert(tx, id);
  if (alert.state === "open") return alert;
  throw new AgentError(AgentCode.AlertClosed, `alert ${id}: expected an open one, it is closed`);
}

async function putAlert(tx: Tx, alert: AlertRecord, edge: AlertEdge): Promise<void> {
  // A closed alert whose end has to be told is told in the very step that closes it.
  const dueMs = alert.state === "closed" ? edge.steadyMs + closedKeptMs : null;
  await tx.documents.put(alerts, { id: alert.id, ref: alert.state, dueMs, value: alert });
}

async function note(
  tx: Tx,
  kind: string,
  alert: AlertRecord,
  text: string,
  edge: AlertEdge,
): Promise<void> {
  const { id, rule, cause, count } = alert;
  const serial = cause.kind === "device" ? cause.name : null;
  const rolloutId = cause.kind === "rollout" ? cause.name : null;
  const data = { alertId: id, rule: rule as RuleName, cause, count };
  await tx.appendEvent({ kind, serial, rolloutId, text, data }, edge.wallMs);
}
