import { Type } from "typebox";
import { AgentCode, AgentError } from "../../core/errors.ts";
import type { TokenRecord } from "../../core/records.ts";
import { createToken, person } from "../auth.ts";
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
  app.delete(
    "/v1/tokens/:id",
    {
      schema: {
        summary: "End a token now; its record stays",
        params: Type.Object({ id: Type.String({ pattern: "^[A-Za-z0-9]{1,32}$" }) }),
        response: { 200: token, ...failures },
      },
    },
    async (request) => {
      const { id } = request.params;
      const nowMs = deps.clock.nowMs();
      const isOver = ({ expiresMs }: TokenRecord) => expiresMs !== null && expiresMs <= nowMs;
      return deps.store.tx(async (tx) => {
        const all = await tx.tokens();
        const found = all.find((one) => one.id === id);
        if (!found)
          throw new AgentError(AgentCode.NotFound, `token ${id}: not known to this agent`);
        if (isOver(found)) return found;
        const others = all.filter((one) => one.role === "admin" && one !== found && !isOver(one));
        if (found.role === "admin" && others.length === 0)
          throw new AgentError(
            AgentCode.LastAdministrator,
            `token ${id}: expected another administrator's beside it, found none`,
          );
        const ended = { ...found, expiresMs: nowMs };
        await tx.putToken(ended);
        const { role, name } = found;
        const text = `The token of ${name} with role ${role} was revoked by ${person(request)}.`;
        await tx.appendEvent({ kind: "tokenRevoked", text, data: { id, role, name } }, nowMs);
        return ended;
      });
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
