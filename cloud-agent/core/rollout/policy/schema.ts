/** The shape of a rollout policy: checks the API's JSON, states the defaults, and is what the published schema of policy
 *  files is made from. */
import { z } from "zod";
import { AgentError } from "../../errors.ts";
import { parseFilter } from "../../filter/parse.ts";
import { notNowMsMaxDefault } from "../consent.ts";
import { emergencySoakMsMin, holdBackShareMax, wavesMax } from "../limits.ts";
import { failuresKeptMax } from "../penalty.ts";
import { type WaveSize, weekdays } from "../policyTypes.ts";
import { metricsJudgedMax } from "../verdict/limits.ts";
import { isZone } from "../zone.ts";

const hourMs = 3_600_000;
const yearMs = 366 * 24 * hourMs;
const durationMs = z.number().int().min(0).max(yearMs);
const pauseMs = z.number().int().min(1000).max(yearMs);
const share = z.number().min(0).max(1);
const names = z.array(z.string().min(1).max(64)).min(1).max(10_000);

const where = z
  .string()
  .min(1)
  .superRefine((text, context) => {
    try {
      parseFilter(text);
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      context.addIssue({ code: "custom", message: error.message });
    }
  });

const filterShape = {
  models: names.optional(),
  boards: names.optional(),
  groups: names.optional(),
  tags: names.optional(),
  sites: names.optional(),
  serials: names.optional(),
  where: where
    .optional()
    .describe("expression over labels and what devices report: release < 12 and batteryMv > 2400"),
  saved: z
    .string()
    .min(1)
    .max(64)
    .optional()
    .describe("name of a saved filter; its text is kept with the rollout as it is at the draft"),
};
const filterNames = Object.keys(filterShape);
const isSome = (filter: object) => Object.values(filter).some((value) => value !== undefined);
const filterSchema = z.strictObject(filterShape).refine(isSome, {
  message: `expected at least one of ${filterNames.join(", ")}`,
});

const sizeSchema = z
  .strictObject({
    count: z.number().int().min(1).max(10_000_000).optional(),
    percent: z.number().gt(0).max(100).optional(),
    perBoard: z.number().int().min(1).max(1000).optional(),
    filter: filterSchema.optional().describe("the devices that match in every field"),
  })
  .refine((size) => Object.values(size).filter((value) => value !== undefined).length === 1, {
    message: "expected exactly one of count, percent, perBoard, filter",
  })
  .transform((size) => size as WaveSize);

const waveSchema = z.strictObject({
  name: z.string().min(1).max(40),
  size: sizeSchema.describe("cumulative: a device of an earlier wave stays in it"),
  soakMs: durationMs.describe("pause between enough confirmations and the verdict"),
  confirmShare: z
    .number()
    .gt(0)
    .max(1)
    .default(1)
    .describe("share of the wave's reachable devices that confirm before soak begins"),
  confirmMin: z
    .number()
    .int()
    .min(1)
    .max(100_000)
    .optional()
    .describe("and this many, as far as the wave has them; sleepers are waited for up to it"),
  byHand: z.boolean().optional().describe("true: a person promotes it, whatever the verdict"),
});

const metricSchema = z.strictObject({
  worse: z.enum(["up", "down", "either"]),
  by: z.number().gt(0),
});

