import { Readable } from "node:stream";
import { Type } from "typebox";
import { type ErasedCounts, endErasure, eraseNext } from "../../core/erase.ts";
import { csvHeads, csvLine, type ExportPart, exportParts } from "../../core/export.ts";
import { needDevice } from "../../core/lifecycle.ts";
import type { DeviceRecord } from "../../core/records.ts";
import { exportLines, partCells } from "../../deviceExport.ts";
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

/** All that is stored of a device: given out, and erased. */
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
        return reply.type("text/csv; charset=utf-8").send(Readable.from(csvOf(deps, serial, part)));
      }
      const head = { serial, atMs: deps.clock.nowMs(), device: shownDevice(record, deps) };
      reply.header("content-disposition", `attachment; filename="${serial}.jsonl"`);
      const lines = exportLines(deps.store, head);
      return reply.type("application/x-ndjson").send(Readable.from(lines));
    },
  );
  app.delete(
    "/v1/devices/:serial/data",
    {
      schema: {
        summary: "Erase what is stored of a device that has left; birth and certificates stay",
        params: serialParams,
        response: {
          200: Type.Object({
            ...{ vitals: Type.Integer(), spans: Type.Integer() },
            ...{ events: Type.Integer(), returns: Type.Integer(), snapshots: Type.Integer() },
            provisionings: Type.Integer(),
            ...{ commands: Type.Integer(), logs: Type.Integer() },
          }),
          ...failures,
        },
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

/** The fields that the API shows, and no others: there is no schema here that leaves secrets out. */
function shownDevice(record: DeviceRecord, deps: ApiDeps): Record<string, unknown> {
  const view: Record<string, unknown> = deviceView(record, deps.steadyMs());
  const shown = Object.fromEntries(
    Object.keys(device.properties).map((name) => [name, view[name]]),
  );
  const { order } = record;
  const { kind, orderId, createdMs } = order ?? {};
  return { ...shown, order: order && { kind, orderId, createdMs } };
}

async function* csvOf(deps: ApiDeps, serial: string, part: ExportPart): AsyncGenerator<string> {
  yield csvLine(csvHeads[part]);
  for await (const cells of partCells(deps.store, serial, part)) yield csvLine(cells);
}
