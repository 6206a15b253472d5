import { Type } from "typebox";
import { pageRowsDefault, pageRowsMax } from "../../core/limits.ts";
import { replaySaga } from "../../core/provisioning/book.ts";
import { callId, type Saga } from "../../core/provisioning/saga.ts";
import { endedSagas, needSaga, openSagas } from "../../core/provisioning/store.ts";
import { person } from "../auth.ts";
import type { Api, ApiDeps } from "../deps.ts";
import { failures, orNull, serial, time } from "../schemas.ts";

const closed = { additionalProperties: false };
const states = ["running", "undoing", "passed", "incomplete", "refused", "stuck"] as const;
const idParams = Type.Object({ id: Type.String({ pattern: "^[0-9a-f]{16}$" }) }, closed);
const view = Type.Object({
  ...{ id: Type.String(), event: Type.String({ description: "claim, transfer or decommission" }) },
  ...{ serial: Type.String(), account: orNull(Type.String()), person: Type.String() },
  ...{ startedMs: time(), endedMs: orNull(time()) },
  state: Type.String({
    description:
      "running, undoing, passed, incomplete (went on, a hook failed), refused, or stuck (refused, not all taken back)",
  }),
  refusal: orNull(
    Type.Object({
      ...{ code: Type.Integer(), hook: orNull(Type.String()), text: Type.String() },
    }),
  ),
  hooks: Type.Array(
    Type.Object({
      ...{ name: Type.String(), id: Type.String({ description: "key of its call" }) },
      state: Type.String({ description: "waiting, passed, failed or vetoed" }),
      undo: Type.String({ description: "none, waiting, done or failed" }),
      ...{ attempts: Type.Integer(), error: orNull(Type.String()) },
    }),
  ),
});

/** What other systems were asked about claims, transfers and decommissions, and what they said. */
export function provisioningRoutes(app: Api, deps: ApiDeps): void {
  app.get(
    "/v1/provisionings",
    {
      schema: {
        summary: "Calls to other systems: open ones first, then those that ended, by id",
        querystring: Type.Object(
          {
            serial: Type.Optional(serial),
            state: Type.Optional(Type.Union(states.map((name) => Type.Literal(name)))),
            limit: Type.Optional(Type.Integer({ minimum: 1, maximum: pageRowsMax })),
          },
          closed,
        ),
        response: { 200: Type.Object({ provisionings: Type.Array(view) }), ...failures },
      },
    },
    async (request) => {
      const { serial: ref, state, limit = pageRowsDefault } = request.query;
      const found = await deps.store.tx(async (tx) => {
        const open = await tx.documents.list(openSagas, { ref, limit: pageRowsMax });
        const ended = await tx.documents.list(endedSagas, { ref, limit: 20 * pageRowsMax });
        return [...open, ...ended].map(({ value }) => value);
      });
      const wanted = found.filter((saga) => state === undefined || saga.state === state);
      return { provisionings: wanted.slice(0, limit).map(viewOf) };
    },
  );
  app.get(
    "/v1/provisionings/:id",
    {
      schema: {
        summary: "One of them, with every hook's answer",
        params: idParams,
        response: { 200: view, ...failures },
      },
    },
    async (request) => viewOf(await deps.store.tx((tx) => needSaga(tx, request.params.id))),
  );
  app.post(
    "/v1/provisionings/:id/replay",
    {
      schema: {
        summary: "Call the hooks that failed for good again, under their keys",
        params: idParams,
        response: { 202: view, ...failures },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const edge = {
        ...{ random: deps.random, nowMs: deps.clock.nowMs(), steadyMs: deps.steadyMs() },
        outputs: deps.outputsAbout("billing"),
      };
      await deps.store.tx((tx) => replaySaga(tx, { id, person: person(request) }, edge));
      await deps.hooks.run(id);
      return reply.code(202).send(viewOf(await deps.store.tx((tx) => needSaga(tx, id))));
    },
  );
}

function viewOf(saga: Saga) {
  return {
    ...saga,
    account: saga.facts.account,
    hooks: saga.steps.map((step, at) => ({
      ...step,
      id: callId(saga, { at, action: step.undo === "none" ? "do" : "compensate" }),
    })),
  };
}
