import { Type } from "typebox";
import { silenceMsMax } from "../../core/alerts/limits.ts";
import { beginMaintenance, endMaintenance } from "../../core/maintenance.ts";
import { person } from "../auth.ts";
import type { Api, ApiDeps } from "../deps.ts";
import { device } from "../deviceSchema.ts";
import { failures, serialParams } from "../schemas.ts";
import { deviceView } from "../views.ts";

/** Maintenance of a device, with an end. */
export function maintenanceRoutes(app: Api, deps: ApiDeps): void {
  const now = () => ({ steadyMs: deps.steadyMs(), wallMs: deps.clock.nowMs() });
  app.put(
    "/v1/devices/:serial/maintenance",
    {
      schema: {
        summary: "Work on a device: no offers and no alerts until the end; again: another end",
        params: serialParams,
        body: Type.Object(
          {
            forS: Type.Integer({ minimum: 60, maximum: silenceMsMax / 1000 }),
            reason: Type.String({ minLength: 1, maxLength: 500 }),
          },
          { additionalProperties: false },
        ),
        response: { 200: device, ...failures },
      },
    },
    async (request) => {
      const { forS, reason } = request.body;
      const by = { ...request.params, reason, forMs: forS * 1000, person: person(request) };
      const begun = await deps.store.tx((tx) => beginMaintenance(tx, by, now()));
      return deviceView(begun, deps.steadyMs());
    },
  );
  app.delete(
    "/v1/devices/:serial/maintenance",
    {
      schema: {
        summary: "End the maintenance of a device",
        params: serialParams,
        response: { 200: device, ...failures },
      },
    },
    async (request) => {
      const by = { ...request.params, person: person(request) };
      const ended = await deps.store.tx((tx) => endMaintenance(tx, by, now()));
      deps.nudge(ended.serial);
      return deviceView(ended, deps.steadyMs());
    },
  );
}
