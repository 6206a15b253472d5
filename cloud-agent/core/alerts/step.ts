/** One look at all findings: who waits, what fires, what is told. Pure: a step over records; an edge stores its outcome. */
import { belongsTo, commonCause, type Totals } from "./cause.ts";
import { membersShownMax } from "./limits.ts";
import { noticesOf } from "./notices.ts";
import { alertRules } from "./rules.ts";
import type { RuleSettings } from "./settings.ts";
import { isSilenced } from "./silences.ts";
import type { AlertRecord, Finding, Held, Notice, RuleName, Silence } from "./types.ts";
import { alertText } from "./words.ts";

export interface AlertState {
  /** by heldKey */
  held: Map<string, Held>;
  /** alerts that are open, and closed ones whose end was not told yet */
  alerts: AlertRecord[];
  silences: Silence[];
}

export interface AlertLook {
  findings: Finding[];
  /** rules that were looked at now; what is held of others stays as it is */
  looked: ReadonlySet<RuleName>;
  totals: Totals;
  settings: Record<RuleName, RuleSettings>;
  steadyMs: number;
  wallMs: number;
  newId(): string;
}

export interface AlertStep {
  putHeld: Held[];
  deleteHeld: string[];
  putAlerts: AlertRecord[];
  notices: Notice[];
}

export function heldKey({ rule, subject }: Pick<Finding, "rule" | "subject">): string {
  return `${rule} ${subject.kind}:${subject.name}`;
}

/** Takes one look. The state is not changed; what did is in the outcome. */
export function stepAlerts(state: AlertState, look: AlertLook): AlertStep {
  const held = new Map(state.held);
  const changed = new Set<string>();
  const gone = new Set<string>();
  holdFindings(held, look, changed, gone);
  const alerts = new Map(state.alerts.map((alert) => [alert.id, alert]));
  for (const rule of look.looked) assign(rule, held, alerts, look, changed);
  const putAlerts: AlertRecord[] = [];
  const notices: Notice[] = [];
  const members = membersByAlert(held);
  for (const before of alerts.values()) {
    const now = refreshed(before, members.get(before.id) ?? [], state.silences, look);
    const told = noticesOf(now, look.steadyMs);
    notices.push(...told.notices);
    const known = state.alerts.find((one) => one.id === before.id);
    if (told.alert !== known) putAlerts.push(told.alert);
  }
  return {
    putHeld: [...changed].filter((key) => held.has(key)).map((key) => held.get(key)!),
    deleteHeld: [...gone].filter((key) => !held.has(key)),
    putAlerts,
    notices,
  };
}

/** Brings what is held up to date with what was found. */
function holdFindings(
  held: Map<string, Held>,
  look: AlertLook,
  changed: Set<string>,
  gone: Set<string>,
): void {
  const { steadyMs, settings } = look;
  const silentGateways = new Set(
    look.findings
      .filter(({ rule }) => rule === "gatewayOffline")
      .map(({ subject }) => subject.name),
  );
  const found = new Set<string>();
  for (const finding of look.findings) {
    const key = heldKey(finding);
    found.add(key);
    const { gateway } = finding.places;
    const isExplained =
      finding.rule === "offline" && gateway !== null && silentGateways.has(gateway);
    const before = held.get(key);
    const now = next(before, finding, isExplained, steadyMs, settings[finding.rule].holdMs);
    if (now === before) continue;
    held.set(key, now);
    changed.add(key);
  }
  for (const [key, before] of held) {
    if (found.has(key) || !look.looked.has(before.rule)) continue;
    const goneMs = before.goneMs ?? steadyMs;
    if (before.state === "firing" && steadyMs - goneMs < settings[before.rule].clearMs) {
      if (before.goneMs !== null) continue;
      held.set(key, { ...before, goneMs });
      changed.add(key);
    } else {
      held.delete(key);
      gone.add(key);
    }
  }
}

/** @returns the very same object when nothing changed */
function next(
  before: Held | undefined,
  finding: Finding,
  isExplained: boolean,
  steadyMs: number,
  holdMs: number,
): Held {
  let now: Held = before ?? {
    ...finding,
    ...{ state: isExplained ? "inhibited" : "pending", sinceMs: steadyMs },
    ...{ goneMs: null, alertId: null },
  };
  if (now.goneMs !== null) now = { ...now, goneMs: null };
  if (now.state === "firing") return now;
  // Once what explained it is over, it has its whole hold-down to come back.
  if (isExplained && now.state === "pending") now = { ...now, state: "inhibited" };
  if (!isExplained && now.state === "inhibited") {
    now = { ...now, state: "pending", sinceMs: steadyMs };
  }
  const isDue = now.state === "pending" && steadyMs - now.sinceMs >= holdMs;
  return isDue ? { ...now, state: "firing" } : now;
}

