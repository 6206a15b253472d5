import { Type } from "typebox";
import { WipeMode } from "../../../firmware/protocol/messages.ts";
import { whereCharsMax } from "../../core/filter/limits.ts";
import { exprOf } from "../../core/filter/saved.ts";
import { needDevice, orderRevert, relabel } from "../../core/lifecycle.ts";
import { pageRowsDefault } from "../../core/limits.ts";
import { requestDecommission } from "../../core/provisioning/book.ts";
import { wishFlags, wishSettings } from "../../core/wishes.ts";
import { findDevices } from "../../findDevices.ts";
import { person } from "../auth.ts";
import type { Api, ApiDeps } from "../deps.ts";
import { device } from "../deviceSchema.ts";
import {
  decommissionBody,
  failures,
  flagsBody,
  labelsBody,
  pageQuery,
  revertBody,
  serialParams,
  settingsBody,
  spanQuery,
  uint32,
  vitalsPage,
} from "../schemas.ts";
import { deviceView } from "../views.ts";
import { awaitHooks } from "./awaitHooks.ts";
import { certificateRoutes } from "./certificates.ts";
import { commandRoutes } from "./commands.ts";
import { explainRoutes } from "./explain.ts";
import { exportRoutes } from "./export.ts";
import { fieldOrderRoutes } from "./fieldOrders.ts";
import { maintenanceRoutes } from "./maintenance.ts";
import { sunsetRoutes } from "./sunset.ts";

const modes = { resale: WipeMode.Resale, return: WipeMode.Return, scrap: WipeMode.Scrap };

const word = Type.Optional(Type.String({ minLength: 1, maxLength: 64 }));
const devicesQuery = Type.Object(
  {
    ...pageQuery.properties,
    lifecycle: Type.Optional(Type.Integer({ minimum: 0, maximum: 7 })),
    presence: Type.Optional(Type.Union([Type.Literal("online"), Type.Literal("offline")])),
    filter: Type.Optional(
      Type.String({
        ...{ minLength: 1, maxLength: whereCharsMax },
        description: "name of a saved filter, or an expression: release < 12 and board = puckjs",
      }),
    ),
    ...{ site: word, group: word, tag: word, account: word, gateway: word },
    ...{ model: word, board: word, batch: word, sequence: Type.Optional(uint32()) },
  },
  { additionalProperties: false },
);

/** Devices: reading them, and what a person can order. */
export function deviceRoutes(app: Api, deps: ApiDeps): void {
  readRoutes(app, deps);
  orderRoutes(app, deps);
  explainRoutes(app, deps);
  certificateRoutes(app, deps);
  sunsetRoutes(app, deps);
  maintenanceRoutes(app, deps);
  exportRoutes(app, deps);
  fieldOrderRoutes(app, deps);
  commandRoutes(app, deps);
}

function readRoutes(app: Api, deps: ApiDeps): void {
  app.get(
    "/v1/devices",
    {
      schema: {
        summary: "Devices by serial; every filter that is given must match",
        querystring: devicesQuery,
        response: {
          200: Type.Object({
            devices: Type.Array(device),
            next: Type.Union([Type.String(), Type.Null()]),
          }),
          ...failures,
        },
      },
    },
    async (request) => {
      const { filter, ...query } = request.query;
      const expr = filter && (await deps.store.tx((tx) => exprOf(tx, filter)));
      const where = expr ? { expr, nowMs: deps.clock.nowMs() } : undefined;
      const { devices, next } = await findDevices(deps.store, { ...query, where });
      const steadyMs = deps.steadyMs();
      return { devices: devices.map((one) => deviceView(one, steadyMs)), next };
    },
  );
  app.get(
    "/v1/devices/:serial",
    {
      schema: {
        summary: "One device",
        params: serialParams,
        response: { 200: device, ...failures },
      },
    },
    async (request) =>
      deviceView(
        await deps.store.tx((tx) => needDevice(tx, request.params.serial)),
        deps.steadyMs(),
      ),
  );
  app.get(
    "/v1/devices/:serial/vitals",
    {
      schema: {
        summary: "The newest vitals of a span, oldest first",
        params: serialParams,
        querystring: spanQuery,
        response: { 200: vitalsPage, ...failures },
      },
    },
    async (request) => {
      const { serial } = request.params;
      const { limit = pageRowsDefault, ...span } = request.query;
      const vitals = await deps.store.tx(async (tx) => {
        await needDevice(tx, serial);
        return tx.vitals({ serial, ...span, limit });
      });
      return { serial, vitals };
    },
  );
}

