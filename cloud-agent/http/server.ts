/** The HTTP API: one Fastify server, every route typed, checked and described by its schema. */
import swagger from "@fastify/swagger";
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import fastify from "fastify";
import { AgentCode, AgentError } from "../core/errors.ts";
import { bodyBytesMax } from "../core/limits.ts";
import { auditChanges } from "./audit.ts";
import { requireTokens } from "./auth.ts";
import type { Api, ApiDeps } from "./deps.ts";
import { errorHandler } from "./problems.ts";
import { alertRoutes } from "./routes/alerts.ts";
import { auditRoutes } from "./routes/audit.ts";
import { claimRoutes } from "./routes/claims.ts";
import { consentRoutes } from "./routes/consents.ts";
import { deviceRoutes } from "./routes/devices.ts";
import { eventRoutes } from "./routes/events.ts";
import { filterRoutes } from "./routes/filters.ts";
import { healthRoutes } from "./routes/health.ts";
import { labRoutes } from "./routes/lab.ts";
import { leaseRoutes } from "./routes/leases.ts";
import { outboxRoutes } from "./routes/outbox.ts";
import { payloadRoutes } from "./routes/payloads.ts";
import { productRoutes } from "./routes/products.ts";
import { provisioningRoutes } from "./routes/provisioning.ts";
import { qualityRoutes } from "./routes/quality.ts";
import { reconciliationRoutes } from "./routes/reconciliations.ts";
import { releaseRoutes } from "./routes/releases.ts";
import { reportRoutes } from "./routes/reports.ts";
import { rolloutRoutes } from "./routes/rollouts.ts";
import { summaryRoutes } from "./routes/summary.ts";
import { tokenRoutes } from "./routes/tokens.ts";
import { vitalsRoutes } from "./routes/vitals.ts";

/** Builds the server; the caller listens and closes.
 *  @throws at start when a route has no entry in the role table */
export async function buildServer(deps: ApiDeps): Promise<Api> {
  const app: Api = fastify({
    bodyLimit: bodyBytesMax,
    // The default drops unknown fields in silence: a misspelt one would be a setting that is not made.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, allErrors: false } },
    routerOptions: { maxParamLength: 64, querystringParser: parseQuery },
  }).withTypeProvider<TypeBoxTypeProvider>();
  app.setErrorHandler(errorHandler(deps.log));
  app.setNotFoundHandler((request) => {
    const path = request.url.split("?")[0];
    throw new AgentError(AgentCode.NotFound, `${request.method} ${path}: there is no such route`);
  });
  app.addHook("onResponse", async (request, reply) => {
    const route = `${request.method} ${request.routeOptions.url ?? "unknown"}`;
    deps.metrics.http(route, reply.statusCode, reply.elapsedTime);
  });
  requireTokens(app, deps);
  auditChanges(app, deps);
  // A body that is not sent is an empty one: `POST …/start` alone says all it has to.
  app.addHook("preValidation", async (request) => {
    if (request.method !== "GET" && request.body == null) request.body = {};
  });
  await describeApi(app);
  for (const routes of [
    healthRoutes,
    claimRoutes,
    deviceRoutes,
    filterRoutes,
    releaseRoutes,
    payloadRoutes,
    reportRoutes,
    leaseRoutes,
    rolloutRoutes,
    consentRoutes,
    eventRoutes,
    summaryRoutes,
    tokenRoutes,
    auditRoutes,
    productRoutes,
    qualityRoutes,
    vitalsRoutes,
    alertRoutes,
    outboxRoutes,
    provisioningRoutes,
    reconciliationRoutes,
    labRoutes,
  ]) {
    routes(app, deps);
  }
  await app.ready();
  return app;
}

/** Query names that hold numbers. Type coercion is off, because in bodies it would turn null into "" and 5 into "5". */
const numberNames = new Set([
  "limit",
  "lifecycle",
  "sequence",
  "afterId",
  "fromIndex",
  "sinceMs",
  "untilMs",
  "atMs",
]);

function parseQuery(text: string): Record<string, unknown> {
  const query: Record<string, unknown> = {};
  for (const [name, value] of new URLSearchParams(text)) {
    const isNumber = numberNames.has(name) && /^\d{1,15}$/.test(value);
    query[name] = isNumber ? Number(value) : value;
  }
  return query;
}

async function describeApi(app: Api): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Fleetling agent",
        version: "1",
        description:
          "Failures are RFC 9457 problem documents with a numeric code and what to do next.",
      },
      components: { securitySchemes: { token: { type: "http", scheme: "bearer" } } },
      security: [{ token: [] }],
    },
  });
}
