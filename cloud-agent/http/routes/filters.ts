import { Type } from "typebox";
import { aliases, familyHelp, fields } from "../../core/filter/fields.ts";
import { filtersMax, sampleMax, whereCharsMax } from "../../core/filter/limits.ts";
import {
  deleteFilter,
  exprOf,
  needFilter,
  savedFilters,
  saveFilter,
  usersOf,
} from "../../core/filter/saved.ts";
import { countDevices } from "../../findDevices.ts";
import type { Tx } from "../../storage/store.ts";
import { person } from "../auth.ts";
import type { Api, ApiDeps } from "../deps.ts";
import { device } from "../deviceSchema.ts";
import { failures, time } from "../schemas.ts";
import { deviceView } from "../views.ts";

const closed = { additionalProperties: false };
const nameParams = Type.Object({ name: Type.String({ minLength: 1, maxLength: 64 }) }, closed);
const where = Type.String({ minLength: 1, maxLength: whereCharsMax });
const saved = Type.Object({
  ...{ name: Type.String(), where: Type.String(), note: Type.String() },
  ...{ revision: Type.Integer(), person: Type.String(), changedMs: time() },
});
const usedBy = Type.Array(
  Type.Object({
    ...{ id: Type.String(), name: Type.String(), status: Type.String() },
    isSame: Type.Boolean({ description: "false: it goes on with the text of its draft" }),
  }),
  { description: "rollouts under way that name it" },
);
const field = Type.Object({
  ...{ name: Type.String(), type: Type.String(), isReported: Type.Boolean() },
  ...{ words: Type.Array(Type.String()), help: Type.String() },
});

/** Filters under a name, and what they mean. */
export function filterRoutes(app: Api, deps: ApiDeps): void {
  savedRoutes(app, deps);
  app.post(
    "/v1/filters/preview",
    {
      schema: {
        summary: "How many devices a filter means now, and some of them",
        body: Type.Object(
          {
            filter: Type.String({ ...where, description: "name, or expression" }),
            sample: Type.Optional(Type.Integer({ minimum: 0, maximum: sampleMax, default: 10 })),
          },
          closed,
        ),
        response: {
          200: Type.Object({
            count: Type.Integer(),
            isWhole: Type.Boolean({
              description: "false: 100,000 devices were looked at, not all",
            }),
            sample: Type.Array(device),
          }),
          ...failures,
        },
      },
    },
    async (request) => {
      const { filter, sample = 10 } = request.body;
      const expr = await deps.store.tx((tx) => exprOf(tx, filter));
      const found = await countDevices(deps.store, { expr, nowMs: deps.clock.nowMs() }, sample);
      const steadyMs = deps.steadyMs();
      return { ...found, sample: found.sample.map((one) => deviceView(one, steadyMs)) };
    },
  );
  app.get(
    "/v1/filters/fields",
    {
      schema: {
        summary: "What a filter can ask of a device",
        response: {
          200: Type.Object({
            fields: Type.Array(field),
            aliases: Type.Record(Type.String(), Type.String()),
            families: Type.Record(Type.String(), Type.String()),
          }),
          ...failures,
        },
      },
    },
    async () => ({
      fields: Object.entries(fields).map(([name, { type, isReported, words = [], help }]) => {
        return { name, type, isReported, words: [...words], help };
      }),
      aliases,
      families: familyHelp,
    }),
  );
}

function savedRoutes(app: Api, deps: ApiDeps): void {
  app.get(
    "/v1/filters",
    {
      schema: {
        summary: "Saved filters",
        response: { 200: Type.Object({ filters: Type.Array(saved) }), ...failures },
      },
    },
    async () => {
      const all = await deps.store.tx((tx) =>
        tx.documents.list(savedFilters, { limit: filtersMax }),
      );
      return { filters: all.map(({ value }) => value) };
    },
  );
  app.get(
    "/v1/filters/:name",
    {
      schema: {
        summary: "One saved filter, and the rollouts under way that name it",
        params: nameParams,
        response: { 200: Type.Object({ ...saved.properties, usedBy }), ...failures },
      },
    },
    async (request) => {
      return deps.store.tx(async (tx) => {
        const found = await needFilter(tx, request.params.name);
        return { ...found, usedBy: await usersNow(tx, found) };
      });
    },
  );
  app.put(
    "/v1/filters/:name",
    {
      schema: {
        summary: "Save a filter; rollouts under way keep the text of their draft",
        params: nameParams,
        body: Type.Object({ where, note: Type.Optional(Type.String({ maxLength: 500 })) }, closed),
        response: { 200: Type.Object({ ...saved.properties, usedBy }), ...failures },
      },
    },
    async (request) => {
      const input = { ...request.params, ...request.body, person: person(request) };
      return deps.store.tx(async (tx) => {
        const found = await saveFilter(tx, input, deps.clock.nowMs());
        return { ...found, usedBy: await usersNow(tx, found) };
      });
    },
  );
  app.delete(
    "/v1/filters/:name",
    {
      schema: {
        summary: "Delete a saved filter that no rollout under way names",
        params: nameParams,
        response: { 204: Type.Null(), ...failures },
      },
    },
    async (request, reply) => {
      const input = { ...request.params, person: person(request) };
      await deps.store.tx((tx) => deleteFilter(tx, input, deps.clock.nowMs()));
      return reply.code(204).send(null);
    },
  );
}

async function usersNow(tx: Tx, { name, where: text }: { name: string; where: string }) {
  const users = usersOf(name, await tx.rollouts({ activeOnly: true }));
  return users.map(({ id, status, policy }) => {
    const targets = [
      policy.target,
      ...policy.waves.flatMap(({ size }) => {
        return "filter" in size ? [size.filter] : [];
      }),
    ];
    const isSame = targets.every((one) => one.saved !== name || one.savedWhere === text);
    return { id, name: policy.name, status, isSame };
  });
}
