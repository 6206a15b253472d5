import type { FastifyRequest } from "fastify";
import { Type } from "typebox";
import type { RolloutRecord } from "../../core/rollout/types.ts";
import {
  actOnRollout,
  createRollout,
  needRollout,
  type RolloutAction,
} from "../../core/rollouts.ts";
import { person } from "../auth.ts";
import type { Api, ApiDeps } from "../deps.ts";
import { failures, rollout, rolloutLine, sequence } from "../schemas.ts";

const idParams = Type.Object(
  { id: Type.String({ minLength: 1, maxLength: 64 }) },
  { additionalProperties: false },
);
const policyBody = Type.Record(Type.String(), Type.Unknown(), {
  description: "rollout policy; the reply shows every default",
});
const closed = { additionalProperties: false };

/** Rollouts: writing, reading, and the words a person can say. */
export function rolloutRoutes(app: Api, deps: ApiDeps): void {
  app.post(
    "/v1/rollouts",
    {
      schema: {
        summary: "Write a rollout as a draft",
        body: policyBody,
        response: { 201: rollout, ...failures },
      },
    },
    async (request, reply) => {
      const { approvalsMin } = deps.config;
      const draft = { policy: request.body, person: person(request), approvalsMin };
      const record = await deps.store.tx((tx) =>
        createRollout(tx, draft, { random: deps.random, nowMs: deps.clock.nowMs() }),
      );
      return reply.code(201).send(record);
    },
  );
  app.get(
    "/v1/rollouts",
    {
      schema: {
        summary: "All rollouts",
        response: { 200: Type.Object({ rollouts: Type.Array(rolloutLine) }), ...failures },
      },
    },
    async () => {
      const records = await deps.store.tx((tx) => tx.rollouts({}));
      return { rollouts: records.map(rolloutSummary) };
    },
  );
  app.get(
    "/v1/rollouts/:id",
    {
      schema: {
        summary: "One rollout with every device's standing",
        params: idParams,
        response: { 200: rollout, ...failures },
      },
    },
    (request) => deps.store.tx((tx) => needRollout(tx, request.params.id)),
  );
  actionRoutes(app, deps);
}

function actionRoutes(app: Api, deps: ApiDeps): void {
  const act = async (id: string, action: RolloutAction, request: FastifyRequest) => {
    const order = { id, action, person: person(request) };
    const applied = await deps.store.tx((tx) =>
      actOnRollout(tx, order, { random: deps.random, nowMs: deps.clock.nowMs() }),
    );
    for (const serial of applied.changedSerials) deps.nudge(serial);
    return applied.record;
  };
  app.post(
    "/v1/rollouts/:id/start",
    {
      schema: {
        summary: "Start a draft; an approver's token approves it with that",
        params: idParams,
        body: Type.Object({}, closed),
        response: { 200: rollout, ...failures },
      },
    },
    (request) => {
      // An approver signs with the own token; nobody else's word counts for it.
      const approver = request.caller?.role === "approver" ? person(request) : null;
      return act(request.params.id, { verb: "start", approver }, request);
    },
  );
  app.post(
    "/v1/rollouts/:id/promote",
    {
      schema: {
        summary: "Open the next wave by hand; failures seen so far are acknowledged",
        params: idParams,
        body: Type.Object({ reason: Type.String({ minLength: 3, maxLength: 200 }) }, closed),
        response: { 200: rollout, ...failures },
      },
    },
    (request) => {
      const { reason } = request.body;
      return act(request.params.id, { verb: "promote", reason }, request);
    },
  );
  for (const verb of ["approve", "pause", "resume"] as const) {
    app.post(
      `/v1/rollouts/:id/${verb}`,
      {
        schema: {
          summary: {
            approve: "Approve a draft by the own token; its author cannot",
            pause: "Stop offering until resumed",
            resume: "Go on; failures seen so far are acknowledged",
          }[verb],
          params: idParams,
          response: { 200: rollout, ...failures },
        },
      },
      (request) => act((request.params as { id: string }).id, { verb }, request),
    );
  }
  app.post(
    "/v1/rollouts/:id/abort",
    {
      schema: {
        summary: "End it for good; updated devices stay or are taken back",
        params: idParams,
        body: Type.Object(
          {
            confirmed: Type.Optional(Type.Union([Type.Literal("keep"), Type.Literal("revert")])),
            toSequence: Type.Optional(sequence),
          },
          closed,
        ),
        response: { 200: rollout, ...failures },
      },
    },
    (request) => {
      const { toSequence } = request.body;
      // Whoever names a release to go back to wants to go back.
      const confirmed = request.body.confirmed ?? (toSequence === undefined ? "keep" : "revert");
      return act(request.params.id, { verb: "abort", confirmed, toSequence }, request);
    },
  );
}

/** One line of the list: counts instead of every device. */
export function rolloutSummary(record: RolloutRecord) {
  const progress = Object.values(record.progress ?? {});
  const count = (cause: string) => progress.filter((entry) => entry.cause === cause).length;
  return {
    id: record.id,
    name: record.policy.name,
    sequence: record.policy.sequence,
    status: record.status,
    wave: record.wave,
    waves: record.policy.waves.length,
    startedMs: record.startedMs,
    endedMs: record.endedMs,
    haltReason: record.haltReason,
    devices: {
      assigned: Object.keys(record.assigned).length,
      offered: progress.length,
      confirmed: progress.filter((entry) => entry.confirmedMs !== null).length,
      failed: count("failed"),
      reverted: count("reverted"),
      rejected: count("rejected"),
      timedOut: count("timedOut"),
    },
  };
}
