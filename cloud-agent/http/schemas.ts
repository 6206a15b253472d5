/** Shapes of requests and replies: they check, they strip what is not named, and they are the OpenAPI document. */
import { type Static, Type } from "typebox";
import { flagNamePattern, settingNamePattern } from "../../firmware/protocol/host/settings.ts";
import { settingsMax, settingTextCharsMax } from "../../firmware/protocol/limits.ts";
import { pageRowsDefault, pageRowsMax, tagsMax } from "../core/limits.ts";
import type { RolloutPolicy } from "../core/rollout/types.ts";

const closed = { additionalProperties: false };
export const uint32 = (options = {}) =>
  Type.Integer({ minimum: 0, maximum: 0xffff_ffff, ...options });
export const time = (description = "milliseconds since 1970") =>
  Type.Integer({ minimum: 0, description });
export const orNull = <T extends Parameters<typeof Type.Union>[0][number]>(type: T) =>
  Type.Union([type, Type.Null()]);
export const hex = (bytes: number) => Type.String({ pattern: `^[0-9a-f]{${bytes * 2}}$` });
const text = (max: number) => Type.String({ minLength: 1, maxLength: max });

export const serial = Type.String({ pattern: "^[A-Z0-9-]{4,23}$" });
export const serialParams = Type.Object({ serial }, closed);
export const sequence = uint32({ minimum: 1 });
export const sequenceParams = Type.Object(
  { sequence: Type.String({ pattern: "^[1-9][0-9]{0,9}$" }) },
  closed,
);

export const problem = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    code: Type.Integer({ description: "one number for device, wire, log and screen" }),
    name: Type.String(),
    next: Type.String({ description: "what to do now" }),
  },
  { description: "RFC 9457 problem document" },
);
/** Failures that any route can answer with. */
export const failures = { "4xx": problem, "5xx": problem };

export const pageQuery = Type.Object(
  {
    after: Type.Optional(Type.String({ maxLength: 64, description: "`next` of the page before" })),
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: pageRowsMax, default: pageRowsDefault }),
    ),
  },
  closed,
);

export const spanQuery = Type.Object(
  {
    sinceMs: Type.Optional(time()),
    untilMs: Type.Optional(time()),
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: pageRowsMax, default: pageRowsDefault }),
    ),
  },
  closed,
);

export const birth = Type.Object(
  {
    serial,
    model: text(32),
    board: text(32),
    hardwareRev: uint32(),
    batch: text(64),
    salt: hex(16),
    kmId: uint32({ minimum: 1 }),
    codeHash: hex(32),
    receiptPublic: hex(48),
    vendorId: hex(16),
    classId: hex(16),
    bornAt: Type.String({ pattern: "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d{1,3})?Z$" }),
    station: text(64),
    lots: Type.Optional(
      Type.Record(Type.String({ pattern: "^[A-Za-z0-9_.-]{1,32}$" }), text(64), {
        maxProperties: 32,
        description: "component → lot number",
      }),
    ),
  },
  closed,
);

export const decommissionBody = Type.Object(
  {
    mode: Type.Union([Type.Literal("resale"), Type.Literal("return"), Type.Literal("scrap")]),
    person: text(80),
  },
  closed,
);

export const revertBody = Type.Object({ toSequence: Type.Optional(sequence) }, closed);

export const confirmBody = Type.Object({ sequence: Type.Optional(sequence) }, closed);

export const poisonParams = Type.Object({ ...serialParams.properties, digest: hex(8) });

export const reasonBody = Type.Object({ reason: text(200) }, closed);

export const settingsBody = Type.Object(
  {
    values: Type.Record(
      Type.String({ pattern: settingNamePattern.source }),
      Type.Union([
        Type.Integer({ minimum: -2147483648, maximum: 2147483647 }),
        Type.String({ maxLength: settingTextCharsMax }),
        Type.Boolean(),
      ]),
      { maxProperties: settingsMax, additionalProperties: false },
    ),
  },
  closed,
);

export const flagsBody = Type.Object(
  {
    flags: Type.Record(
      Type.String({ pattern: flagNamePattern.source }),
      Type.Object(
        {
          on: Type.Boolean(),
          untilMs: Type.Optional(time("expiry; left out: none. Milliseconds since 1970")),
        },
        closed,
      ),
      { maxProperties: settingsMax, additionalProperties: false },
    ),
  },
  closed,
);

