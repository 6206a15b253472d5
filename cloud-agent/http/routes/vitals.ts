import { type Static, Type } from "typebox";
import { AgentCode, AgentError } from "../../core/errors.ts";
import { needDevice } from "../../core/lifecycle.ts";
import { pageRowsDefault, pageRowsMax } from "../../core/limits.ts";
import { hourSpansMax, percentileDaysMax } from "../../core/vitals/limits.ts";
import { GroupMeans, percentileGroupings } from "../../core/vitals/percentiles.ts";
import { type Figures, type SpanKind, spanMs, type VitalsSpan } from "../../core/vitals/spans.ts";
import { fleetSpans } from "../../fleetSpans.ts";
import type { Api, ApiDeps } from "../deps.ts";
import { failures, serialParams, time } from "../schemas.ts";

const closed = { additionalProperties: false };
const spansQuery = Type.Object(
  {
    kind: Type.Optional(
      Type.Union([Type.Literal("hour"), Type.Literal("day")], { default: "hour" }),
    ),
    sinceMs: Type.Optional(time()),
    untilMs: Type.Optional(time()),
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: pageRowsMax, default: pageRowsDefault }),
    ),
  },
  closed,
);
const figuresView = Type.Object({
  ...{ min: Type.Number(), max: Type.Number(), mean: Type.Number() },
  ...{ count: Type.Integer(), sum: Type.Number() },
});
const spansPage = Type.Object({
  serial: Type.String(),
  kind: Type.String(),
  spans: Type.Array(
    Type.Object({
      fromMs: time("begin of the hour or day, UTC"),
      sequence: Type.Integer({ description: "release it ran" }),
      crashes: Type.Integer(),
      figures: Type.Record(Type.String(), figuresView),
    }),
  ),
});
const percentilesQuery = Type.Object(
  {
    metric: Type.String({ minLength: 1, maxLength: 32, description: 'batteryMv, or "m." + name' }),
    by: Type.Union(percentileGroupings.map((name) => Type.Literal(name))),
    sinceMs: Type.Optional(time("default: 24 hours before untilMs")),
    untilMs: Type.Optional(time("default: now")),
  },
  closed,
);
const number = Type.Number();
const percentilesReply = Type.Object({
  ...{ metric: Type.String(), by: Type.String(), kind: Type.String() },
  ...{ sinceMs: time(), untilMs: time() },
  groups: Type.Array(
    Type.Object({
      ...{ group: Type.String(), devices: Type.Integer() },
      ...{ min: number, p5: number, p50: number, p95: number, max: number },
    }),
  ),
  leftOut: Type.Integer({ description: "smaller groups that are not shown" }),
});

/** Vitals rolled up: of one device, and over the fleet. */
export function vitalsRoutes(app: Api, deps: ApiDeps): void {
  app.get(
    "/v1/devices/:serial/vitals/spans",
    {
      schema: {
        summary: "Vitals by hour or day, oldest first",
        params: serialParams,
        querystring: spansQuery,
        response: { 200: spansPage, ...failures },
      },
    },
    async (request) => {
      const { serial } = request.params;
      const { kind = "hour", limit = pageRowsDefault, ...span } = request.query;
      const spans = await deps.store.tx(async (tx) => {
        await needDevice(tx, serial);
        return tx.spans.ofDevice({ serial, kind, ...span, limit });
      });
      return { serial, kind, spans: spans.map(spanView) };
    },
  );
  app.get(
    "/v1/vitals/percentiles",
    {
      schema: {
        summary: "p5, p50 and p95 over devices, each with its mean over the time, by group",
        querystring: percentilesQuery,
        response: { 200: percentilesReply, ...failures },
      },
    },
    (request) => percentiles(deps, request.query),
  );
}

async function percentiles(deps: ApiDeps, query: Static<typeof percentilesQuery>) {
  const { metric, by } = query;
  const untilMs = query.untilMs ?? deps.clock.nowMs();
  const sinceMs = query.sinceMs ?? untilMs - spanMs.day;
  const spanDays = (untilMs - sinceMs) / spanMs.day;
  if (!(spanDays > 0 && spanDays <= percentileDaysMax)) {
    throw new AgentError(
      AgentCode.RequestInvalid,
      `sinceMs, untilMs: expected a time of up to ${percentileDaysMax} days, got ${spanDays} days`,
    );
  }
  const isShort = untilMs - sinceMs <= hourSpansMax * spanMs.hour;
  const kind: SpanKind = isShort ? "hour" : "day";
  const means = new GroupMeans(metric, by);
  const told = new Set<string>();
  // A span that the time begins within counts whole.
  const fromMs = Math.floor(sinceMs / spanMs[kind]) * spanMs[kind];
  for await (const { device, spans } of fleetSpans(deps.store, {
    kind,
    sinceMs: fromMs,
    untilMs,
  })) {
    for (const span of spans) {
      means.add(device, span);
      for (const name of Object.keys(span.figures)) told.add(name);
    }
  }
  if (!told.has(metric)) {
    const names = [...told].sort().join(", ") || "none";
    throw new AgentError(
      AgentCode.MetricUnknown,
      `metric ${metric}: no device told it in this time; told were: ${names}`,
    );
  }
  return { metric, by, kind, sinceMs: fromMs, untilMs, ...means.percentiles() };
}

function spanView({ fromMs, sequence, crashes, figures }: VitalsSpan) {
  const view = ([min, max, sum, count]: Figures) => ({ min, max, mean: sum / count, count, sum });
  const entries = Object.entries(figures).map(([name, one]) => [name, view(one)] as const);
  return { fromMs, sequence, crashes, figures: Object.fromEntries(entries) };
}
