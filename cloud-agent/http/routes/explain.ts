import { Type } from "typebox";
import { eventsAbout, explain } from "../../core/history/explain.ts";
import { needDevice } from "../../core/lifecycle.ts";
import { nextFor } from "../../core/rollout/decide.ts";
import { factsOf } from "../../core/rollout/facts.ts";
import { whyNotUpdated } from "../../core/why/why.ts";
import type { Api, ApiDeps } from "../deps.ts";
import { failures, orNull, sequence, serialParams, time } from "../schemas.ts";

const nextAnswer = Type.Object({
  offer: orNull(Type.Integer()),
  reason: Type.String(),
  code: Type.String(),
  rolloutId: orNull(Type.String()),
});
const whyAnswer = Type.Object({
  answer: Type.String(),
  facts: Type.Array(Type.Object({ atMs: orNull(Type.Integer()), text: Type.String() })),
});

/** "Why did this device not update?" and "what would it get next?", answered from log and records. */
export function explainRoutes(app: Api, deps: ApiDeps): void {
  app.get(
    "/v1/devices/:serial/explain",
    {
      schema: {
        summary: "Both answers at once, for now or for any time before",
        params: serialParams,
        querystring: Type.Object(
          {
            sequence: Type.Optional(sequence),
            atMs: Type.Optional(time("left out: now. Milliseconds since 1970")),
          },
          { additionalProperties: false },
        ),
        response: {
          200: Type.Object({
            serial: Type.String(),
            atMs: time(),
            next: nextAnswer,
            sequence: orNull(Type.Integer({ description: "release that `why` is about" })),
            why: orNull(whyAnswer),
          }),
          ...failures,
        },
      },
    },
    (request) => {
      const { sequence: wanted = null, atMs = null } = request.query;
      const question = { ...request.params, sequence: wanted, atMs };
      return deps.store.tx((tx) => explain(tx, question, deps.clock.nowMs()));
    },
  );
  app.get(
    "/v1/devices/:serial/why",
    {
      schema: {
        summary: "Why the device does not run a release",
        params: serialParams,
        querystring: Type.Object({ sequence }, { additionalProperties: false }),
        response: {
          200: whyAnswer,
          ...failures,
        },
      },
    },
    (request) => {
      const { serial } = request.params;
      const wanted = request.query.sequence;
      return deps.store.tx(async (tx) => {
        const device = await needDevice(tx, serial);
        const rollouts = await tx.rollouts({});
        const release = await tx.release(wanted);
        const events = await eventsAbout(tx, serial, wanted);
        const releases = await tx.releases();
        const nowMs = deps.clock.nowMs();
        return whyNotUpdated(
          ...([serial, wanted, events, device, rollouts, release, nowMs, releases] as const),
        );
      });
    },
  );
  app.get(
    "/v1/devices/:serial/next",
    {
      schema: {
        summary: "What the device would be offered at its next contact, and why",
        params: serialParams,
        response: {
          200: nextAnswer,
          ...failures,
        },
      },
    },
    (request) =>
      deps.store.tx(async (tx) => {
        const device = await needDevice(tx, request.params.serial);
        const rollouts = await tx.rollouts({});
        return nextFor(factsOf(device), rollouts, await tx.releases(), deps.clock.nowMs());
      }),
  );
}
