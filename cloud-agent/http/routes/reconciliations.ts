import { Type } from "typebox";
import { keptMax, needReconciliation, reconciliations } from "../../core/reconcile.ts";
import { person } from "../auth.ts";
import type { Api, ApiDeps } from "../deps.ts";
import { failures, orNull, time } from "../schemas.ts";

const closed = { additionalProperties: false };
const mismatches = Type.Object({
  count: Type.Integer(),
  listed: Type.Array(
    Type.Object({
      ...{ serial: Type.String(), account: orNull(Type.String()), plan: orNull(Type.String()) },
      untilMs: orNull(time("end of the entitlement; null: none, or open")),
      lastSeenMs: orNull(time()),
      why: Type.String({ description: "never or silent; none or ended" }),
    }),
    { description: "the first 250 by serial" },
  ),
});
const head = {
  ...{ id: Type.String(), atMs: time(), by: Type.String(), inactiveDays: Type.Integer() },
  devices: Type.Integer({ description: "in service" }),
  known: Type.Integer({ description: "of those, with an entitlement on record" }),
  ...{ entitled: Type.Integer(), active: Type.Integer() },
};
const view = Type.Object({
  ...head,
  ...{ entitledInactive: mismatches, activeNotEntitled: mismatches },
});
const count = Type.Object({ count: Type.Integer() });
const line = Type.Object({ ...head, entitledInactive: count, activeNotEntitled: count });

/** What is paid for against what is in use. */
export function reconciliationRoutes(app: Api, deps: ApiDeps): void {
  app.post(
    "/v1/reconciliations",
    {
      schema: {
        summary: "Reconcile now: entitled but inactive, active but not entitled",
        body: Type.Object({}, closed),
        response: { 200: view, ...failures },
      },
    },
    (request) => deps.reconcile.run(person(request)),
  );
  app.get(
    "/v1/reconciliations",
    {
      schema: {
        summary: "Those that are kept, the newest first, with their counts",
        response: { 200: Type.Object({ reconciliations: Type.Array(line) }), ...failures },
      },
    },
    async () => {
      const kept = await deps.store.tx((tx) =>
        tx.documents.list(reconciliations, { limit: keptMax }),
      );
      return { reconciliations: kept.map(({ value }) => value).reverse() };
    },
  );
  app.get(
    "/v1/reconciliations/:id",
    {
      schema: {
        summary: "One of them, with its lists",
        params: Type.Object({ id: Type.String({ pattern: "^[0-9]{15}$" }) }, closed),
        response: { 200: view, ...failures },
      },
    },
    (request) => deps.store.tx((tx) => needReconciliation(tx, request.params.id)),
  );
}