const thresholdsSchema = z.strictObject({
  failed: share.default(0).describe("largest share of a wave; above it the rollout halts"),
  reverted: share.default(0),
  rejected: share.default(0),
  timedOut: share.default(0),
  sampleMin: z
    .number()
    .int()
    .min(1)
    .max(10_000)
    .default(1)
    .describe("outcomes in a wave from which a share is judged, while others are on their way"),
  batterySlopeRatio: z
    .number()
    .gt(1)
    .max(100)
    .default(1.5)
    .describe("drain of updated devices over that of held-back ones"),
  slopeSamplesMin: z.number().int().min(3).max(1000).default(6),
  memoryPermillePerDay: z
    .number()
    .gt(0)
    .max(1000)
    .default(20)
    .describe("20: memory is full in 50 days"),
  crashesPerDay: z.number().gt(0).max(1000).default(0.25).describe("more crashes per device"),
  checkInFailedShare: share.gt(0).default(0.1),
  silentShare: share.gt(0).default(0.1).describe("share that falls silent after the update"),
  metrics: z
    .record(z.string().min(1).max(16), metricSchema)
    .refine((metrics) => Object.keys(metrics).length <= metricsJudgedMax, {
      message: `expected at most ${metricsJudgedMax} metrics`,
    })
    .default({})
    .describe("custom metrics by their declared name"),
});

const verdictSchema = z.strictObject({
  falseAlarm: z
    .number()
    .gt(0)
    .max(0.5)
    .default(0.02)
    .describe("chance that a harmless release is halted for its vitals"),
  devicesMin: z
    .number()
    .int()
    .min(0)
    .max(10_000)
    .default(0)
    .describe("updated devices with vitals that a verdict needs"),
  waitMs: durationMs.default(72 * hourMs).describe("how long missing vitals are waited for"),
  onTooFew: z.enum(["promote", "hold"]).default("hold").describe("hold: a person decides"),
});

const targetSchema = z
  .strictObject(filterShape)
  .refine(isSome, {
    message: `expected at least one of ${filterNames.join(", ")}: a rollout names its devices`,
  })
  .describe("every field that is given must match");

const zone = z
  .string()
  .max(64)
  .refine(isZone, { message: "expected a time zone like Europe/Berlin or +02:00" });
const dayTime = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, "expected a time like 22:00");

const openSchema = z.strictObject({
  days: z
    .array(z.enum(weekdays))
    .min(1)
    .max(7)
    .default([...weekdays])
    .describe("days on which it begins"),
  from: dayTime,
  to: dayTime.describe("at or before `from`: on the next day"),
});

const windowsSchema = z.strictObject({
  zone: zone.default("UTC").describe("for devices whose zone nobody told"),
  siteZones: z
    .record(z.string().min(1).max(64), zone)
    .default({})
    .describe("by site, for devices without a zone of their own"),
  open: z.array(openSchema).min(1).max(21),
  waitMs: pauseMs
    .default(8 * 24 * hourMs)
    .describe("a device that met no open window for this long is listed and not waited for"),
});

const budgetSchema = z.strictObject({
  by: z.enum(["site", "tag"]).describe("what counts together"),
  prefix: z.string().min(1).max(64).optional().describe("only tags that begin so"),
  atOnce: z.number().int().min(1).max(100_000).describe("most devices being updated at once"),
});

const retrySchema = (times: number, backoffMs: number) =>
  z
    .strictObject({
      times: z.number().int().min(0).max(10).default(times),
      backoffMs: pauseMs.default(backoffMs).describe("each further pause is twice as long"),
    })
    .default({ times, backoffMs });

const retriesSchema = z.strictObject({
  transfer: retrySchema(3, hourMs).describe("what went wrong on the way"),
  device: retrySchema(1, 6 * hourMs).describe("what the device could not do: no memory, no write"),
});

const penaltySchema = z.strictObject({
  failures: z.number().int().min(1).max(failuresKeptMax).default(3),
  withinMs: pauseMs.default(7 * 24 * hourMs),
  forMs: pauseMs.default(24 * hourMs),
});

const emergencySchema = z.strictObject({
  soakMs: z
    .number()
    .int()
    .min(emergencySoakMsMin)
    .max(yearMs)
    .describe("no soak is longer in the emergency lane"),
});

