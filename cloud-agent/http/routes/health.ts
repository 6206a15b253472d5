import { Type } from "typebox";
import type { Api, ApiDeps } from "../deps.ts";

const status = Type.Object({ status: Type.String() });

/** Liveness, readiness, the API's own description, which need no token, and figures. */
export function healthRoutes(app: Api, deps: ApiDeps): void {
  app.get(
    "/healthz",
    { schema: { summary: "The process answers", security: [], response: { 200: status } } },
    async () => ({ status: "ok" }),
  );
  app.get(
    "/readyz",
    {
      schema: {
        summary: "The store answers and devices can connect",
        security: [],
        response: { 200: status, 503: status },
      },
    },
    async (_request, reply) => {
      const storeAnswers = await deps.store
        .tx((tx) => tx.meta("schemaVersion"))
        .then(
          (version) => version !== null,
          () => false,
        );
      if (storeAnswers && deps.isReady()) return { status: "ready" };
      return reply.code(503).send({ status: storeAnswers ? "starting" : "store does not answer" });
    },
  );
  app.get(
    "/metrics",
    {
      schema: {
        summary: "Figures of agent and fleet, in Prometheus' text format",
        produces: ["text/plain"],
        response: { 200: Type.String() },
      },
    },
    async (_request, reply) => {
      const text = await deps.metrics.text();
      return reply.type(deps.metrics.contentType).serializer(String).send(text);
    },
  );
  app.get("/openapi.json", { schema: { hide: true } }, async () => app.swagger());
}
