import { Type } from "typebox";
import { createToken } from "../auth.ts";
import type { Api, ApiDeps } from "../deps.ts";
import { failures, role, token } from "../schemas.ts";

/** Tokens of people, lines and gateways. Only their hashes are kept. */
export function tokenRoutes(app: Api, deps: ApiDeps): void {
  app.post(
    "/v1/tokens",
    {
      schema: {
        summary: "Make a token; its text is in this reply and nowhere else",
        body: Type.Object(
          {
            role,
            name: Type.String({ minLength: 1, maxLength: 80 }),
            expiresMs: Type.Optional(Type.Union([Type.Integer({ minimum: 0 }), Type.Null()])),
          },
          { additionalProperties: false },
        ),
        response: {
          201: Type.Object({ ...token.properties, token: Type.String() }),
          ...failures,
        },
      },
    },
    async (request, reply) => {
      const { role, name, expiresMs = null } = request.body;
      const made = await deps.store.tx((tx) =>
        createToken(
          tx,
          { role, name, expiresMs },
          { random: deps.random, nowMs: deps.clock.nowMs() },
        ),
      );
      return reply.code(201).send({ ...made.record, token: made.token });
    },
  );
  app.get(
    "/v1/tokens",
    {
      schema: {
        summary: "All tokens, without their text",
        response: { 200: Type.Object({ tokens: Type.Array(token) }), ...failures },
      },
    },
    async () => ({ tokens: await deps.store.tx((tx) => tx.tokens()) }),
  );
}
