import { Readable } from "node:stream";
import { Type } from "typebox";
import { countErasable, type ErasedCounts, endErasure, eraseNext } from "../../core/erase.ts";
import { csvHeads, csvLine, type ExportPart, exportParts } from "../../core/export.ts";
import { needDevice } from "../../core/lifecycle.ts";
import type { DeviceRecord } from "../../core/records.ts";
import { devicesOfAccount, exportLines, oneDevice, partCells } from "../../deviceExport.ts";
import { importFile } from "../../importFile.ts";
import { person } from "../auth.ts";
import type { Api, ApiDeps } from "../deps.ts";
import { device } from "../deviceSchema.ts";
import { failures, serialParams } from "../schemas.ts";
import { deviceView } from "../views.ts";

const exportQuery = Type.Object(
  {
    format: Type.Optional(
      Type.Union([Type.Literal("jsonl"), Type.Literal("csv")], { default: "jsonl" }),
    ),
    part: Type.Optional(
      Type.Union(
        exportParts.map((name) => Type.Literal(name)),
        { description: "table of a CSV; default vitals" },
      ),
    ),
  },
  { additionalProperties: false },
);
const accountParams = Type.Object({ account: Type.String({ minLength: 1, maxLength: 64 }) });
const erased = Type.Object({
  ...{ vitals: Type.Integer(), spans: Type.Integer() },
  ...{ events: Type.Integer(), returns: Type.Integer(), snapshots: Type.Integer() },
  ...{ provisionings: Type.Integer(), commands: Type.Integer(), logs: Type.Integer() },
});
const importReport = Type.Object({
  imported: Type.Integer({ description: "devices" }),
  unchanged: Type.Integer({ description: "devices that were whole here already" }),
  ...{ lines: Type.Integer(), refusedCount: Type.Integer() },
  refused: Type.Array(
    Type.Object({ serial: Type.String(), name: Type.String(), detail: Type.String() }),
    { description: "the first 200" },
  ),
  told: Type.Array(Type.Object({ serial: Type.String(), what: Type.Array(Type.String()) }), {
    description: "what could not be brought, the first 200 devices",
  }),
});

/** All that is stored of devices: given out, taken in, and erased. */
export function exportRoutes(app: Api, deps: ApiDeps): void {
  app.get(
    "/v1/devices/:serial/export",
    {
      schema: {
        summary: "All that is stored of a device (JSON lines), or one table of it (CSV)",
        ...{ params: serialParams, querystring: exportQuery },
      },
    },
    async (request, reply) => {
      const { serial } = request.params;
      const { format = "jsonl", part = "vitals" } = request.query;
      const record = await deps.store.tx((tx) => needDevice(tx, serial));
      if (format === "csv") {
        const name = `${serial}-${part}.csv`;
        reply.header("content-disposition", `attachment; filename="${name}"`);
        const rows = partCells(deps.store, oneDevice(record), part);
        return reply.type("text/csv; charset=utf-8").send(Readable.from(csvOf(rows, part, false)));
      }
      const head = { serial, atMs: deps.clock.nowMs() };
      reply.header("content-disposition", `attachment; filename="${serial}.jsonl"`);
      const show = (one: DeviceRecord) => shownDevice(one, deps);
      const lines = exportLines(deps.store, head, oneDevice(record), show);
      return reply.type("application/x-ndjson").send(Readable.from(lines));
    },
  );
  accountRoutes(app, deps);
  importRoute(app, deps);
  eraseRoutes(app, deps);
}

