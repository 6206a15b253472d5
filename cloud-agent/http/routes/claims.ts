import { Type } from "typebox";
import { registerBirth } from "../../core/births.ts";
import { openClaim } from "../../core/claims.ts";
import { AgentError } from "../../core/errors.ts";
import { changeOwnership } from "../../core/ownershipChange.ts";
import { person } from "../auth.ts";
import { claimBody, ownershipBody } from "../claimSchemas.ts";
import type { Api, ApiDeps } from "../deps.ts";
import { device } from "../deviceSchema.ts";
import { birth, failures, serialParams } from "../schemas.ts";
import { deviceView } from "../views.ts";
import { awaitHooks } from "./awaitHooks.ts";

const birthReply = Type.Object({ serial: Type.String(), wasNew: Type.Boolean() });

/** How a device comes in: its birth from the line, its claim from the person who owns it. */
export function claimRoutes(app: Api, deps: ApiDeps): void {
  app.post(
    "/v1/births",
    {
      schema: {
        summary: "Register a birth; the same one again changes nothing",
        body: birth,
        response: { 200: birthReply, 201: birthReply, ...failures },
      },
    },
    async (request, reply) => {
      const { device, wasNew } = await deps.store.tx((tx) =>
        registerBirth(tx, {
          birth: request.body,
          checkInS: deps.config.checkInS,
          nowMs: deps.clock.nowMs(),
        }),
      );
      return reply.code(wasNew ? 201 : 200).send({ serial: device.serial, wasNew });
    },
  );
  app.post(
    "/v1/claims",
    {
      schema: {
        summary:
          "Claim a device with its label's code; it has 15 minutes to confirm once all hooks have passed",
        body: claimBody,
        response: { 202: device, ...failures },
      },
    },
    async (request, reply) => {
      const outcome = await deps.store.tx((tx) =>
        openClaim(
          tx,
          { ...request.body, account: request.body.account ?? null, person: person(request) },
          {
            ...{ random: deps.random, nowMs: deps.clock.nowMs(), steadyMs: deps.steadyMs() },
            claimNeeds: deps.config.claimRequires ?? [],
            hooks: deps.hooks.plan,
          },
        ),
      );
      if (outcome instanceof AgentError) throw outcome;
      const after = await awaitHooks(deps, outcome);
      deps.nudge(after.serial);
      return reply.code(202).send(deviceView(after, deps.steadyMs()));
    },
  );
  app.put(
    "/v1/devices/:serial/ownership",
    {
      schema: {
        summary: "Entitlement and consent of a claimed device; what is left out stays, null ends",
        ...{ params: serialParams, body: ownershipBody },
        response: { 200: device, ...failures },
      },
    },
    async (request) => {
      const change = { ...request.params, ...request.body, person: person(request) };
      const changed = await deps.store.tx((tx) => changeOwnership(tx, change, deps.clock.nowMs()));
      return deviceView(changed, deps.steadyMs());
    },
  );
}
