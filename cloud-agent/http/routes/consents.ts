import { Type } from "typebox";
import { endPenalty, openQuestions, takeConsent } from "../../core/consents.ts";
import { person } from "../auth.ts";
import type { Api, ApiDeps } from "../deps.ts";
import { device } from "../deviceSchema.ts";
import { failures, sequence, serial, serialParams, time } from "../schemas.ts";
import { deviceView } from "../views.ts";

const closed = { additionalProperties: false };

/** What owners are asked and answer, and the way out of the penalty box. */
export function consentRoutes(app: Api, deps: ApiDeps): void {
  app.get(
    "/v1/consents",
    {
      schema: {
        summary: "Questions to owners that are not answered yet",
        response: {
          200: Type.Object({
            consents: Type.Array(
              Type.Object({
                ...{ serial, sequence, rolloutId: Type.String(), askedMs: time() },
              }),
            ),
          }),
          ...failures,
        },
      },
    },
    async () => {
      const rollouts = await deps.store.tx((tx) => tx.rollouts({}));
      return { consents: openQuestions(rollouts, deps.clock.nowMs()) };
    },
  );
  app.post(
    "/v1/devices/:serial/consent",
    {
      schema: {
        summary: "The owner's answer to an update: yes, or not now until a time",
        params: serialParams,
        body: Type.Object(
          {
            account: Type.String({ minLength: 1, maxLength: 64 }),
            sequence,
            answer: Type.Union([Type.Literal("yes"), Type.Literal("notNow")]),
            untilMs: Type.Optional(time("for notNow; left out: a day from now")),
          },
          closed,
        ),
        response: { 200: Type.Object({ rolloutId: Type.String() }), ...failures },
      },
    },
    async (request) => {
      const said = { ...request.params, ...request.body, person: person(request) };
      const edge = { random: deps.random, nowMs: deps.clock.nowMs() };
      const applied = await deps.store.tx((tx) => takeConsent(tx, said, edge));
      return { rolloutId: applied.record.id };
    },
  );
  app.delete(
    "/v1/devices/:serial/penalty",
    {
      schema: {
        summary: "Let a device out of the penalty box; its failures are forgotten",
        params: serialParams,
        body: Type.Object({ reason: Type.String({ minLength: 3, maxLength: 200 }) }, closed),
        response: { 200: device, ...failures },
      },
    },
    async (request) => {
      const order = { ...request.params, ...request.body, person: person(request) };
      const nowMs = deps.clock.nowMs();
      const freed = await deps.store.tx((tx) => endPenalty(tx, order, nowMs));
      return deviceView(freed, deps.steadyMs());
    },
  );
}
