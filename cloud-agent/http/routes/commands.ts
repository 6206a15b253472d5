import { type Static, Type } from "typebox";
import { settingNamePattern } from "../../../firmware/protocol/host/settings.ts";
import { commandTextCharsMax } from "../../../firmware/protocol/limits.ts";
import { commandsOf, orderCommand } from "../../core/commands.ts";
import type { DeviceFilter } from "../../core/deviceFilter.ts";
import { logsOf } from "../../core/deviceLogs.ts";
import { AgentError } from "../../core/errors.ts";
import { needDevice } from "../../core/lifecycle.ts";
import { commandSMax, commandSMin, pageRowsMax } from "../../core/limits.ts";
import { findDevices } from "../../findDevices.ts";
import { person } from "../auth.ts";
import type { Api, ApiDeps } from "../deps.ts";
import { failures, orNull, serialParams, time, uint32 } from "../schemas.ts";

const closed = { additionalProperties: false };
const value = Type.Union([
  Type.Integer({ minimum: -2147483648, maximum: 2147483647 }),
  Type.String({ maxLength: commandTextCharsMax, pattern: "^[ -~]*$" }),
  Type.Boolean(),
  Type.Null(),
]);
const expiresS = Type.Integer({
  ...{ minimum: commandSMin, maximum: commandSMax },
  description: "seconds from now after which it is neither sent nor begun",
});
const order = {
  name: Type.String({ pattern: settingNamePattern.source, description: "as the app declares it" }),
  argument: Type.Optional(value),
  expiresS,
};
const word = Type.Optional(Type.String({ minLength: 1, maxLength: 64 }));
const filter = Type.Object(
  {
    ...{ site: word, group: word, tag: word, account: word, gateway: word },
    ...{ model: word, board: word, batch: word, sequence: Type.Optional(uint32()) },
  },
  { ...closed, minProperties: 1, description: "every field that is given must match" },
);

const command = Type.Object({
  serial: Type.String(),
  id: uint32({ description: "rises per device" }),
  name: orNull(Type.String({ description: "null: to tell its log" })),
  argument: value,
  person: Type.String(),
  createdMs: time(),
  expiresMs: time(),
  state: Type.String({ description: "queued, sent, done, failed, refused or expired" }),
  sentMs: orNull(time("last sent")),
  endedMs: orNull(time()),
  code: orNull(Type.Integer({ description: "the device's; null while it has not answered" })),
  result: value,
});
const lines = Type.Array(Type.String(), { description: "oldest first" });
const log = Type.Object({
  serial: Type.String(),
  id: uint32({ description: "of the command that asked for it" }),
  atMs: time(),
  sequence: uint32({ description: "release that ran" }),
  resetReason: Type.Integer({ description: "why the start that ran began (SPEC.md §4.2)" }),
  lines,
  ended: orNull(
    Type.Object(
      { code: Type.Integer(), text: Type.String(), lines },
      { description: "how the start before ended, where something noted it" },
    ),
  ),
});
const fleetOrder = Type.Object({ ...order, filter }, closed);
const fleetReply = Type.Object({
  ordered: Type.Array(Type.String(), { description: "serials that got the command" }),
  refused: Type.Array(
    Type.Object({ serial: Type.String(), code: Type.Integer(), detail: Type.String() }),
    { description: "those that cannot take it now, and why" },
  ),
});

/** Commands of the app, and the device's log: ordering them and reading what came of them. */
export function commandRoutes(app: Api, deps: ApiDeps): void {
  readRoutes(app, deps);
  const ordered = async (request: Parameters<typeof orderCommand>[1]) => {
    const placed = await deps.store.tx((tx) => orderCommand(tx, request, deps.clock.nowMs()));
    deps.nudge(placed.serial);
    return placed;
  };
  app.post(
    "/v1/devices/:serial/commands",
    {
      schema: {
        summary: "Have the device's app run a command, at most once",
        params: serialParams,
        body: Type.Object(order, closed),
        response: { 202: command, ...failures },
      },
    },
    async (request, reply) => {
      const { name, argument = null, expiresS: forS } = request.body;
      const wanted = { ...request.params, name, argument, forMs: forS * 1000 };
      return reply.code(202).send(await ordered({ ...wanted, person: person(request) }));
    },
  );
  app.post(
    "/v1/devices/:serial/logs",
    {
      schema: {
        summary: "Have the device tell its last log lines and how its last start ended",
        params: serialParams,
        body: Type.Object({ expiresS }, closed),
        response: { 202: command, ...failures },
      },
    },
    async (request, reply) => {
      const forMs = request.body.expiresS * 1000;
      const wanted = { ...request.params, name: null, argument: null, forMs };
      return reply.code(202).send(await ordered({ ...wanted, person: person(request) }));
    },
  );
  app.post(
    "/v1/commands",
    {
      schema: {
        summary: "The same command for all claimed devices that a filter means",
        body: fleetOrder,
        response: { 202: fleetReply, ...failures },
      },
    },
    async (request, reply) =>
      reply.code(202).send(await orderAll(deps, request.body, person(request))),
  );
}

function readRoutes(app: Api, deps: ApiDeps): void {
  const read = <T>(serial: string, of: (tx: Parameters<typeof needDevice>[0]) => Promise<T>) =>
    deps.store.tx(async (tx) => {
      await needDevice(tx, serial);
      return of(tx);
    });
  app.get(
    "/v1/devices/:serial/commands",
    {
      schema: {
        summary: "The device's last commands and what came of them, newest first",
        params: serialParams,
        response: { 200: Type.Object({ commands: Type.Array(command) }), ...failures },
      },
    },
    async ({ params: { serial } }) => ({
      commands: await read(serial, (tx) => commandsOf(tx, serial)),
    }),
  );
  app.get(
    "/v1/devices/:serial/logs",
    {
      schema: {
        summary: "What the device told of itself, newest first",
        params: serialParams,
        response: { 200: Type.Object({ logs: Type.Array(log) }), ...failures },
      },
    },
    async ({ params: { serial } }) => ({ logs: await read(serial, (tx) => logsOf(tx, serial)) }),
  );
}

/** A transaction per device: devices are answered in between, and a killed agent has ordered what it told of. */
async function orderAll(
  deps: ApiDeps,
  request: Static<typeof fleetOrder>,
  by: string,
): Promise<Static<typeof fleetReply>> {
  const { name, argument = null, expiresS: forS } = request;
  const meant: DeviceFilter = request.filter;
  const all: Static<typeof fleetReply> = { ordered: [], refused: [] };
  let after: string | undefined;
  for (;;) {
    const page = await findDevices(deps.store, { ...meant, after, limit: pageRowsMax });
    for (const { serial } of page.devices) {
      const wanted = { serial, name, argument, forMs: forS * 1000, person: by };
      try {
        await deps.store.tx((tx) => orderCommand(tx, wanted, deps.clock.nowMs()));
        all.ordered.push(serial);
        deps.nudge(serial);
      } catch (error) {
        if (!(error instanceof AgentError)) throw error;
        all.refused.push({ serial, code: error.code, detail: error.message });
      }
    }
    if (page.next === null) return all;
    after = page.next;
  }
}