function orderRoutes(app: Api, deps: ApiDeps): void {
  const edge = () => ({ random: deps.random, nowMs: deps.clock.nowMs() });
  app.post(
    "/v1/devices/:serial/decommission",
    {
      schema: {
        summary: "Stop billing now and have the device wiped; hooks that may veto are asked before",
        params: serialParams,
        body: decommissionBody,
        response: { 202: device, ...failures },
      },
    },
    async (request, reply) => {
      const { mode, person: name } = request.body;
      const { serial } = request.params;
      const told = { outputs: deps.outputsAbout("billing"), steadyMs: deps.steadyMs() };
      const wiping = await deps.store.tx((tx) =>
        requestDecommission(
          tx,
          { serial, mode: modes[mode], person: name },
          { ...edge(), ...told, hooks: deps.hooks.plan("decommission") },
        ),
      );
      const after = await awaitHooks(deps, wiping.device, wiping.saga?.id);
      deps.nudge(serial);
      return reply.code(202).send(deviceView(after, deps.steadyMs()));
    },
  );
  app.post(
    "/v1/devices/:serial/revert",
    {
      schema: {
        summary: "Order the device back to the image in its other slot",
        params: serialParams,
        body: revertBody,
        response: { 202: device, ...failures },
      },
    },
    async (request, reply) => {
      const order = { ...request.params, ...request.body, person: person(request) };
      const ordered = await deps.store.tx((tx) => orderRevert(tx, order, edge()));
      deps.nudge(ordered.serial);
      return reply.code(202).send(deviceView(ordered, deps.steadyMs()));
    },
  );
  app.put(
    "/v1/devices/:serial/settings",
    {
      schema: {
        summary: "Wish settings; the device takes them at its next contact",
        params: serialParams,
        body: settingsBody,
        response: { 202: device, ...failures },
      },
    },
    async (request, reply) => {
      const wish = { ...request.params, ...request.body, person: person(request) };
      const wished = await deps.store.tx((tx) => wishSettings(tx, wish, deps.clock.nowMs()));
      deps.nudge(wished.serial);
      return reply.code(202).send(deviceView(wished, deps.steadyMs()));
    },
  );
  app.put(
    "/v1/devices/:serial/flags",
    {
      schema: {
        summary: "Switch feature flags of the device, with or without expiry; others stay",
        params: serialParams,
        body: flagsBody,
        response: { 202: device, ...failures },
      },
    },
    async (request, reply) => {
      const wanted = { ...request.params, ...request.body, person: person(request) };
      const wished = await deps.store.tx((tx) => wishFlags(tx, wanted, deps.clock.nowMs()));
      deps.nudge(wished.serial);
      return reply.code(202).send(deviceView(wished, deps.steadyMs()));
    },
  );
  app.put(
    "/v1/devices/:serial/labels",
    {
      schema: {
        summary: "Group, site, tags and check-in pause; what is left out stays",
        params: serialParams,
        body: labelsBody,
        response: { 200: device, ...failures },
      },
    },
    async (request) => {
      const labels = { ...request.params, labels: request.body, person: person(request) };
      const labelled = await deps.store.tx((tx) => relabel(tx, labels, deps.clock.nowMs()));
      return deviceView(labelled, deps.steadyMs());
    },
  );
}