export const labelsBody = Type.Object(
  {
    group: Type.Optional(orNull(text(64))),
    site: Type.Optional(orNull(text(64))),
    tags: Type.Optional(Type.Array(text(64), { maxItems: tagsMax, uniqueItems: true })),
    addTags: Type.Optional(Type.Array(text(64), { maxItems: tagsMax, uniqueItems: true })),
    removeTags: Type.Optional(Type.Array(text(64), { maxItems: tagsMax, uniqueItems: true })),
    timeZone: Type.Optional(
      orNull(Type.String({ maxLength: 64, description: "Europe/Berlin, or +02:00" })),
    ),
    checkInS: Type.Optional(Type.Integer({ minimum: 1, maximum: 86_400 })),
  },
  closed,
);

export const event = Type.Object({
  id: Type.Integer(),
  atMs: time(),
  kind: Type.String(),
  serial: orNull(Type.String()),
  rolloutId: orNull(Type.String()),
  sequence: orNull(Type.Integer()),
  code: orNull(Type.Integer()),
  text: Type.String(),
  data: Type.Record(Type.String(), Type.Unknown()),
});
export const eventQuery = Type.Object(
  {
    afterId: Type.Optional(Type.Integer({ minimum: 0 })),
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: pageRowsMax, default: pageRowsDefault }),
    ),
    serial: Type.Optional(serial),
    kind: Type.Optional(text(64)),
    rolloutId: Type.Optional(text(64)),
    sequence: Type.Optional(uint32()),
  },
  closed,
);
export type EventQuery = Static<typeof eventQuery>;
export const eventPage = Type.Object({
  events: Type.Array(event),
  next: orNull(Type.Integer({ description: "afterId of the next page" })),
});

export const vitalsPage = Type.Object({
  serial: Type.String(),
  vitals: Type.Array(
    Type.Object({
      atMs: time(),
      sequence: uint32(),
      values: Type.Record(Type.String(), Type.Array(Type.Number())),
    }),
  ),
});

export const base64 = (bytesMax: number) =>
  Type.String({
    pattern: "^[A-Za-z0-9+/]*={0,2}$",
    minLength: 4,
    maxLength: Math.ceil(bytesMax / 3) * 4,
    description: "base64",
  });

const reportReference = Type.Object({ digest: Type.String(), summary: Type.String() });
export const release = Type.Object({
  sequence: uint32(),
  version: Type.String(),
  type: Type.String(),
  notes: Type.String(),
  supportUntil: Type.Optional(Type.String({ description: "ISO date" })),
  endOfLife: Type.Optional(Type.String({ description: "ISO date" })),
  disposal: Type.Optional(Type.String()),
  mustPass: Type.Optional(Type.Boolean()),
  evidence: Type.Optional(
    Type.Partial(Type.Object({ rehearsal: reportReference, tests: reportReference })),
  ),
  publishedMs: time(),
  poisonedMs: orNull(time()),
  poisonReason: orNull(Type.String()),
  unchecked: Type.Optional(Type.Object({ person: Type.String(), reason: Type.String() })),
  ticket: Type.Optional(
    Type.Object({
      floor: uint32(),
      ...{ person: Type.String(), reason: Type.String(), publishedBy: Type.String() },
      atMs: time(),
    }),
  ),
  images: Type.Array(
    Type.Object({
      classId: Type.String(),
      board: Type.String(),
      digest: Type.String(),
      sizeBytes: Type.Integer(),
      floor: uint32(),
      envelopeBytes: Type.Integer(),
      ...{ signedBy: Type.Optional(Type.Array(hex(8))), keySetFrom: Type.Optional(Type.Integer()) },
      ticket: Type.Optional(
        Type.Object({
          envelopeBytes: Type.Integer(),
          ...{ signedBy: Type.Array(hex(8)), keySetFrom: Type.Optional(Type.Integer()) },
        }),
      ),
      settings: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
      commands: Type.Optional(Type.Array(Type.String())),
      names: Type.Optional(
        Type.String({ description: "digest of the names the next build keeps" }),
      ),
    }),
  ),
});

