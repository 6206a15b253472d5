import { Type } from "typebox";
import { pageRowsMax } from "../../core/limits.ts";
import { orderModelSunset, orderSunset, type SunsetCount } from "../../core/sunset.ts";
import { person } from "../auth.ts";
import type { Api, ApiDeps } from "../deps.ts";
import { device } from "../deviceSchema.ts";
import { failures, serialParams } from "../schemas.ts";
import { deviceView } from "../views.ts";
import { modelParams } from "./products.ts";

const count = Type.Object({
  model: Type.String(),
  ordered: Type.Integer({ description: "devices that got the order now" }),
  unchanged: Type.Integer({ description: "devices that are there, or were ordered before" }),
  pending: Type.Array(Type.String(), {
    description: "serials whose other order is not answered yet: ask again later",
  }),
});

/** Sunset: POST sends into local mode for good, DELETE calls back; one device, or all claimed ones of a model. */
export function sunsetRoutes(app: Api, deps: ApiDeps): void {
  for (const [method, isOn] of [
    ["POST", true],
    ["DELETE", false],
  ] as const) {
    app.route({
      method,
      url: "/v1/devices/:serial/sunset",
      schema: {
        summary: isOn
          ? "Order the device to go on alone for good: app and USB control stay"
          : "Order the device back from going on alone",
        params: serialParams,
        response: { 202: device, ...failures },
      },
      handler: async (request, reply) => {
        const { serial } = request.params;
        const order = { serial, isOn, person: person(request) };
        const ordered = await deps.store.tx((tx) => orderSunset(tx, order, edgeOf(deps)));
        deps.nudge(serial);
        return reply.code(202).send(deviceView(ordered, deps.steadyMs()));
      },
    });
    app.route({
      method,
      url: "/v1/products/:model/sunset",
      schema: {
        summary: isOn
          ? "Order all claimed devices of a model to go on alone for good"
          : "Order all claimed devices of a model back from going on alone",
        params: modelParams,
        response: { 202: count, ...failures },
      },
      handler: async (request, reply) => {
        const { model } = request.params;
        const all = await orderAll(deps, { model, isOn, person: person(request) });
        for (const serial of all.ordered) deps.nudge(serial);
        return reply.code(202).send({ ...all, model, ordered: all.ordered.length });
      },
    });
  }
}

const edgeOf = (deps: ApiDeps) => ({ random: deps.random, nowMs: deps.clock.nowMs() });

/** A transaction per page: devices are answered in between, and a killed agent has ordered what it told of. */
async function orderAll(
  deps: ApiDeps,
  request: { model: string; isOn: boolean; person: string },
): Promise<SunsetCount> {
  const all: SunsetCount = { ordered: [], unchanged: 0, pending: [] };
  let after: string | null | undefined;
  while (after !== null) {
    const page = { ...request, after, limit: pageRowsMax };
    const found = await deps.store.tx((tx) => orderModelSunset(tx, page, edgeOf(deps)));
    all.ordered.push(...found.ordered);
    all.pending.push(...found.pending);
    all.unchanged += found.unchanged;
    after = found.next;
  }
  return all;
}
