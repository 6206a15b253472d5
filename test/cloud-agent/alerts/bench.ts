/** Alerts over findings that a test makes, in virtual time. */
import { parseAlertSettings } from "../../../cloud-agent/core/alerts/settings.ts";
import { type AlertState, heldKey, stepAlerts } from "../../../cloud-agent/core/alerts/step.ts";
import {
  type AlertRecord,
  type Finding,
  type Notice,
  type Places,
  type RuleName,
  ruleNames,
  type Silence,
} from "../../../cloud-agent/core/alerts/types.ts";

export const startMs = 1_800_000_000_000;
const nowhere: Places = { gateway: null, site: null, batch: null, release: null };

export class AlertBench {
  nowMs = startMs;
  state: AlertState = { held: new Map(), alerts: [], silences: [] };
  settings = parseAlertSettings({}).rules;
  totals = { gateway: {}, site: {}, batch: {}, release: {} } as Record<
    keyof Places,
    Record<string, number>
  >;
  looked: RuleName[] = [...ruleNames];
  findings: Finding[] = [];
  notices: Notice[] = [];
  /** every alert there ever was, as it stood last */
  alerts = new Map<string, AlertRecord>();
  writes = 0;
  #ids = 0;

  /** looks every 10 s for so long, every 10 minutes where it is for hours */
  pass(s: number): void {
    const stepMs = s > 7200 ? 600_000 : 10_000;
    for (const endMs = this.nowMs + s * 1000; this.nowMs < endMs; ) {
      this.nowMs = Math.min(this.nowMs + stepMs, endMs);
      this.look();
    }
  }

  look(): void {
    const { findings, totals, settings, nowMs: steadyMs } = this;
    const step = stepAlerts(this.state, {
      ...{ findings, totals, settings, steadyMs, wallMs: steadyMs, looked: new Set(this.looked) },
      newId: () => `a${++this.#ids}`,
    });
    for (const held of step.putHeld) this.state.held.set(heldKey(held), held);
    for (const key of step.deleteHeld) this.state.held.delete(key);
    for (const alert of step.putAlerts) this.alerts.set(alert.id, alert);
    this.state.alerts = [...this.alerts.values()].filter(({ state }) => state === "open");
    this.notices.push(...step.notices);
    this.writes += step.putHeld.length + step.putAlerts.length;
    // As a restart between any two looks: nothing is kept but what was stored.
    this.state = structuredClone(this.state);
  }

  find(rule: RuleName, name: string, places: Partial<Places> = {}): void {
    const kind = rule === "gatewayOffline" ? "gateway" : "device";
    const text = `${name} has ${rule}.`;
    const all = { ...nowhere, ...places };
    this.findings.push({ rule, subject: { kind, name }, text, places: all });
  }
  lose(...names: string[]): void {
    this.findings = this.findings.filter(({ subject }) => !names.includes(subject.name));
  }
  silence(match: Partial<Silence>, s: number): void {
    const any = {
      rule: null,
      subject: null,
      gateway: null,
      site: null,
      batch: null,
      release: null,
    };
    const times = { createdMs: 0, untilMs: 0, untilSteadyMs: this.nowMs + s * 1000 };
    const person = { id: `s${this.nowMs}`, reason: "", person: "ann" };
    this.state.silences.push({ ...any, ...person, ...times, ...match });
  }
  ack(id: string): void {
    const alert = this.alerts.get(id)!;
    const acked = { ...alert, ack: { person: "ann", atMs: 0, note: "" } };
    this.alerts.set(id, acked);
    this.state.alerts = this.state.alerts.map((one) => (one.id === id ? acked : one));
  }
  get told(): [string, string][] {
    return this.notices.map(({ kind, alert }) => [kind.slice("alert.".length), alert.text]);
  }
  get open(): string[] {
    return this.state.alerts.map(({ cause, count }) => `${cause.kind} ${cause.name} ${count}`);
  }
}
