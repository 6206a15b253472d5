/** Writes every request that may change something to the audit log: before it is carried out, and how it ended. */
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import { type AuditRecord, appendAudit } from "../core/audit.ts";
import type { Clock } from "../core/ports.ts";
import type { Store } from "../storage/store.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** the request's own record; null where nothing can change */
    audit: AuditRecord | null;
  }
}

/** Call after requireTokens, before routes are added. A request whose record cannot be written is not carried out. */
export function auditChanges(app: FastifyInstance, deps: { store: Store; clock: Clock }): void {
  app.decorateRequest("audit", null);
  app.addHook("preHandler", async (request) => {
    const { caller, method } = request;
    if (!caller || method === "GET" || method === "HEAD") return;
    // A stream is read while it is carried out; what came of it is told by its event (dataImported).
    const isStream = request.body instanceof Readable;
    const body = isStream ? "stream" : JSON.stringify(request.body ?? null);
    request.audit = await deps.store.tx((tx) =>
      appendAudit(tx, {
        ...{ atMs: deps.clock.nowMs(), tokenId: caller.id, person: caller.name, role: caller.role },
        ...{ method, path: request.url.split("?")[0]! },
        bodyDigest: createHash("sha256").update(body).digest("hex"),
        ...{ answers: null, status: null },
      }),
    );
  });
  app.addHook("onSend", async (request, reply) => {
    const { audit } = request;
    if (!audit) return;
    // Once: an error of this very hook is answered too.
    request.audit = null;
    const { index, previous, hash, ...entry } = audit;
    const ended = { atMs: deps.clock.nowMs(), answers: index, status: reply.statusCode };
    await deps.store.tx((tx) => appendAudit(tx, { ...entry, ...ended }));
  });
}
