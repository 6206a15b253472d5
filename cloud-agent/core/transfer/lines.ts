/** Lines of an export file: written by deviceExport.ts, read and checked here. The device of a line is the one of the
 *  device line before it. */
import { z } from "zod";
import { AgentCode, AgentError } from "../errors.ts";

/** Characters of one line: an event with its data, or a record, has a few thousand. */
export const lineCharsMax = 256 * 1024;

const ms = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const uint = z.number().int().min(0).max(0xffff_ffff);
const word = z.string().max(256);
const hexText = z.string().regex(/^[0-9a-f]*$/);
export const serialText = z.string().regex(/^[A-Z0-9-]{4,23}$/);
const orNull = <T extends z.ZodType>(type: T) => type.nullable();

const birth = z.strictObject({
  ...{ serial: serialText, model: word.min(1), board: word.min(1), hardwareRev: uint },
  ...{ batch: word, kmId: uint.min(1), receiptPublic: hexText, vendorId: hexText },
  ...{ classId: hexText, bornAt: word, station: word },
  lots: z.record(word, word).optional(),
});

/** What every part of the agent relies on; the rest is checked to be plain JSON by having been read as such. */
const record = z.looseObject({
  ...{ serial: serialText, lifecycle: z.number().int().min(0).max(7), epoch: uint },
  ...{ account: orNull(word), group: orNull(word), site: orNull(word) },
  tags: z.array(word).max(16),
  ...{ runningSequence: uint, runningDigest: hexText, slotState: z.number().int().min(0).max(2) },
  ...{ floor: uint, otherSequence: uint, otherValid: z.boolean(), interpreter: word },
  ...{ resetReason: uint, lastSeenMs: orNull(ms), nextCheckInS: z.number().min(0).max(1e9) },
  ...{ checkInS: z.number().int().min(1).max(86_400), settingsRevision: uint },
  lastFailed: orNull(
    z.looseObject({ sequence: uint, digest: hexText, code: uint, text: z.string() }),
  ),
  refused: orNull(z.looseObject({ sequence: uint, code: uint })),
  download: orNull(z.looseObject({ sequence: uint, bytesDone: uint, sizeBytes: uint })),
  ...{ zombieContacts: uint, route: word },
  commands: z.looseObject({ open: uint, lastId: uint }).optional(),
});

const figures = z.tuple([z.number(), z.number(), z.number(), z.number().int().min(1)]);
const span = z.strictObject({
  ...{ serial: serialText, kind: z.enum(["hour", "day"]), fromMs: ms, sequence: uint },
  figures: z.record(word, figures),
  ...{ crashes: uint, lastMs: ms, lastCrashFreeS: z.number() },
});

const shapes = {
  fleetlingExport: z.looseObject({
    version: z.literal(1),
    ...{ serial: serialText.optional(), account: word.optional(), atMs: ms },
    masterKeys: z.record(z.string(), word).optional(),
  }),
  device: z.looseObject({ birth, record }),
  event: z.strictObject({
    event: z.strictObject({
      ...{ atMs: ms, kind: word.min(1), serial: serialText, rolloutId: orNull(word) },
      ...{ sequence: orNull(uint), code: orNull(z.number().int()), text: z.string() },
      data: z.record(z.string(), z.unknown()),
    }),
  }),
  hour: z.strictObject({ span }),
  day: z.strictObject({ span }),
  vitals: z.strictObject({
    vitals: z.strictObject({
      ...{ serial: serialText, atMs: ms, sequence: uint },
      values: z.record(word, z.array(z.number()).min(1).max(3)),
    }),
  }),
  return: z.strictObject({ return: z.looseObject({ id: word.min(1), serial: serialText }) }),
  provisioning: z.strictObject({ provisioning: z.record(z.string(), z.unknown()) }),
  command: z.strictObject({
    command: z.looseObject({
      ...{ serial: serialText, id: uint, state: word, createdMs: ms, expiresMs: ms },
      name: orNull(word),
    }),
  }),
  log: z.strictObject({
    log: z.looseObject({ serial: serialText, id: uint, atMs: ms, lines: z.array(z.string()) }),
  }),
  snapshot: z.strictObject({
    snapshot: z.strictObject({ atMs: ms, device: z.record(z.string(), z.unknown()) }),
  }),
  certificate: z.strictObject({
    certificate: z.strictObject({
      ...{ index: uint, serial: serialText, previous: word, json: z.string() },
    }),
  }),
  end: z.strictObject({ counts: z.record(z.string(), z.number().int().min(0)) }),
};

type Shapes = typeof shapes;
export type LineKind = keyof Shapes;
export type Line = { [kind in LineKind]: { kind: kind } & z.output<Shapes[kind]> }[LineKind];

/** Reads one line. Pure. @param at its number in the file, from 1. @throws AgentError ImportInvalid */
export function readLine(text: string, at: number): Line {
  const refuse = (finding: string) =>
    new AgentError(AgentCode.ImportInvalid, `line ${at}: ${finding}`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw refuse(`expected a JSON object, got ${(cause as Error).message}`);
  }
  const { kind, ...rest } = (value ?? {}) as { kind?: unknown };
  if (typeof kind !== "string" || !Object.hasOwn(shapes, kind)) {
    throw refuse(`expected kind ${Object.keys(shapes).join(", ")}, got ${JSON.stringify(kind)}`);
  }
  const parsed = shapes[kind as LineKind].safeParse(rest);
  if (parsed.success) return { kind, ...parsed.data } as Line;
  const [issue] = parsed.error.issues;
  throw refuse(`${kind}: ${issue!.path.join(".") || "line"}: ${issue!.message}`);
}
