import { Type } from "typebox";
import { pageRowsDefault, pageRowsMax } from "../../core/limits.ts";
import { outboxEnded, replay, waitingEntries } from "../../core/outbox/outbox.ts";
import { person } from "../auth.ts";
import type { Api, ApiDeps } from "../deps.ts";
import { failures, orNull, time } from "../schemas.ts";

const closed = { additionalProperties: false };
const entry = Type.Object({
  ...{ id: Type.String(), output: Type.String(), kind: Type.String(), stream: Type.String() },
  state: Type.String({ description: "waiting, delivered or failed" }),
  ...{ createdMs: time(), endedMs: orNull(time()) },
  attempts: Type.Integer(),
  error: orNull(Type.String({ description: "what the last attempt met with" })),
  body: Type.String({ description: "JSON text as it is sent" }),
});
const states = ["waiting", "delivered", "failed"] as const;

/** What goes to other systems: what waits, what went, and sending it again. */
export function outboxRoutes(app: Api, deps: ApiDeps): void {
  app.get(
    "/v1/outbox",
    {
      schema: {
        summary: "Entries by state: those that wait, were delivered, or were given up",
        querystring: Type.Object(
          {
            state: Type.Optional(Type.Union(states.map((name) => Type.Literal(name)))),
            after: Type.Optional(Type.String({ maxLength: 64 })),
            limit: Type.Optional(Type.Integer({ minimum: 1, maximum: pageRowsMax })),
          },
          closed,
        ),
        response: { 200: Type.Object({ entries: Type.Array(entry) }), ...failures },
      },
    },
    async (request) => {
      const { state = "waiting", after, limit = pageRowsDefault } = request.query;
      const entries = await deps.store.tx(async (tx) => {
        if (state === "waiting") return waitingEntries(tx, limit);
        const rows = await tx.documents.list(outboxEnded, { ref: state, after, limit });
        return rows.map(({ value }) => value);
      });
      return { entries };
    },
  );
  app.post(
    "/v1/outbox/:id/replay",
    {
      schema: {
        summary: "Send an entry again, under its id",
        params: Type.Object({ id: Type.String({ pattern: "^[0-9]{12}$" }) }, closed),
        response: { 202: entry, ...failures },
      },
    },
    async (request, reply) => {
      const now = { steadyMs: deps.steadyMs(), wallMs: deps.clock.nowMs() };
      const by = { ...now, person: person(request) };
      const again = await deps.store.tx((tx) => replay(tx, request.params.id, by));
      return reply.code(202).send(again);
    },
  );
}
