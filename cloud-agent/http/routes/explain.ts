import { Type } from "typebox";
import { needDevice } from "../../core/lifecycle.ts";
import { pageRowsMax } from "../../core/limits.ts";
import type { EventRecord } from "../../core/records.ts";
import { nextFor } from "../../core/rollout/decide.ts";
import { factsOf } from "../../core/rollout/facts.ts";
import { whyNotUpdated } from "../../core/why/why.ts";
import type { Tx } from "../../storage/store.ts";
import type { Api, ApiDeps } from "../deps.ts";
import { failures, sequence, serialParams } from "../schemas.ts";

/** "Why did this device not update?" and "what would it get next?", answered from log and records. */
export function explainRoutes(app: Api, deps: ApiDeps): void {
  app.get(
    "/v1/devices/:serial/why",
    {
      schema: {
        summary: "Why the device does not run a release",
        params: serialParams,
        querystring: Type.Object({ sequence }, { additionalProperties: false }),
        response: {
          200: Type.Object({
            answer: Type.String(),
            facts: Type.Array(
              Type.Object({
                atMs: Type.Union([Type.Integer(), Type.Null()]),
                text: Type.String(),
              }),
            ),
          }),
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
        const nowMs = deps.clock.nowMs();
        return whyNotUpdated(serial, wanted, events, device, rollouts, release, nowMs);
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
          200: Type.Object({
            offer: Type.Union([Type.Integer(), Type.Null()]),
            reason: Type.String(),
            code: Type.String(),
            rolloutId: Type.Union([Type.String(), Type.Null()]),
          }),
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

/** The newest events of the device and those of the release that name no device, in order. */
async function eventsAbout(tx: Tx, serial: string, wanted: number): Promise<EventRecord[]> {
  const newest = { limit: pageRowsMax, newestFirst: true };
  const own = await tx.events({ ...newest, serial });
  const general = await tx.events({ ...newest, sequence: wanted });
  const byId = new Map(own.map((event) => [event.id, event]));
  for (const event of general) {
    if (event.serial === null) byId.set(event.id, event);
  }
  return [...byId.values()].sort((a, b) => a.id - b.id);
}