export const policySchema = z.strictObject({
  name: z.string().min(1).max(80),
  sequence: z.number().int().min(1).max(0xffff_ffff).describe("release to bring out"),
  target: targetSchema,
  waves: z
    .array(waveSchema)
    .min(1)
    .max(wavesMax)
    .describe("in order; the first is the canary, the last takes all"),
  withoutCanary: z
    .string()
    .min(10)
    .max(200)
    .optional()
    .describe("why the first wave may take more than a canary; it is logged"),
  holdBackShare: z
    .number()
    .min(0)
    .max(holdBackShareMax)
    .default(0.1)
    .describe("share that keeps the old release until the last wave, for comparison"),
  thresholds: thresholdsSchema.default(() => thresholdsSchema.parse({})),
  verdict: verdictSchema.default(() => verdictSchema.parse({})),
  deviceTimeoutMs: pauseMs
    .default(24 * hourMs)
    .describe("time from the first contact after the offer to confirmation"),
  silentMs: pauseMs
    .default(72 * hourMs)
    .describe("silence after which a device is listed and not waited for"),
  pacePerMinute: z
    .number()
    .min(0.01)
    .max(100_000)
    .nullable()
    .default(null)
    .describe("most offers per minute"),
  windows: windowsSchema
    .nullable()
    .default(null)
    .describe("times of the device's own day at which an update may begin"),
  budgets: z
    .array(budgetSchema)
    .max(8)
    .default([])
    .describe("most devices of one site or tag that are updated at once"),
  passThrough: z
    .array(z.number().int().min(1).max(0xffff_ffff))
    .max(32)
    .default([])
    .describe("releases that a device must confirm on its way"),
  mode: z
    .enum(["forced", "soft", "consent"])
    .default("soft")
    .describe("soft waits for a device's not now; consent asks its owner first"),
  notNowMaxMs: durationMs.default(notNowMsMaxDefault).describe("longest not now"),
  retries: retriesSchema.default(() => retriesSchema.parse({})),
  penaltyBox: penaltySchema
    .nullable()
    .default(() => penaltySchema.parse({}))
    .describe("leaves a device alone that failed again and again; null: none"),
  onHalt: z.enum(["keep", "revert"]).default("revert"),
  revertTo: z
    .number()
    .int()
    .min(1)
    .max(0xffff_ffff)
    .nullable()
    .default(null)
    .describe("release to go back to; null: whatever the other slot holds"),
  deadlineMs: z
    .number()
    .int()
    .min(0)
    .nullable()
    .default(null)
    .describe("time at which an unfinished rollout halts"),
  deadlineAfterMs: pauseMs.nullable().default(null).describe("the same, from the start"),
  author: z.string().min(1).max(80),
  approver: z.string().min(1).max(80).nullable().default(null),
  approvals: z
    .number()
    .int()
    .min(0)
    .max(3)
    .default(0)
    .describe("persons beside the author who have to approve"),
  emergency: emergencySchema
    .nullable()
    .default(null)
    .describe("the emergency lane: shorter soak, two approvals, no windows, still judged"),
  emergencyReason: z.string().min(10).max(200).optional(),
  salt: z
    .string()
    .min(1)
    .max(40)
    .optional()
    .describe("another one than before sends other devices first"),
});

/** Known keys where an unknown one was found, by the last name on the path ("" at the top). */
export const knownKeys: Record<string, string[]> = {
  "": Object.keys(policySchema.shape),
  target: Object.keys(targetSchema.shape),
  thresholds: Object.keys(thresholdsSchema.shape),
  verdict: Object.keys(verdictSchema.shape),
  waves: Object.keys(waveSchema.shape),
  size: ["count", "percent", "perBoard", "filter"],
  filter: filterNames,
  windows: Object.keys(windowsSchema.shape),
  open: Object.keys(openSchema.shape),
  budgets: Object.keys(budgetSchema.shape),
  retries: Object.keys(retriesSchema.shape),
  transfer: ["times", "backoffMs"],
  device: ["times", "backoffMs"],
  penaltyBox: Object.keys(penaltySchema.shape),
  emergency: Object.keys(emergencySchema.shape),
};
