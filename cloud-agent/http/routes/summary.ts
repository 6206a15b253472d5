import { Type } from "typebox";
import { lifecycleNames } from "../../core/lifecycleNames.ts";
import type { Api, ApiDeps } from "../deps.ts";
import { failures, rolloutLine } from "../schemas.ts";
import { rolloutSummary } from "./rollouts.ts";

const counts = Type.Record(Type.String(), Type.Integer());

/** The fleet in one look. */
export function summaryRoutes(app: Api, deps: ApiDeps): void {
  app.get(
    "/v1/summary",
    {
      schema: {
        summary: "Counts of devices and events, and every rollout's state",
        response: {
          200: Type.Object({
            nowMs: Type.Integer(),
            devices: Type.Object({
              total: Type.Integer(),
              byLifecycle: counts,
              byRunningSequence: counts,
              byBoard: counts,
              byPresence: counts,
            }),
            rollouts: Type.Array(rolloutLine),
            events: counts,
          }),
          ...failures,
        },
      },
    },
    () =>
      deps.store.tx(async (tx) => {
        const byLifecycle: Record<string, number> = {};
        let total = 0;
        for (const [lifecycle, count] of Object.entries(await tx.countDevices("lifecycle"))) {
          byLifecycle[lifecycleNames[Number(lifecycle)] ?? lifecycle] = count;
          total += count;
        }
        const { online = 0, offline = 0, "": unwatched = 0 } = await tx.countDevices("presence");
        const byPresence = { online, offline, unwatched };
        return {
          nowMs: deps.clock.nowMs(),
          devices: {
            total,
            byLifecycle,
            byRunningSequence: await tx.countDevices("runningSequence"),
            byBoard: await tx.countDevices("board"),
            byPresence,
          },
          rollouts: (await tx.rollouts({})).map(rolloutSummary),
          events: await tx.countEventsByKind(),
        };
      }),
  );
}