export const rolloutLine = Type.Object({
  id: Type.String(),
  name: Type.String(),
  sequence: uint32(),
  status: Type.String({ description: "draft, running, paused, halted, done or aborted" }),
  wave: Type.Integer(),
  waves: Type.Integer(),
  startedMs: orNull(time()),
  endedMs: orNull(time()),
  haltReason: orNull(Type.String()),
  devices: Type.Object({
    assigned: Type.Integer(),
    offered: Type.Integer(),
    confirmed: Type.Integer(),
    failed: Type.Integer(),
    reverted: Type.Integer(),
    rejected: Type.Integer(),
    timedOut: Type.Integer(),
  }),
});

const judgedMetric = Type.Object({
  metric: Type.String({
    description: 'battery, memory, crashes, checkIns, silence, or "m." and the name of a metric',
  }),
  board: orNull(Type.String({ description: "null: all boards together" })),
  fresh: Type.Integer({ description: "updated devices that were compared" }),
  base: Type.Integer(),
  baseline: Type.String({ description: "heldBack, notUpdated or ownPast" }),
  freshValue: Type.Number(),
  baseValue: Type.Number(),
  effect: Type.Number({ description: "held against limit" }),
  limit: Type.Number(),
  p: Type.Number({ description: "chance of such a difference in a harmless release" }),
  pLimit: Type.Number({ description: "largest p that is proof at this look" }),
  result: Type.String({ description: "fine, suspect, worse or acknowledged" }),
});

const verdictFigures = Type.Object({
  look: Type.Integer(),
  kind: Type.String({ description: "early, gate or later" }),
  devices: Type.Integer(),
  comparisons: Type.Array(judgedMetric),
  waitingFor: Type.Array(Type.Object({ metric: Type.String(), board: Type.String() })),
});

export const rollout = Type.Object({
  id: Type.String(),
  policy: Type.Unsafe<RolloutPolicy>(Type.Record(Type.String(), Type.Unknown())),
  status: Type.String(),
  wave: Type.Integer(),
  waveStartedMs: time(),
  soakStartedMs: orNull(time()),
  startedMs: orNull(time()),
  endedMs: orNull(time()),
  pausedMs: Type.Optional(orNull(time())),
  isReverting: Type.Optional(Type.Boolean()),
  assigned: Type.Record(Type.String(), Type.Integer()),
  holdBack: Type.Array(Type.String()),
  acknowledged: Type.Array(Type.String()),
  haltReason: orNull(Type.String()),
  verdicts: Type.Array(
    Type.Object({
      wave: Type.Integer(),
      result: Type.String(),
      reason: Type.String(),
      atMs: time(),
      figures: Type.Optional(orNull(verdictFigures)),
    }),
  ),
  judged: Type.Optional(
    orNull(
      Type.Object({
        wave: Type.Integer(),
        look: Type.Integer(),
        atMs: time(),
        figures: verdictFigures,
        words: orNull(Type.String()),
      }),
    ),
  ),
  acknowledgedVitals: Type.Optional(Type.Array(Type.String())),
  writtenBy: Type.Optional(Type.String()),
  approvals: Type.Optional(Type.Array(Type.Object({ person: Type.String(), atMs: time() }))),
  revertTo: Type.Optional(orNull(Type.Integer())),
  consents: Type.Optional(
    Type.Record(
      Type.String(),
      Type.Object({
        askedMs: time(),
        answer: orNull(Type.String({ description: "yes or notNow" })),
        by: orNull(Type.String()),
        answeredMs: orNull(time()),
        untilMs: orNull(time()),
      }),
    ),
  ),
  progress: Type.Optional(
    Type.Record(
      Type.String(),
      Type.Object({
        offeredMs: time(),
        deliveredMs: orNull(time()),
        confirmedMs: orNull(time()),
        cause: orNull(Type.String()),
        acknowledged: orNull(Type.String()),
        revertOrderedMs: orNull(time()),
        via: Type.Optional(orNull(Type.Integer({ description: "passed through first" }))),
        tries: Type.Optional(Type.Integer()),
        retryAtMs: Type.Optional(orNull(time())),
      }),
    ),
  ),
});

export const role = Type.Union(
  (
    [
      ...(["viewer", "operator", "releaser", "approver", "desk"] as const),
      ...(["line", "installer", "admin", "gateway"] as const),
    ] as const
  ).map((name) => Type.Literal(name)),
);
export const token = Type.Object({
  id: Type.String(),
  role: Type.String(),
  name: Type.String(),
  expiresMs: orNull(time()),
});
