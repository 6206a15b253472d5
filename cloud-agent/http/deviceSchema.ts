/** A device as the HTTP API shows it. */
import { Type } from "typebox";
import { consentView, entitlementView } from "./claimSchemas.ts";
import { orNull, time, uint32 } from "./schemas.ts";

const order = Type.Object({
  kind: Type.String({ description: "revert, sunset, confirm, clearPoison or wipe" }),
  orderId: uint32(),
  toSequence: Type.Optional(uint32()),
  isOn: Type.Optional(Type.Boolean({ description: "of a sunset: true sends, false calls back" })),
  sequence: Type.Optional(uint32()),
  digest: Type.Optional(Type.String()),
  mode: Type.Optional(Type.Integer()),
  createdMs: time(),
  acceptedMs: Type.Optional(orNull(time())),
});

/** A device as people see it: claim secrets, nonces and tokens of its record are not named and so never leave. */
export const device = Type.Object({
  serial: Type.String(),
  model: Type.String(),
  board: Type.String(),
  hardwareRev: Type.Integer(),
  batch: Type.String(),
  classId: Type.String(),
  bornAt: Type.String(),
  lifecycle: Type.Integer({
    description:
      "1 released, 2 claimPending, 3 operating, 4 transfer, 5 wiping, 6 retired, 7 maintenance",
  }),
  lifecycleName: Type.String(),
  epoch: Type.Integer(),
  account: orNull(Type.String()),
  entitlement: entitlementView,
  consent: consentView,
  provisioning: orNull(
    Type.String({
      description: "calls to other systems that it waits for: /v1/provisionings/{id}",
    }),
  ),
  group: orNull(Type.String()),
  site: orNull(Type.String()),
  tags: Type.Array(Type.String()),
  timeZone: Type.Optional(orNull(Type.String())),
  claimIntentUntilMs: orNull(time()),
  runningSequence: uint32(),
  runningDigest: Type.String({ description: "first 8 bytes, hex" }),
  slotState: Type.Integer({ description: "0 confirmed, 1 trial, 2 recovery" }),
  floor: uint32(),
  otherSequence: uint32(),
  otherValid: Type.Boolean(),
  interpreter: Type.String(),
  resetReason: Type.Integer(),
  lastSeenMs: orNull(time()),
  presence: Type.Object({
    state: Type.String({
      description: "online, late (past its promise), offline, or unwatched: not in service",
    }),
    sinceMs: orNull(time("since when it is on, or off")),
    promisedS: orNull(Type.Number({ description: "seconds it promised to come within" })),
  }),
  maintenance: orNull(
    Type.Object({
      ...{ reason: Type.String(), person: Type.String(), sinceMs: time(), untilMs: time() },
    }),
  ),
  nextCheckInS: Type.Integer(),
  checkInS: Type.Integer(),
  settingsRevision: Type.Integer(),
  keySetVersion: Type.Optional(Type.Integer()),
  settingsRefused: Type.Record(Type.String(), Type.Integer(), {
    description: "codes of settings that the device did not take, by name",
  }),
  wantedSettings: orNull(
    Type.Object({
      revision: Type.Integer(),
      values: Type.Record(
        Type.String(),
        Type.Union([Type.Integer(), Type.String(), Type.Boolean()]),
      ),
    }),
  ),
  latestVitals: Type.Optional(
    Type.Record(Type.String(), Type.Number(), {
      description: "newest value of each vital under the release it runs",
    }),
  ),
  isSunset: Type.Boolean({ description: "true: it goes on alone by order, and comes once a day" }),
  fieldMinutesLeft: orNull(
    Type.Integer({
      description:
        "minutes left for a person in the field to confirm the release; null: none is waited for",
    }),
  ),
  poison: Type.Array(Type.String(), {
    description:
      "first 8 bytes, hex, of images that failed and are never taken again, newest first",
  }),
  lastFailed: orNull(
    Type.Object({
      sequence: uint32(),
      digest: Type.String(),
      code: Type.Integer(),
      text: Type.String(),
      resetReason: Type.Optional(Type.Integer()),
      log: Type.Optional(Type.String()),
    }),
  ),
  refused: orNull(Type.Object({ sequence: uint32(), code: Type.Integer() })),
  deferred: Type.Optional(orNull(Type.Object({ sequence: uint32(), sinceMs: time() }))),
  penalty: Type.Optional(
    orNull(
      Type.Object({
        failures: Type.Array(Type.Object({ atMs: time(), sequence: uint32() })),
        untilMs: orNull(time()),
      }),
    ),
  ),
  isFrozen: Type.Boolean({
    description: "true: its newest check-in said that those before had stayed unanswered for long",
  }),
  download: orNull(
    Type.Object({ sequence: uint32(), bytesDone: Type.Integer(), sizeBytes: Type.Integer() }),
  ),
  zombieContacts: Type.Integer(),
  route: Type.String(),
  order: orNull(order),
});
