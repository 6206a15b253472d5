import { clearReleasePoison, orderClearPoison, orderConfirm } from "../../core/fieldOrders.ts";
import { person } from "../auth.ts";
import type { Api, ApiDeps } from "../deps.ts";
import { device } from "../deviceSchema.ts";
import {
  confirmBody,
  failures,
  poisonParams,
  reasonBody,
  release,
  sequenceParams,
  serialParams,
} from "../schemas.ts";
import { deviceView } from "../views.ts";

/** What a person says against a device's own judgement: a release is well, or an image may be tried again. */
export function fieldOrderRoutes(app: Api, deps: ApiDeps): void {
  const edge = () => ({ random: deps.random, nowMs: deps.clock.nowMs() });
  app.post(
    "/v1/devices/:serial/confirm",
    {
      schema: {
        summary: "Confirm the release on trial, because somebody has looked at the device",
        params: serialParams,
        body: confirmBody,
        response: { 202: device, ...failures },
      },
    },
    async (request, reply) => {
      const order = { ...request.params, ...request.body, person: person(request) };
      const ordered = await deps.store.tx((tx) => orderConfirm(tx, order, edge()));
      deps.nudge(ordered.serial);
      return reply.code(202).send(deviceView(ordered, deps.steadyMs()));
    },
  );
  app.delete(
    "/v1/devices/:serial/poison/:digest",
    {
      schema: {
        summary: "Let the device take an image again that failed on it",
        params: poisonParams,
        response: { 202: device, ...failures },
      },
    },
    async (request, reply) => {
      const order = { ...request.params, person: person(request) };
      const ordered = await deps.store.tx((tx) => orderClearPoison(tx, order, edge()));
      deps.nudge(ordered.serial);
      return reply.code(202).send(deviceView(ordered, deps.steadyMs()));
    },
  );
  app.post(
    "/v1/releases/:sequence/clear-poison",
    {
      schema: {
        summary: "Let a release be offered again that a halted rollout has poisoned",
        params: sequenceParams,
        body: reasonBody,
        response: { 200: release, ...failures },
      },
    },
    (request) => {
      const { reason } = request.body;
      const order = { sequence: Number(request.params.sequence), reason, person: person(request) };
      return deps.store.tx((tx) => clearReleasePoison(tx, order, deps.clock.nowMs()));
    },
  );
}
