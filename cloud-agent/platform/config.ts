/** The agent's settings: from the environment, over an optional JSON file. Unknown names are refused, because a
 *  misspelt limit would otherwise be a limit that is not there. */
import { readFileSync } from "node:fs";
import { z } from "zod";
import { AgentCode, AgentError } from "../core/errors.ts";
import { claimNeeds } from "../core/ownership.ts";
import { isZone } from "../core/rollout/zone.ts";

const port = z.coerce.number().int().min(0).max(65535);
const kmNumber = z.coerce.number().int().min(1).max(0xffffffff);
/** "a,b" of the environment, or an array of the file */
const words = (value: unknown) =>
  typeof value === "string" ? value.split(",").filter(Boolean) : value;
const flag = z.union([z.boolean(), z.enum(["true", "false", "1", "0"])]).transform((value) => {
  return value === true || value === "true" || value === "1";
});

const schema = z.strictObject({
  /** folder of database and key files; made when it does not exist */
  data: z.string().min(1).default("./data"),
  /** a PostgreSQL, postgres://USER:PASSWORD@HOST:PORT/DATABASE; omitted: SQLite in the data folder */
  databaseUrl: z
    .string()
    .regex(/^postgres(ql)?:\/\//, "expected postgres://USER:PASSWORD@HOST:PORT/DATABASE")
    .optional(),
  /** 0 picks a free port */
  httpPort: port.default(8080),
  httpHost: z.string().min(1).default("127.0.0.1"),
  /** 0 picks a free port */
  mqttPort: port.default(1883),
  mqttHost: z.string().min(1).default("0.0.0.0"),
  /** an external broker, mqtt://USER:PASSWORD@HOST:PORT; omitted: the agent's own, on mqttHost and mqttPort */
  mqttUrl: z
    .string()
    .regex(/^mqtts?:\/\//, "expected mqtt://USER:PASSWORD@HOST:PORT or mqtts://…")
    .optional(),
  /** name of a shared subscription there (MQTT 5); omitted: this agent takes every message */
  mqttShare: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,32}$/, "expected 1 to 32 letters, digits, - or _")
    .optional(),
  /** active master key, 32 bytes hex; omitted: from kmCommand, else file km.key (number 1) or km-N.key in the data
   *  folder, made at the first start */
  km: z
    .string()
    .regex(/^[0-9a-fA-F]{64}$/, "expected 64 hex digits")
    .optional(),
  /** number of the master key that new births and key changes use */
  kmId: kmNumber.default(1),
  /** numbers of further master keys that devices in the field still follow from; those in files need not be named */
  kmIds: z.preprocess(words, z.array(kmNumber).max(100)).default([]),
  /** program that prints the master key whose number is its argument, 64 hex digits, within 10 s */
  kmCommand: z.string().min(1).optional(),
  /** token of the first administrator; omitted: made and shown once at the first start */
  adminToken: z.string().min(16).max(256).optional(),
  /** public release keys: a folder with keyset-1.cbor, keyset-2.cbor …, one such file, or JSON (core/releaseKeys.ts);
   *  omitted: release-keys in the data folder. Read at each publication. */
  releaseKeys: z.string().min(1).optional(),
  /** never true in production: unverified images may be handed to a device to watch it refuse them */
  lab: flag.default(false),
  /** full: a release is published with notes, support-until and the reports of its rehearsal and tests; open: without */
  releaseGate: z.enum(["full", "open"]).default("full"),
  /** approvals that every rollout needs, whatever its policy says: persons beside its author */
  approvalsMin: z.coerce.number().int().min(0).max(3).default(0),
  /** what every claim has to say: account, entitlement, consent */
  claimRequires: z.preprocess(words, z.array(z.enum(claimNeeds)).max(3)).default([]),
  /** hooks file: other systems that are asked about claims and decommissions (core/provisioning/settings.ts); omitted: none */
  hooks: z.string().min(1).optional(),
  /** local hour from which on the night's reconciliation is made, or "off" (core/reconcile.ts) */
  reconcileHour: z.union([z.literal("off"), z.coerce.number().int().min(0).max(23)]).default(3),
  /** where that hour is: IANA name or "+02:00" */
  reconcileZone: z.string().refine(isZone, "expected Europe/Berlin or +02:00").default("UTC"),
  /** days without contact after which a device is inactive */
  reconcileInactiveDays: z.coerce.number().int().min(1).max(3650).default(30),
  /** pause between two rollout steps, milliseconds */
  tickMs: z.coerce.number().int().min(10).max(60_000).default(1000),
  /** what devices are asked to keep between check-ins, seconds */
  checkInS: z.coerce.number().int().min(1).max(86_400).default(60),
  /** how payloads go to devices that can unpack: any (packed, or a patch of what runs), packed, or plain */
  coding: z.enum(["any", "packed", "plain"]).default("any"),
  /** where payloads are kept: s3://BUCKET/PREFIX, or a folder; omitted: in the database (payloads/ADR-0032) */
  payloads: z.string().min(1).max(1024).optional(),
  /** address of a service that speaks S3; omitted: AWS */
  payloadsEndpoint: z
    .string()
    .regex(/^https?:\/\//, "expected http://… or https://…")
    .optional(),
  payloadsRegion: z.string().min(1).max(64).default("us-east-1"),
  /** access key of the bucket; without them s3:// is refused */
  payloadsKeyId: z.string().min(1).max(256).optional(),
  payloadsSecret: z.string().min(1).max(256).optional(),
  /** days that every vitals sample is kept, and hours, and days of them (core/vitals/policy.ts) */
  vitalsRawDays: z.coerce.number().int().min(1).max(3650).default(7),
  vitalsHourDays: z.coerce.number().int().min(1).max(3650).default(30),
  vitalsDayDays: z.coerce.number().int().min(1).max(3650).default(730),
  /** vitals samples at most */
  vitalsRawRowsMax: z.coerce.number().int().min(1000).max(1e10).default(20_000_000),
  /** alert settings file (core/alerts/settings.ts); omitted: every rule with its defaults, told in the log */
  alerts: z.string().min(1).optional(),
  /** see storage/sqlite.ts */
  durability: z.enum(["full", "normal"]).default("full"),
  logLevel: z.enum(["debug", "info", "warn", "error", "silent"]).default("info"),
});

/** Settings after defaults. */
export type AgentConfig = z.output<typeof schema>;
/** Settings as a caller gives them: everything has a default. */
export type AgentConfigInput = z.input<typeof schema>;

/** Variables of the command line tool that may stand in the same environment. */
const foreignVariables = new Set([
  ...["FLEETLING_URL", "FLEETLING_TOKEN", "FLEETLING_HOME", "FLEETLING_BUILD_CACHE"],
]);

/** Variables that go by the name that other services know them by too. */
const plainVariables: Record<string, string> = {
  DATABASE_URL: "databaseUrl",
  MQTT_URL: "mqttUrl",
};

/** Checks settings given as an object and fills in defaults.
 *  @throws AgentError ConfigInvalid, naming every wrong setting */
export function parseConfig(input: AgentConfigInput): AgentConfig {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  throw new AgentError(AgentCode.ConfigInvalid, `settings:\n${z.prettifyError(result.error)}`);
}

/** Reads FLEETLING_… variables and DATABASE_URL; FLEETLING_CONFIG names a JSON file whose settings they override.
 *  FLEETLING_HTTP_PORT is httpPort, and so on.
 *  @throws AgentError ConfigInvalid for an unknown or wrong setting and an unreadable file */
export function configFromEnv(env: Record<string, string | undefined>): AgentConfig {
  const found: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith("FLEETLING_") || foreignVariables.has(name)) continue;
    if (name !== "FLEETLING_CONFIG" && value !== undefined) found[settingName(name)] = value;
  }
  for (const [name, setting] of Object.entries(plainVariables)) {
    if (env[name] !== undefined) found[setting] = env[name];
  }
  const file = env.FLEETLING_CONFIG;
  return parseConfig({ ...(file === undefined ? {} : readFile(file)), ...found });
}

/** FLEETLING_CHECKIN_S is checkInS: the word is one in a variable and two in code. */
function settingName(variable: string): string {
  const words = variable
    .slice("FLEETLING_".length)
    .replace(/^CHECKIN/, "CHECK_IN")
    .toLowerCase();
  return words.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function readFile(path: string): object {
  try {
    const value: unknown = JSON.parse(readFileSync(path, "utf8"));
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
    throw new TypeError("not a JSON object");
  } catch (cause) {
    throw new AgentError(
      AgentCode.ConfigInvalid,
      `settings file ${path}: expected a JSON object, got: ${(cause as Error).message}`,
      { cause },
    );
  }
}
