import type { ServerResponse } from "node:http";
import type { FastifyReply } from "fastify";
import { Code } from "../../../firmware/protocol/errors.ts";
import { AgentError } from "../../core/errors.ts";
import { needDevice } from "../../core/lifecycle.ts";
import {
  eventStreamBytesMax,
  eventStreamPingMs,
  eventStreamsMax,
  pageRowsDefault,
  pageRowsMax,
} from "../../core/limits.ts";
import type { EventRecord } from "../../core/records.ts";
import type { Api, ApiDeps } from "../deps.ts";
import { type EventQuery, eventPage, eventQuery, failures, serialParams } from "../schemas.ts";

/** The one log: in pages, and as it grows. */
export function eventRoutes(app: Api, deps: ApiDeps): void {
  app.get(
    "/v1/events",
    {
      schema: {
        summary: "Events in order, after a number",
        querystring: eventQuery,
        response: { 200: eventPage, ...failures },
      },
    },
    (request) => readPage(deps, request.query),
  );
  app.get(
    "/v1/devices/:serial/events",
    {
      schema: {
        summary: "Events of one device",
        params: serialParams,
        querystring: eventQuery,
        response: { 200: eventPage, ...failures },
      },
    },
    async (request) => {
      const { serial } = request.params;
      await deps.store.tx((tx) => needDevice(tx, serial));
      return readPage(deps, { ...request.query, serial });
    },
  );
  streamRoute(app, deps);
}

async function readPage(deps: ApiDeps, query: EventQuery) {
  const { limit = pageRowsDefault, ...filter } = query;
  const rows = await deps.store.tx((tx) => tx.events({ ...filter, limit: limit + 1 }));
  const events = rows.slice(0, limit);
  return { events, next: rows.length > limit ? events[events.length - 1]!.id : null };
}

/** Server-sent events. A reader that comes back with Last-Event-ID misses nothing. */
function streamRoute(app: Api, deps: ApiDeps): void {
  const open = new Set<ServerResponse>();
  app.addHook("preClose", async () => {
    for (const response of open) response.end();
  });
  app.get(
    "/v1/events/stream",
    {
      schema: {
        summary: "Events as they happen (text/event-stream), after Last-Event-ID or afterId",
        querystring: eventQuery,
      },
    },
    async (request, reply) => {
      if (open.size >= eventStreamsMax) {
        throw new AgentError(
          Code.RateLimited,
          `event streams: ${open.size} are open, at most ${eventStreamsMax}`,
          { retryAfterS: 30 },
        );
      }
      const lastId = /^\d{1,15}$/.exec(String(request.headers["last-event-id"] ?? ""));
      const afterId = lastId ? Number(lastId[0]) : request.query.afterId;
      open.add(reply.raw);
      reply.raw.on("close", () => open.delete(reply.raw));
      await stream(deps, reply, { ...request.query, afterId });
    },
  );
}

async function stream(deps: ApiDeps, reply: FastifyReply, filter: EventQuery): Promise<void> {
  const response = reply.raw;
  reply.hijack();
  response.writeHead(200, {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    // A proxy that collects the stream would hold every event back.
    "x-accel-buffering": "no",
  });
  response.write(": open\n\n");
  let sentId = filter.afterId ?? 0;
  const send = (events: EventRecord[]) => {
    for (const event of events) {
      if (event.id <= sentId || !matches(event, filter)) continue;
      sentId = event.id;
      response.write(`id: ${event.id}\nevent: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`);
    }
    // A reader that does not read would fill the memory; it can come back with Last-Event-ID.
    if (response.writableLength > eventStreamBytesMax) response.destroy();
  };
  // Listening begins before the past is read, so that nothing falls between.
  let waiting: EventRecord[] | null = [];
  const stopListening = deps.store.onEvents((events) => {
    if (waiting) waiting.push(...events);
    else send(events);
  });
  const stopPings = deps.every(eventStreamPingMs, () => void response.write(": still here\n\n"));
  response.on("close", () => {
    stopListening();
    stopPings();
  });
  try {
    while (filter.afterId !== undefined && !response.destroyed) {
      const past = { ...filter, afterId: sentId, limit: pageRowsMax };
      const page = await deps.store.tx((tx) => tx.events(past));
      send(page);
      if (page.length < pageRowsMax) break;
    }
    send(waiting);
    waiting = null;
  } catch (err) {
    deps.log.error({ err }, "event stream could not read the past");
    response.destroy();
  }
}

function matches(event: EventRecord, filter: EventQuery): boolean {
  return (
    (filter.serial === undefined || event.serial === filter.serial) &&
    (filter.rolloutId === undefined || event.rolloutId === filter.rolloutId) &&
    (filter.sequence === undefined || event.sequence === filter.sequence) &&
    (filter.kind === undefined || event.kind === filter.kind)
  );
}
