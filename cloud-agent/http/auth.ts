import { createHash } from "node:crypto";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { AgentCode, AgentError } from "../core/errors.ts";
import type { Clock, Random } from "../core/ports.ts";
import type { TokenRecord } from "../core/records.ts";
import type { Store, Tx } from "../storage/store.ts";
import { publicRoutes, type Role, routeRoles } from "./roles.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** who asks; null on public routes */
    caller: TokenRecord | null;
  }
}

/** Makes every route demand a bearer token with a role of the table. Call before routes are added.
 *  @throws at start, naming a route that has no entry in the table */
export function requireTokens(app: FastifyInstance, deps: { store: Store; clock: Clock }): void {
  app.decorateRequest("caller", null);
  app.addHook("onRoute", (route) => {
    for (const method of [route.method].flat()) {
      const name = `${method} ${route.url}`;
      if (method === "HEAD" || publicRoutes.has(name) || routeRoles[name]) continue;
      throw new Error(`route ${name}: expected an entry in the role table, found none`);
    }
  });
  app.addHook("onRequest", async (request) => {
    const url = request.routeOptions.url;
    // An unknown route has no url here and goes on to the 404 answer.
    if (url === undefined) return;
    const name = `${request.method === "HEAD" ? "GET" : request.method} ${url}`;
    if (publicRoutes.has(name)) return;
    request.caller = await authenticate(request, deps);
    const roles = routeRoles[name] ?? [];
    if (request.caller.role !== "admin" && !roles.includes(request.caller.role)) {
      const wanted = ["admin", ...roles].join(", ");
      throw new AgentError(
        AgentCode.Forbidden,
        `${name}: expected role ${wanted}; the token of ${request.caller.name} has role ${request.caller.role}`,
      );
    }
  });
}

/** Name of the caller, for the log. */
export function person(request: FastifyRequest): string {
  return request.caller?.name ?? "nobody";
}

async function authenticate(
  request: FastifyRequest,
  deps: { store: Store; clock: Clock },
): Promise<TokenRecord> {
  const match = /^Bearer ([\x21-\x7e]{1,256})$/i.exec(request.headers.authorization ?? "");
  if (!match) {
    throw new AgentError(AgentCode.Unauthenticated, "request: expected a bearer token, got none");
  }
  // Found by its hash: the comparison's timing says nothing about the token.
  const token = await deps.store.tx((tx) => tx.tokenByHash(hashToken(match[1]!)));
  if (!token) {
    throw new AgentError(AgentCode.Unauthenticated, "token: not known to this agent");
  }
  if (token.expiresMs !== null && token.expiresMs <= deps.clock.nowMs()) {
    throw new AgentError(
      AgentCode.Unauthenticated,
      `token of ${token.name}: expired at ${new Date(token.expiresMs).toISOString()}`,
    );
  }
  return token;
}

/** hex SHA-256. Enough for a token of 256 random bits; a password would need a slow hash. */
export function hashToken(token: string): string {
  return createHash("sha256").update(token, "utf8").digest("hex");
}

/** Makes a token and stores its hash.
 *  @param token given text, for the administrator of the first start; omitted: 256 random bits
 *  @returns the text, which is nowhere else and cannot be had again */
export async function createToken(
  tx: Tx,
  options: { role: Role; name: string; expiresMs: number | null; token?: string },
  edge: { random: Random; nowMs: number },
): Promise<{ token: string; record: TokenRecord }> {
  const token = options.token ?? `flt_${Buffer.from(edge.random.bytes(32)).toString("base64url")}`;
  const record: TokenRecord = {
    id: Buffer.from(edge.random.bytes(8)).toString("hex"),
    hash: hashToken(token),
    role: options.role,
    name: options.name,
    expiresMs: options.expiresMs,
  };
  await tx.putToken(record);
  await tx.appendEvent(
    {
      kind: "tokenCreated",
      text: `A token with role ${record.role} was made for ${record.name}.`,
      data: { id: record.id, role: record.role, name: record.name, expiresMs: record.expiresMs },
    },
    edge.nowMs,
  );
  return { token, record };
}
