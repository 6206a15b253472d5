import { Type } from "typebox";
import {
  acknowledge,
  alerts,
  endSilence,
  needAlert,
  playbookOf,
  silence,
  silences,
  tick,
} from "../../core/alerts/book.ts";
import { silenceMsMax, silencesMax } from "../../core/alerts/limits.ts";
import { alertRules } from "../../core/alerts/rules.ts";
import { type AlertRecord, ruleNames } from "../../core/alerts/types.ts";
import { pageRowsDefault } from "../../core/limits.ts";
import { enqueue } from "../../core/outbox/outbox.ts";
import { person } from "../auth.ts";
import type { Api, ApiDeps } from "../deps.ts";
import { failures, orNull, pageQuery, time } from "../schemas.ts";

const closed = { additionalProperties: false };
const text = (max: number) => Type.String({ minLength: 1, maxLength: max });
const note = Type.Optional(Type.String({ maxLength: 500 }));
const idParams = Type.Object({ id: Type.String({ pattern: "^[0-9]{15}-[0-9a-f]{6}$" }) }, closed);
const deed = Type.Object({ person: Type.String(), atMs: time(), note: Type.String() });
const alertFields = {
  ...{ id: Type.String(), rule: Type.String(), severity: Type.String() },
  cause: Type.Object({ kind: Type.String(), name: Type.String() }),
  ...{ state: Type.String({ description: "open or closed" }), text: Type.String() },
  members: Type.Array(Type.String(), { description: "what it is about now, at most 200 names" }),
  ...{ count: Type.Integer(), countMax: Type.Integer() },
  ...{ startedMs: time(), endedMs: orNull(time()), mergedInto: orNull(Type.String()) },
  ack: orNull(deed),
  silencedBy: orNull(Type.String()),
};
const alertLine = Type.Object(alertFields);
const alertView = Type.Object({
  ...alertFields,
  meaning: Type.String(),
  playbook: Type.Array(
    Type.Object({
      ...{ id: Type.String(), text: Type.String() },
      run: orNull(Type.String({ description: "command that does or shows it" })),
      done: orNull(deed),
    }),
  ),
});
const place = Type.Optional(orNull(text(64)));
const places = { subject: place, gateway: place, site: place, batch: place, release: place };
const ruleName = Type.Union(ruleNames.map((name) => Type.Literal(name)));
const silenceBody = Type.Object(
  {
    rule: Type.Optional(orNull(ruleName)),
    ...places,
    forS: Type.Integer({ minimum: 60, maximum: silenceMsMax / 1000 }),
    reason: text(500),
  },
  closed,
);
const silenceView = Type.Object({
  ...{ id: Type.String(), rule: orNull(Type.String()) },
  ...{ subject: orNull(Type.String()), gateway: orNull(Type.String()) },
  ...{ site: orNull(Type.String()), batch: orNull(Type.String()), release: orNull(Type.String()) },
  ...{ reason: Type.String(), person: Type.String(), createdMs: time(), untilMs: time() },
});

/** Alerts, their playbooks, silences, and a test of the outputs. */
export function alertRoutes(app: Api, deps: ApiDeps): void {
  readRoutes(app, deps);
  deedRoutes(app, deps);
  silenceRoutes(app, deps);
}

const edgeOf = (deps: ApiDeps, request: Parameters<typeof person>[0]) => ({
  ...{ steadyMs: deps.steadyMs(), wallMs: deps.clock.nowMs() },
  ...{ random: deps.random, person: person(request) },
});

function viewOf(alert: AlertRecord) {
  return { ...alert, meaning: alertRules[alert.rule].meaning, playbook: playbookOf(alert) };
}

