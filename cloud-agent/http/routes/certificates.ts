import { Type } from "typebox";
import { AgentCode, AgentError } from "../../core/errors.ts";
import { needDevice } from "../../core/lifecycle.ts";
import { pageRowsDefault, pageRowsMax } from "../../core/limits.ts";
import type { Api, ApiDeps } from "../deps.ts";
import { failures, serialParams } from "../schemas.ts";

/** Wipe certificates: one device's newest, and the whole chain for those who check it offline. */
export function certificateRoutes(app: Api, deps: ApiDeps): void {
  app.get(
    "/v1/devices/:serial/certificate",
    {
      schema: {
        summary: "The newest wipe certificate, exactly as it was signed",
        params: serialParams,
        response: { 200: Type.Unknown(), ...failures },
      },
    },
    async (request, reply) => {
      const { serial } = request.params;
      const certificate = await deps.store.tx(async (tx) => {
        await needDevice(tx, serial);
        return tx.certificate(serial);
      });
      if (!certificate) {
        throw new AgentError(
          AgentCode.CertificateNotIssued,
          `device ${serial}: no wipe of it has ended`,
        );
      }
      // The text itself is signed; a serialiser could change its bytes.
      return reply
        .type("application/json; charset=utf-8")
        .serializer((text: string) => text)
        .send(certificate.json as never);
    },
  );
  app.get(
    "/v1/certificates",
    {
      schema: {
        summary: "The chain of wipe certificates in order, and the key to check it with",
        querystring: Type.Object(
          {
            fromIndex: Type.Optional(Type.Integer({ minimum: 0 })),
            limit: Type.Optional(Type.Integer({ minimum: 1, maximum: pageRowsMax })),
          },
          { additionalProperties: false },
        ),
        response: {
          200: Type.Object({
            publicKey: Type.String({ description: "hex Ed25519" }),
            certificates: Type.Array(Type.String({ description: "JSON exactly as signed" })),
            next: Type.Union([Type.Integer({ description: "next fromIndex" }), Type.Null()]),
          }),
          ...failures,
        },
      },
    },
    async (request) => {
      const { fromIndex, limit = pageRowsDefault } = request.query;
      const page = { fromIndex, limit: limit + 1 };
      const rows = await deps.store.tx((tx) => tx.certificates(page));
      return {
        publicKey: deps.certificatePublicKey,
        certificates: rows.slice(0, limit).map((row) => row.json),
        next: rows.length > limit ? rows[limit]!.index : null,
      };
    },
  );
}
