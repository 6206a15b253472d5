import { Type } from "typebox";
import { auditHead, auditPage } from "../../core/audit.ts";
import type { Api, ApiDeps } from "../deps.ts";
import { failures } from "../schemas.ts";

const record = Type.Object({
  index: Type.Integer(),
  atMs: Type.Integer(),
  tokenId: Type.String(),
  person: Type.String(),
  role: Type.String(),
  method: Type.String(),
  path: Type.String(),
  bodyDigest: Type.String(),
  answers: Type.Union([Type.Integer(), Type.Null()]),
  status: Type.Union([Type.Integer(), Type.Null()]),
  previous: Type.String(),
  hash: Type.String(),
});

/** The chain of who asked for what. */
export function auditRoutes(app: Api, deps: ApiDeps): void {
  app.get(
    "/v1/audit",
    {
      schema: {
        summary: "Requests that may have changed something and how they ended, oldest first",
        querystring: Type.Object(
          {
            fromIndex: Type.Optional(Type.Integer({ minimum: 0 })),
            limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
          },
          { additionalProperties: false },
        ),
        response: {
          200: Type.Object({
            records: Type.Array(record),
            head: Type.Object({ index: Type.Integer(), hash: Type.String() }),
          }),
          ...failures,
        },
      },
    },
    ({ query: { fromIndex = 0, limit = 100 } }) =>
      deps.store.tx(async (tx) => ({
        records: await auditPage(tx, fromIndex, limit),
        head: await auditHead(tx),
      })),
  );
}
