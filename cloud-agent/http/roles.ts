/** Who may call what. `admin` may call everything; a route that is missing here stops the agent from starting. */
import type { TokenRecord } from "../core/records.ts";

export type Role = TokenRecord["role"];

const readers: Role[] = ["viewer", "operator", "releaser", "approver", "installer"];

/** Routes that anybody may call. */
export const publicRoutes = new Set(["GET /healthz", "GET /readyz", "GET /openapi.json"]);

/** Roles per route, beside `admin`. */
export const routeRoles: Record<string, Role[]> = {
  "POST /v1/births": ["line"],
  "GET /v1/devices": readers,
  "GET /v1/devices/:serial": readers,
  "GET /v1/devices/:serial/vitals": readers,
  "GET /v1/devices/:serial/vitals/spans": readers,
  "GET /v1/vitals/percentiles": readers,
  "GET /v1/devices/:serial/events": readers,
  "GET /v1/devices/:serial/why": readers,
  "GET /v1/devices/:serial/next": readers,
  "GET /v1/devices/:serial/certificate": readers,
  "GET /v1/certificates": readers,
  "POST /v1/devices/:serial/decommission": ["operator", "installer"],
  "POST /v1/devices/:serial/revert": ["operator"],
  "POST /v1/devices/:serial/sunset": ["operator"],
  "DELETE /v1/devices/:serial/sunset": ["operator"],
  "PUT /v1/devices/:serial/settings": ["operator", "installer"],
  "PUT /v1/devices/:serial/flags": ["operator", "installer"],
  "PUT /v1/devices/:serial/maintenance": ["operator", "installer"],
  "DELETE /v1/devices/:serial/maintenance": ["operator", "installer"],
  "GET /v1/devices/:serial/export": ["operator"],
  "DELETE /v1/devices/:serial/data": ["operator"],
  "PUT /v1/devices/:serial/labels": ["operator", "installer"],
  "POST /v1/claims": ["operator", "installer"],
  "POST /v1/releases": ["releaser"],
  // A desk may lease leaves and do nothing else with the agent.
  "POST /v1/leases": ["desk", "releaser"],
  "POST /v1/leases/release": [],
  "GET /v1/releases": readers,
  "GET /v1/releases/:sequence": readers,
  "POST /v1/rollouts": ["operator", "releaser"],
  "GET /v1/rollouts": readers,
  "GET /v1/rollouts/:id": readers,
  "POST /v1/rollouts/:id/start": ["operator", "approver"],
  // Whoever sees harm may stop it.
  "POST /v1/rollouts/:id/pause": ["operator", "approver", "releaser"],
  "POST /v1/rollouts/:id/resume": ["operator", "approver"],
  "POST /v1/rollouts/:id/abort": ["operator", "approver"],
  "GET /v1/events": readers,
  "GET /v1/events/stream": readers,
  "GET /v1/summary": readers,
  "POST /v1/tokens": [],
  "GET /v1/tokens": [],
  "GET /v1/products": readers,
  "GET /v1/products/:model": readers,
  "PUT /v1/products/:model": ["releaser"],
  "POST /v1/products/:model/sunset": ["operator"],
  "DELETE /v1/products/:model/sunset": ["operator"],
  "GET /v1/holds": [...readers, "line"],
  "PUT /v1/holds/:kind/:name": ["operator", "line"],
  "DELETE /v1/holds/:kind/:name": ["operator"],
  "POST /v1/rmas": ["operator", "installer"],
  "GET /v1/rmas": readers,
  "GET /v1/rmas/:id": readers,
  "POST /v1/rmas/:id/teardown": ["operator"],
  "POST /v1/rmas/:id/close": ["operator"],
  "GET /v1/quality/failures": readers,
  "GET /v1/alerts": readers,
  "GET /v1/alerts/:id": readers,
  "POST /v1/alerts/:id/ack": ["operator"],
  "PUT /v1/alerts/:id/steps/:step": ["operator", "installer"],
  "POST /v1/alerts/test": ["operator"],
  "GET /v1/silences": readers,
  "POST /v1/silences": ["operator"],
  "DELETE /v1/silences/:id": ["operator"],
  // Bodies hold what other systems are told: not for everybody who may look.
  "GET /v1/outbox": ["operator"],
  "POST /v1/outbox/:id/replay": ["operator"],
  "POST /v1/lab/offers": ["operator", "releaser"],
  "DELETE /v1/lab/offers/:serial": ["operator", "releaser"],
};
