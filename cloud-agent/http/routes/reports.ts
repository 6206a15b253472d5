import { Type } from "typebox";
import { reportBytesMax } from "../../core/limits.ts";
import { needReport, takeReport } from "../../core/reports.ts";
import { person } from "../auth.ts";
import type { Api, ApiDeps } from "../deps.ts";
import { base64, failures, hex, time, uint32 } from "../schemas.ts";

const stored = Type.Object({
  digest: hex(32),
  kind: Type.String({ description: "rehearsal or tests" }),
  sequence: uint32(),
  images: Type.Array(hex(32), { description: "payloads it is about" }),
  passed: Type.Boolean(),
  summary: Type.String(),
  receivedMs: time(),
  person: Type.String(),
});

/** Reports that speak for a release: sent before it is published, kept with it. */
export function reportRoutes(app: Api, deps: ApiDeps): void {
  app.post(
    "/v1/reports",
    {
      bodyLimit: Math.ceil((reportBytesMax * 4) / 3) + 1024,
      schema: {
        summary: "Send the report of a rehearsal or of tests; its digest is what a release names",
        body: Type.Object({ report: base64(reportBytesMax) }, { additionalProperties: false }),
        response: { 201: stored, ...failures },
      },
    },
    async (request, reply) => {
      const bytes = new Uint8Array(Buffer.from(request.body.report, "base64"));
      const sent = { bytes, person: person(request) };
      const report = await deps.store.tx((tx) => takeReport(tx, sent, deps.clock.nowMs()));
      return reply.code(201).send(report);
    },
  );
  app.get(
    "/v1/reports/:digest",
    {
      schema: {
        summary: "A report with its bytes",
        params: Type.Object({ digest: hex(32) }, { additionalProperties: false }),
        response: {
          200: Type.Intersect([stored, Type.Object({ bytes: Type.String() })]),
          ...failures,
        },
      },
    },
    (request) => deps.store.tx((tx) => needReport(tx, request.params.digest)),
  );
}
