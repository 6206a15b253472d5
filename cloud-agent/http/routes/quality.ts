import { Type } from "typebox";
import { pageRowsDefault } from "../../core/limits.ts";
import { hold, holds, release } from "../../core/quality/holds.ts";
import { failureRates, rateGroupings } from "../../core/quality/rates.ts";
import { closeRma, needRma, openRma, rmas, tearDown } from "../../core/quality/rma.ts";
import { person } from "../auth.ts";
import type { Api, ApiDeps } from "../deps.ts";
import { failures, pageQuery, serial } from "../schemas.ts";

const closed = { additionalProperties: false };
const text = (max: number) => Type.String({ minLength: 1, maxLength: max });
const textOrNull = Type.Union([text(64), Type.Null()]);
const holdParams = Type.Object(
  { kind: Type.Union([Type.Literal("batch"), Type.Literal("lot")]), name: text(128) },
  closed,
);
const reasonBody = Type.Object({ reason: text(500) }, closed);
const holdView = Type.Object({
  ...holdParams.properties,
  ...{ reason: Type.String(), person: Type.String(), sinceMs: Type.Integer() },
});
const rmaView = Type.Object({
  ...{ id: Type.String(), serial, failureCode: Type.String(), notes: Type.String() },
  status: Type.Union([Type.Literal("open"), Type.Literal("closed")]),
  openedMs: Type.Integer(),
  closedMs: Type.Union([Type.Integer(), Type.Null()]),
  person: Type.String(),
  found: Type.Any({ description: "birth, lots, release and last vitals at the opening" }),
  teardown: Type.Any({ description: "finding, component, lot, person, atMs; null before" }),
});
const idParams = Type.Object({ id: Type.String({ pattern: "^[0-9]{15}-[0-9a-f]{6}$" }) }, closed);
const rate = Type.Object({
  ...{ group: Type.String(), devices: Type.Integer(), returned: Type.Integer() },
  ...{ share: Type.Number(), low: Type.Number(), high: Type.Number() },
  codes: Type.Array(Type.Tuple([Type.String(), Type.Integer()])),
});

/** Holds, returns and failure rates. */
export function qualityRoutes(app: Api, deps: ApiDeps): void {
  const edge = (request: Parameters<typeof person>[0]) => ({
    ...{ random: deps.random, nowMs: deps.clock.nowMs(), person: person(request) },
  });
  app.put(
    "/v1/holds/:kind/:name",
    {
      schema: {
        summary: 'Hold a batch, or a lot ("component=lot number"): no birth of it is taken',
        ...{ params: holdParams, body: reasonBody, response: { 200: holdView, ...failures } },
      },
    },
    async (request) => {
      const input = { ...request.params, ...request.body };
      return deps.store.tx((tx) => hold(tx, input, edge(request)));
    },
  );
  app.delete(
    "/v1/holds/:kind/:name",
    {
      schema: {
        summary: "Let a held batch or lot go on",
        ...{ params: holdParams, body: reasonBody, response: { 204: Type.Null(), ...failures } },
      },
    },
    async (request, reply) => {
      const input = { ...request.params, ...request.body };
      await deps.store.tx((tx) => release(tx, input, edge(request)));
      return reply.code(204).send(null);
    },
  );
  app.get(
    "/v1/holds",
    {
      schema: {
        summary: "What is held, by whom and why",
        response: { 200: Type.Object({ holds: Type.Array(holdView) }), ...failures },
      },
    },
    async () => {
      const all = await deps.store.tx((tx) => tx.documents.list(holds, { limit: 1000 }));
      return { holds: all.map(({ value }) => value) };
    },
  );
  rmaRoutes(app, deps, edge);
  app.get(
    "/v1/quality/failures",
    {
      schema: {
        summary: "Share of devices that came back, by where they come from, with 95 % intervals",
        querystring: Type.Object(
          { by: Type.Union(rateGroupings.map((name) => Type.Literal(name))) },
          closed,
        ),
        response: { 200: Type.Object({ rates: Type.Array(rate) }), ...failures },
      },
    },
    async (request) => ({
      rates: await deps.store.tx((tx) => failureRates(tx, request.query.by)),
    }),
  );
}

function rmaRoutes(
  app: Api,
  deps: ApiDeps,
  edge: (request: Parameters<typeof person>[0]) => Parameters<typeof openRma>[2],
): void {
  const response = { 200: rmaView, ...failures };
  app.post(
    "/v1/rmas",
    {
      schema: {
        summary: "Open the record of a device that came back",
        body: Type.Object(
          {
            serial,
            failureCode: Type.String({ pattern: "^[a-z0-9][a-z0-9-]{0,39}$" }),
            notes: Type.String({ maxLength: 4000 }),
          },
          closed,
        ),
        response: { 201: rmaView, ...failures },
      },
    },
    async (request, reply) => {
      const made = await deps.store.tx((tx) => openRma(tx, request.body, edge(request)));
      return reply.code(201).send(made);
    },
  );
  app.get(
    "/v1/rmas",
    {
      schema: {
        summary: "Returns, oldest first; of one device with ?serial=",
        querystring: Type.Object(
          { ...pageQuery.properties, serial: Type.Optional(serial) },
          closed,
        ),
        response: {
          200: Type.Object({
            rmas: Type.Array(rmaView),
            next: Type.Union([Type.String(), Type.Null()]),
          }),
          ...failures,
        },
      },
    },
    async (request) => {
      const { serial: ref, after, limit = pageRowsDefault } = request.query;
      const page = { ref, after, limit: limit + 1 };
      const rows = await deps.store.tx((tx) => tx.documents.list(rmas, page));
      const shown = rows.slice(0, limit);
      return {
        rmas: shown.map(({ value }) => value),
        next: rows.length > limit ? shown.at(-1)!.id : null,
      };
    },
  );
  app.get(
    "/v1/rmas/:id",
    { schema: { summary: "One return", params: idParams, response } },
    async (request) => deps.store.tx((tx) => needRma(tx, request.params.id)),
  );
  app.post(
    "/v1/rmas/:id/teardown",
    {
      schema: {
        summary: "Note what was found inside",
        params: idParams,
        body: Type.Object({ finding: text(4000), component: textOrNull, lot: textOrNull }, closed),
        response,
      },
    },
    async (request) =>
      deps.store.tx((tx) => tearDown(tx, request.params.id, request.body, edge(request))),
  );
  app.post(
    "/v1/rmas/:id/close",
    {
      schema: {
        summary: "End a return",
        params: idParams,
        body: Type.Object({}, closed),
        response,
      },
    },
    async (request) => deps.store.tx((tx) => closeRma(tx, request.params.id, edge(request))),
  );
}
