/** What the alert settings file may say. Unknown names are refused: a misspelt limit would be one that is not there. */
import { z } from "zod";
import { AgentCode, AgentError } from "../errors.ts";
import { alertRules } from "./rules.ts";
import { type RuleName, ruleNames } from "./types.ts";

export interface RuleSettings {
  isOn: boolean;
  holdMs: number;
  clearMs: number;
  severity: "critical" | "warning";
}

const severity = z.enum(["critical", "warning"]);
const seconds = z
  .number()
  .int()
  .min(0)
  .max(30 * 86_400);
const name = z.string().regex(/^[A-Za-z0-9_-]{1,32}$/, "expected 1 to 32 of A-Z a-z 0-9 _ -");
const rule = z.strictObject({
  on: z.boolean().optional(),
  holdS: seconds.optional(),
  clearS: seconds.optional(),
  severity: severity.optional(),
});

const thresholds = z.strictObject({
  /** times the drain of like devices */
  batteryRatio: z.number().min(1.1).max(100).default(2),
  /** drain below this never alerts, mV a day */
  batteryMvPerDay: z.number().min(0).default(5),
  /** distance of a batch from the others, tenths of a degree */
  temperatureDeciC: z.number().min(1).default(50),
  /** failures of one device within an hour */
  errorsPerHour: z.number().int().min(1).default(5),
  crashesPerDay: z.number().int().min(1).default(3),
  /** a running rollout without progress */
  stuckS: seconds.default(86_400),
  /** longest pause of the agent's loop */
  lagMs: z.number().int().min(10).default(2_000),
  /** how long an entry of the outbox may wait */
  outboxS: seconds.default(600),
  /** free disk below both is too little */
  diskFreeShare: z.number().min(0).max(1).default(0.05),
  diskFreeMb: z.number().min(0).default(2_000),
  /** a jump of the clock by more than this */
  clockS: seconds.default(60),
});

/** Both the secret and a file that holds it may be given, never both at once. */
const secret = {
  secret: z.string().min(16).max(256).optional(),
  secretFile: z.string().min(1).optional(),
};
const topics = ["alerts", "billing", "reconciliation"] as const;
/** What outputs can be told of. */
export type OutputTopic = (typeof topics)[number];
const only = {
  severity: severity.optional(),
  /** omitted: all, or alerts alone where a severity is named */
  about: z.array(z.enum(topics)).min(1).optional(),
};
const webhook = z.strictObject({
  ...{ kind: z.literal("webhook"), name, url: z.url({ protocol: /^https?$/ }) },
  ...secret,
  ...only,
});
const email = z.strictObject({
  ...{ kind: z.literal("email"), name, host: z.string().min(1) },
  port: z.number().int().min(1).max(65_535),
  security: z.enum(["none", "starttls", "tls"]).default("starttls"),
  user: z.string().optional(),
  password: z.string().optional(),
  passwordFile: z.string().min(1).optional(),
  from: z.string().min(3),
  to: z.array(z.string().min(3)).min(1).max(20),
  ...only,
});
const log = z.strictObject({ kind: z.literal("log"), name, ...only });

const schema = z.strictObject({
  rules: z.partialRecord(z.enum(ruleNames), rule).default({}),
  thresholds: thresholds.prefault({}),
  outputs: z
    .array(z.discriminatedUnion("kind", [webhook, email, log]))
    .max(20)
    .default([{ kind: "log", name: "log" }]),
});

export type Thresholds = z.output<typeof thresholds>;
export type OutputSettings = z.output<typeof schema>["outputs"][number];
export interface AlertSettings {
  rules: Record<RuleName, RuleSettings>;
  thresholds: Thresholds;
  outputs: OutputSettings[];
}

/** Checks settings and fills in defaults. @throws AgentError AlertSettingsInvalid, naming every wrong one */
export function parseAlertSettings(input: unknown): AlertSettings {
  const result = schema.safeParse(input);
  if (!result.success) throw invalid(z.prettifyError(result.error));
  const { rules, thresholds: limits, outputs } = result.data;
  const names = outputs.map((output) => output.name);
  const twice = names.find((one, at) => names.indexOf(one) !== at);
  if (twice !== undefined) throw invalid(`outputs: expected each name once, found ${twice} twice`);
  for (const output of outputs) {
    if (output.kind === "log") continue;
    const given =
      output.kind === "webhook"
        ? [output.secret, output.secretFile]
        : [output.password, output.passwordFile];
    const count = given.filter((one) => one !== undefined).length;
    const wanted = output.kind === "webhook" ? 1 : output.user === undefined ? 0 : 1;
    if (count === wanted) continue;
    const words = output.kind === "webhook" ? "secret or secretFile" : "password or passwordFile";
    throw invalid(`output ${output.name}: expected ${wanted} of ${words}, found ${count}`);
  }
  const all = ruleNames.map((one) => [one, ruleSettings(one, rules[one] ?? {})] as const);
  return {
    rules: Object.fromEntries(all) as Record<RuleName, RuleSettings>,
    thresholds: limits,
    outputs,
  };
}

/** True when an output takes what is about this. Pure. */
export function isAbout({ about, severity: floor }: OutputSettings, topic: OutputTopic): boolean {
  return about?.includes(topic) ?? (topic === "alerts" || floor === undefined);
}

function ruleSettings(ruleName: RuleName, given: z.output<typeof rule>): RuleSettings {
  const { holdMs, clearMs, severity: own } = alertRules[ruleName];
  return {
    isOn: given.on ?? true,
    holdMs: given.holdS === undefined ? holdMs : given.holdS * 1000,
    clearMs: given.clearS === undefined ? clearMs : given.clearS * 1000,
    severity: given.severity ?? own,
  };
}

function invalid(text: string): AgentError {
  return new AgentError(AgentCode.AlertSettingsInvalid, `alert settings:\n${text}`);
}