function accountRoutes(app: Api, deps: ApiDeps): void {
  app.get(
    "/v1/accounts/:account/export",
    {
      schema: {
        summary:
          "All that is stored of an account's devices since it claimed them (JSON lines), or one table (CSV)",
        ...{ params: accountParams, querystring: exportQuery },
      },
    },
    async (request, reply) => {
      const { account } = request.params;
      const { format = "jsonl", part = "vitals" } = request.query;
      const devices = devicesOfAccount(deps.store, account);
      if (format === "csv") {
        const rows = partCells(deps.store, devices, part);
        return reply.type("text/csv; charset=utf-8").send(Readable.from(csvOf(rows, part, true)));
      }
      const head = { account, atMs: deps.clock.nowMs() };
      const show = (one: DeviceRecord) => shownDevice(one, deps);
      const lines = exportLines(deps.store, head, devices, show);
      return reply.type("application/x-ndjson").send(Readable.from(lines));
    },
  );
}

function importRoute(app: Api, deps: ApiDeps): void {
  app.addContentTypeParser("application/x-ndjson", (_request, payload, done) => {
    done(null, payload);
  });
  app.post(
    "/v1/import",
    {
      // Read as it comes, so its length is no matter of memory; each line is bounded.
      bodyLimit: Number.MAX_SAFE_INTEGER,
      schema: {
        summary: "Take in an export (JSON lines); the same again changes nothing",
        consumes: ["application/x-ndjson"],
        querystring: Type.Object(
          { dryRun: Type.Optional(Type.Union([Type.Literal("true"), Type.Literal("false")])) },
          { additionalProperties: false },
        ),
        response: { 200: importReport, ...failures },
      },
    },
    async (request) => {
      const body = request.body;
      const chunks = body instanceof Readable ? body : Readable.from([]);
      const isDry = request.query.dryRun === "true";
      return importFile(deps, chunks, { person: person(request), isDry });
    },
  );
}

function eraseRoutes(app: Api, deps: ApiDeps): void {
  app.get(
    "/v1/devices/:serial/data",
    {
      schema: {
        summary: "What an erasure of the device would take",
        ...{ params: serialParams, response: { 200: erased, ...failures } },
      },
    },
    async (request) => deps.store.tx((tx) => countErasable(tx, request.params.serial)),
  );
  app.delete(
    "/v1/devices/:serial/data",
    {
      schema: {
        summary: "Erase what is stored of a device that has left; birth and certificates stay",
        ...{ params: serialParams, response: { 200: erased, ...failures } },
      },
    },
    async (request) => {
      const { serial } = request.params;
      const counts: ErasedCounts = {
        ...{ vitals: 0, spans: 0, events: 0, returns: 0, snapshots: 0, provisionings: 0 },
        ...{ commands: 0, logs: 0 },
      };
      for (;;) {
        const portion = await deps.store.tx((tx) => eraseNext(tx, serial));
        const names = Object.keys(counts) as (keyof ErasedCounts)[];
        for (const name of names) counts[name] += portion[name];
        if (names.every((name) => portion[name] === 0)) break;
      }
      const done = { serial, person: person(request), counts };
      await deps.store.tx((tx) => endErasure(tx, done, deps.clock.nowMs()));
      return counts;
    },
  );
}

/** The fields that the API shows, and no others: there is no schema here that leaves secrets out. Presence is of the
 *  moment and of this agent's clock. */
function shownDevice(record: DeviceRecord, deps: ApiDeps): Record<string, unknown> {
  const view: Record<string, unknown> = deviceView(record, deps.steadyMs());
  const names = Object.keys(device.properties).filter((name) => name !== "presence");
  const shown = Object.fromEntries(names.map((name) => [name, view[name]]));
  const { order } = record;
  const { kind, orderId, createdMs } = order ?? {};
  return { ...shown, order: order && { kind, orderId, createdMs } };
}

/** @param isMany true: the first column is the serial */
async function* csvOf(
  rows: AsyncIterable<{ serial: string; cells: (string | number | null)[] }>,
  part: ExportPart,
  isMany: boolean,
): AsyncGenerator<string> {
  yield csvLine(isMany ? ["serial", ...csvHeads[part]] : csvHeads[part]);
  for await (const { serial, cells } of rows) yield csvLine(isMany ? [serial, ...cells] : cells);
}
