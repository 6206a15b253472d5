/** Every kind of alert: how long it has to last, what it may have in common with others, and what to do about it.
 *  RUNBOOK.md has the same table and steps; test/tidy/alerts.test.ts holds them together. */
import type { CauseKind, RuleName } from "./types.ts";

/** One step of a playbook. */
export interface Step {
  id: string;
  /** what to do, in a sentence */
  text: string;
  /** command that does or shows it; NAME stands for the subject or cause of the alert */
  run: string | null;
}

export interface AlertRule {
  severity: "critical" | "warning";
  /** has to be found for this long before it fires */
  holdMs: number;
  /** has to be gone for this long before it ends */
  clearMs: number;
  /** common causes that are looked for, the likelier one first */
  causes: CauseKind[];
  meaning: string;
  /** "SN-1 is offline", "3 devices of site attic are offline" */
  words: { one: string; many: string };
  playbook: Step[];
}

const minute = 60_000;
const hour = 60 * minute;
const step = (id: string, text: string, run: string | null = null): Step => ({ id, text, run });

export const alertRules: Record<RuleName, AlertRule> = {
  offline: {
    severity: "warning",
    holdMs: 5 * minute,
    clearMs: minute,
    causes: ["gateway", "site", "release", "batch", "fleet"],
    meaning: "A device broke its promise to come again.",
    words: { one: "is offline", many: "are offline" },
    playbook: [
      step("list", "See who else is away.", "fleetling device list --offline"),
      step(
        "vitals",
        "Look at the battery before the silence.",
        "fleetling vitals show NAME batteryMv --days 7",
      ),
      step("power", "Have somebody look at power and radio on site."),
      step(
        "release",
        "When those of one release are away, pause its rollout and read its failures.",
      ),
    ],
  },
  gatewayOffline: {
    severity: "critical",
    holdMs: 2 * minute,
    clearMs: minute,
    causes: ["fleet"],
    meaning: "A gateway's connection is gone; its devices are not told of one by one.",
    words: { one: "has no connection", many: "have no connection" },
    playbook: [
      step("uplink", "Check the gateway's power and its line to the agent."),
      step(
        "token",
        "When it is up, look for a refused login: its token may have expired.",
        "fleetling alert list",
      ),
      step(
        "devices",
        "When it is back, see that its devices came back too.",
        "fleetling device list --offline",
      ),
    ],
  },
  batterySlope: {
    severity: "warning",
    holdMs: 0,
    clearMs: 6 * hour,
    causes: ["release", "batch", "site", "fleet"],
    meaning: "A battery drains much faster than those of like devices.",
    words: {
      one: "drains its battery faster than its like",
      many: "drain their batteries faster than their like",
    },
    playbook: [
      step(
        "curve",
        "Look at the curve.",
        "fleetling vitals show NAME batteryMv --by day --days 30",
      ),
      step(
        "fleet",
        "Compare with the fleet.",
        "fleetling vitals fleet batteryMv --by batch --days 7",
      ),
      step(
        "signal",
        "Look at the signal: a weak one costs energy.",
        "fleetling vitals show NAME rssiDbm --days 7",
      ),
      step(
        "batch",
        "When it is one batch, hold it.",
        'fleetling hold set batch NAME --reason "drains"',
      ),
      step("replace", "Plan the exchange of cells, or open a return."),
    ],
  },
  temperature: {
    severity: "warning",
    holdMs: 0,
    clearMs: 6 * hour,
    causes: ["fleet"],
    meaning: "A batch is warmer or colder than others of its board.",
    words: { one: "is off in temperature", many: "are off in temperature" },
    playbook: [
      step("fleet", "Compare the batches.", "fleetling vitals fleet temperatureDeciC --by batch"),
      step(
        "place",
        "Rule out the place: is the batch at one site?",
        "fleetling vitals fleet temperatureDeciC --by site",
      ),
      step(
        "hold",
        "When it is the batch, hold it until the cause is known.",
        'fleetling hold set batch NAME --reason "temperature"',
      ),
    ],
  },
  errorRate: {
    severity: "critical",
    holdMs: 0,
    clearMs: hour,
    causes: ["release", "gateway", "batch", "site", "fleet"],
    meaning: "A device crashes, refuses or is refused again and again.",
    words: { one: "reports errors", many: "report errors" },
    playbook: [
      step("events", "Read what happened: GET /v1/devices/NAME/events."),
      step("pause", "When it is one release, pause its rollout: POST /v1/rollouts/ID/pause."),
      step(
        "revert",
        "Take the release back, or send one device to its other slot: POST /v1/devices/NAME/revert.",
      ),
    ],
  },
  zombie: {
    severity: "warning",
    holdMs: 0,
    clearMs: 24 * hour,
    causes: ["gateway", "fleet"],
    meaning: "A device that was retired makes contact.",
    words: { one: "was retired and makes contact", many: "were retired and make contact" },
    playbook: [
      step("owner", "Find out who has it: read its certificate and its last site."),
      step("claim", "When it was resold, have its new owner claim it."),
      step("stolen", "When nobody should have it, note it as lost; it gets no data."),
    ],
  },
  rolloutStuck: {
    severity: "warning",
    holdMs: 0,
    clearMs: minute,
    causes: [],
    meaning: "A running rollout has made no progress for long.",
    words: { one: "makes no progress", many: "make no progress" },
    playbook: [
      step("why", "Read its verdicts and what the wave waits for: GET /v1/rollouts/NAME."),
      step("sleepers", "See whether its devices are away.", "fleetling device list --offline"),
      step("decide", "Wait, resume, or abort: POST /v1/rollouts/NAME/abort."),
    ],
  },
  rolloutHalted: {
    severity: "critical",
    holdMs: 0,
    clearMs: 0,
    causes: [],
    meaning: "A rollout halted by itself.",
    words: { one: "halted", many: "halted" },
    playbook: [
      step("reason", "Read the reason and its figures: haltReason of GET /v1/rollouts/NAME."),
      step("fix", "Publish a fix under a higher sequence, and roll that out."),
      step(
        "resume",
        "Only when the harm is understood and accepted: POST /v1/rollouts/NAME/resume.",
      ),
    ],
  },
  agentLag: {
    severity: "warning",
    holdMs: minute,
    clearMs: 5 * minute,
    causes: [],
    meaning: "The agent's loop is late: it has more to do than its host can.",
    words: { one: "is late with its work", many: "are late with their work" },
    playbook: [
      step("host", "Look at the host: processor, disk, other work."),
      step("interval", "Let devices come less often: checkInS of PUT /v1/devices/X/labels."),
    ],
  },
  agentOutbox: {
    severity: "critical",
    holdMs: 0,
    clearMs: minute,
    causes: [],
    meaning: "Entries of the outbox wait for long: an output does not take them.",
    words: { one: "cannot deliver", many: "cannot deliver" },
    playbook: [
      step("list", "See what waits and why.", "fleetling outbox list"),
      step("output", "Repair the output; entries go by themselves."),
      step("replay", "Send again what was given up.", "fleetling outbox replay ID"),
    ],
  },
  agentDisk: {
    severity: "critical",
    holdMs: 0,
    clearMs: minute,
    causes: [],
    meaning: "The disk of the data folder is nearly full.",
    words: { one: "is running out of disk", many: "are running out of disk" },
    playbook: [
      step("space", "Make room on the disk of FLEETLING_DATA."),
      step(
        "keep",
        "Keep vitals for shorter: FLEETLING_VITALS_RAW_DAYS, FLEETLING_VITALS_RAW_ROWS_MAX.",
      ),
    ],
  },
  agentClock: {
    severity: "warning",
    holdMs: 0,
    clearMs: hour,
    causes: [],
    meaning: "The host's clock jumped.",
    words: { one: "had a jump of its clock", many: "had a jump of their clocks" },
    playbook: [
      step("ntp", "See that the host's time service runs and agrees with others."),
      step(
        "devices",
        "A clock that was ahead raised the time floor of devices that came: see that they still come.",
        "fleetling device list --offline",
      ),
    ],
  },
};