/** Puts what fires into alerts: one that is open for its cause, a new one of a common cause, or one of its own. */
function assign(
  rule: RuleName,
  held: Map<string, Held>,
  alerts: Map<string, AlertRecord>,
  look: AlertLook,
  changed: Set<string>,
): void {
  const move = (one: Held, alertId: string) => {
    const key = heldKey(one);
    held.set(key, { ...one, alertId });
    changed.add(key);
  };
  const isOpen = (id: string | null) => id !== null && alerts.get(id)?.state === "open";
  const firing = () =>
    [...held.values()].filter((one) => one.rule === rule && one.state === "firing");
  const open = [...alerts.values()].filter((one) => one.rule === rule && one.state === "open");
  const groups = open.filter((one) => isGroup(one));
  for (const orphan of firing().filter((one) => !isOpen(one.alertId))) {
    const group = groups.find(({ cause }) => belongsTo(orphan, cause));
    if (group) move(orphan, group.id);
  }
  const isFree = (one: Held) => !isOpen(one.alertId) || !isGroup(alerts.get(one.alertId!)!);
  for (;;) {
    const free = firing().filter(isFree);
    const cause = commonCause(free, alertRules[rule].causes, look.totals);
    if (!cause) break;
    const group = newAlert(rule, { kind: cause.kind, name: cause.name }, look);
    alerts.set(group.id, group);
    for (const member of cause.members) {
      const own = member.alertId === null ? undefined : alerts.get(member.alertId);
      if (own?.state === "open") alerts.set(own.id, { ...own, mergedInto: group.id });
      move(member, group.id);
    }
  }
  for (const orphan of firing().filter((one) => !isOpen(one.alertId))) {
    const own = newAlert(rule, orphan.subject, look);
    alerts.set(own.id, own);
    move(orphan, own.id);
  }
}

function isGroup(alert: AlertRecord): boolean {
  return (
    ["gateway", "site", "release", "batch", "fleet"].includes(alert.cause.kind) && !isOwn(alert)
  );
}

/** Alerts of a gateway or a batch as a subject are about it, not about devices behind it. */
function isOwn({ rule, cause }: AlertRecord): boolean {
  if (rule === "gatewayOffline") return cause.kind === "gateway";
  return rule === "temperature" && cause.kind === "batch";
}

function newAlert(rule: RuleName, cause: AlertRecord["cause"], look: AlertLook): AlertRecord {
  return {
    ...{ id: look.newId(), rule, severity: look.settings[rule].severity },
    ...{ cause, state: "open", text: "", members: [], count: 0, countMax: 0 },
    ...{ startedMs: look.wallMs, startedSteadyMs: look.steadyMs, endedMs: null, mergedInto: null },
    ...{ ack: null, silencedBy: null, done: {} },
    told: { isFired: false, isResolved: false, count: 0, lastSteadyMs: look.steadyMs },
  };
}

function membersByAlert(held: Map<string, Held>): Map<string, Held[]> {
  const members = new Map<string, Held[]>();
  for (const one of held.values()) {
    if (one.alertId === null || one.state !== "firing") continue;
    members.set(one.alertId, [...(members.get(one.alertId) ?? []), one]);
  }
  return members;
}

/** Members, sentence, silence and end as they are now. @returns the very same object when nothing changed */
function refreshed(
  before: AlertRecord,
  members: Held[],
  silences: Silence[],
  look: AlertLook,
): AlertRecord {
  if (before.state === "closed") return before;
  if (members.length === 0) {
    return { ...before, state: "closed", endedMs: look.wallMs, members: [], count: 0 };
  }
  const names = members.map(({ subject }) => subject.name).sort();
  const silence = isSilenced(before, members, silences, look.steadyMs);
  const shown = names.slice(0, membersShownMax);
  const isSame =
    before.count === names.length &&
    before.silencedBy === silence &&
    before.members.join() === shown.join();
  if (isSame) return before;
  const { kind, name } = before.cause;
  const total = kind in look.totals ? (look.totals[kind as keyof Totals][name] ?? null) : null;
  const sorted = [...members].sort((a, b) => (a.subject.name < b.subject.name ? -1 : 1));
  return {
    ...before,
    text: alertText(before.rule, before.cause, sorted, total),
    ...{ members: shown, count: names.length, silencedBy: silence },
    countMax: Math.max(before.countMax, names.length),
  };
}
