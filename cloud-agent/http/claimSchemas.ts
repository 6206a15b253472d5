/** Shapes of claims and of what they carry. */
import { Type } from "typebox";
import { orNull, serial, time } from "./schemas.ts";

const closed = { additionalProperties: false };
const text = (max: number, description?: string) =>
  Type.String({ minLength: 1, maxLength: max, ...(description ? { description } : {}) });

export const entitlementBody = Type.Object(
  {
    plan: text(64, "plan or subscription, as the system that bills calls it"),
    untilMs: Type.Optional(orNull(time("end, milliseconds since 1970; null or left out: open"))),
  },
  closed,
);

export const consentBody = Type.Object(
  {
    terms: text(64, "version of the terms"),
    atMs: Type.Optional(time("when it was given; left out: now")),
    person: Type.Optional(text(80, "who agreed; left out: the token's name")),
    data: Type.Optional(
      Type.Record(Type.String({ pattern: "^[a-z][A-Za-z0-9]{0,31}$" }), Type.Boolean(), {
        maxProperties: 16,
        additionalProperties: false,
        description: "what may be done with data, by name, for example telemetry",
      }),
    ),
  },
  closed,
);

export const claimBody = Type.Object(
  {
    serial,
    code: Type.String({ minLength: 1, maxLength: 64, description: "as printed on the label" }),
    account: Type.Optional(text(64)),
    entitlement: Type.Optional(entitlementBody),
    consent: Type.Optional(consentBody),
  },
  closed,
);

export const ownershipBody = Type.Object(
  {
    entitlement: Type.Optional(orNull(entitlementBody)),
    consent: Type.Optional(orNull(consentBody)),
  },
  { ...closed, minProperties: 1 },
);

const endedMs = Type.Optional(orNull(time("set once it has ended")));
export const entitlementView = orNull(
  Type.Object({ plan: Type.String(), untilMs: orNull(time("null: open")), endedMs }),
);
export const consentView = orNull(
  Type.Object({
    ...{ terms: Type.String(), atMs: time(), person: Type.String() },
    data: Type.Record(Type.String(), Type.Boolean()),
    endedMs,
  }),
);