function readRoutes(app: Api, deps: ApiDeps): void {
  app.get(
    "/v1/alerts",
    {
      schema: {
        summary: "Alerts, oldest first; those that are open unless asked otherwise",
        querystring: Type.Object(
          {
            ...pageQuery.properties,
            state: Type.Optional(Type.Union([Type.Literal("open"), Type.Literal("closed")])),
          },
          closed,
        ),
        response: {
          200: Type.Object({ alerts: Type.Array(alertLine), next: orNull(Type.String()) }),
          ...failures,
        },
      },
    },
    async (request) => {
      const { state = "open", after, limit = pageRowsDefault } = request.query;
      const page = { ref: state, after, limit: limit + 1 };
      const rows = await deps.store.tx((tx) => tx.documents.list(alerts, page));
      const shown = rows.slice(0, limit);
      const next = rows.length > limit ? shown.at(-1)!.id : null;
      return { alerts: shown.map(({ value }) => value), next };
    },
  );
  app.get(
    "/v1/alerts/:id",
    {
      schema: {
        summary: "One alert with its playbook",
        ...{ params: idParams, response: { 200: alertView, ...failures } },
      },
    },
    async (request) => viewOf(await deps.store.tx((tx) => needAlert(tx, request.params.id))),
  );
}

function deedRoutes(app: Api, deps: ApiDeps): void {
  app.post(
    "/v1/alerts/:id/ack",
    {
      schema: {
        summary: "Look after an alert: it is not told again until it ends",
        params: idParams,
        body: Type.Object({ note }, closed),
        response: { 200: alertView, ...failures },
      },
    },
    async (request) => {
      const input = { id: request.params.id, note: request.body.note ?? "" };
      return viewOf(await deps.store.tx((tx) => acknowledge(tx, input, edgeOf(deps, request))));
    },
  );
  app.put(
    "/v1/alerts/:id/steps/:step",
    {
      schema: {
        summary: "Tick a step of the playbook off, or take that back",
        params: Type.Object({ ...idParams.properties, step: text(32) }, closed),
        body: Type.Object({ isDone: Type.Boolean(), note }, closed),
        response: { 200: alertView, ...failures },
      },
    },
    async (request) => {
      const { isDone, note: words = "" } = request.body;
      const input = { ...request.params, isDone, note: words };
      return viewOf(await deps.store.tx((tx) => tick(tx, input, edgeOf(deps, request))));
    },
  );
  app.post(
    "/v1/alerts/test",
    {
      schema: {
        summary: "Send a test to every output; what became of it is in the outbox",
        response: {
          202: Type.Object({
            entries: Type.Array(Type.Object({ id: Type.String(), output: Type.String() })),
          }),
          ...failures,
        },
      },
    },
    async (request, reply) => {
      const words = `Test by ${person(request)}: this output works.`;
      const body = { kind: "alert.test", subject: `[test] ${words}`, text: words };
      const entries = await deps.store.tx(async (tx) => {
        const made: { id: string; output: string }[] = [];
        for (const output of deps.outputs) {
          const entry = { output, kind: "alert.test", stream: "test", body };
          const { id } = await enqueue(tx, entry, edgeOf(deps, request));
          made.push({ id, output });
        }
        return made;
      });
      return reply.code(202).send({ entries });
    },
  );
}

function silenceRoutes(app: Api, deps: ApiDeps): void {
  app.get(
    "/v1/silences",
    {
      schema: {
        summary: "Silences in force",
        response: { 200: Type.Object({ silences: Type.Array(silenceView) }), ...failures },
      },
    },
    async () => {
      const all = await deps.store.tx((tx) => tx.documents.list(silences, { limit: silencesMax }));
      const steadyMs = deps.steadyMs();
      const active = all.filter(({ value }) => value.untilSteadyMs > steadyMs);
      return { silences: active.map(({ value }) => value) };
    },
  );
  app.post(
    "/v1/silences",
    {
      schema: {
        summary: "Keep alerts from being told for a time; all that is named has to match",
        body: silenceBody,
        response: { 201: silenceView, ...failures },
      },
    },
    async (request, reply) => {
      const { forS, reason, ...given } = request.body;
      const all = { rule: null, subject: null, gateway: null, site: null, batch: null };
      const input = { ...all, release: null, ...given, reason, forMs: forS * 1000 };
      const made = await deps.store.tx((tx) => silence(tx, input, edgeOf(deps, request)));
      return reply.code(201).send(made);
    },
  );
  app.delete(
    "/v1/silences/:id",
    {
      schema: {
        summary: "End a silence",
        ...{ params: idParams, response: { 204: Type.Null(), ...failures } },
      },
    },
    async (request, reply) => {
      await deps.store.tx((tx) => endSilence(tx, request.params.id, edgeOf(deps, request)));
      return reply.code(204).send(null);
    },
  );
}
