import { Type } from "typebox";
import { Code } from "../../../firmware/protocol/errors.ts";
import { AgentCode, AgentError } from "../../core/errors.ts";
import { needOperating } from "../../core/lifecycle.ts";
import type { ReleaseImage } from "../../core/records.ts";
import { linkSDefault, linkSMax } from "../../payloads/limits.ts";
import { checkLink, linkPath } from "../../payloads/link.ts";
import { rangeOf } from "../../payloads/range.ts";
import { sealPayload } from "../../payloads/sealed.ts";
import type { Api, ApiDeps } from "../deps.ts";
import { failures, hex, serial, time } from "../schemas.ts";

const digestParams = Type.Object({ digest: hex(32) }, { additionalProperties: false });
const linkQuery = Type.Object(
  {
    expires: Type.String({ pattern: "^[0-9]{1,12}$" }),
    serial: Type.Optional(serial),
    signature: Type.String({ pattern: "^[0-9a-f]{64}$" }),
  },
  { additionalProperties: false },
);

/** Payloads over HTTP: a link from here, then ranges of it for whoever holds the link. */
export function payloadRoutes(app: Api, deps: ApiDeps): void {
  app.post(
    "/v1/payloads/:digest/links",
    {
      schema: {
        summary: "A short-lived link to a payload: as the image, or sealed for one device",
        params: digestParams,
        body: Type.Object(
          {
            serial: Type.Optional(serial),
            forS: Type.Optional(
              Type.Integer({ minimum: 1, maximum: linkSMax, default: linkSDefault }),
            ),
          },
          { additionalProperties: false },
        ),
        response: {
          201: Type.Object({
            path: Type.String({
              description: "path and query, to be put behind the agent's address",
            }),
            expiresMs: time(),
          }),
          ...failures,
        },
      },
    },
    async (request, reply) => {
      const { digest } = request.params;
      const { serial: forSerial = null, forS = linkSDefault } = request.body;
      if (forSerial === null && request.caller?.role === "gateway") {
        const text = `payload ${digest.slice(0, 16)}: expected a serial, a gateway gets it sealed only`;
        throw new AgentError(AgentCode.Forbidden, text);
      }
      await needImage(deps, digest);
      if (forSerial !== null) await deps.store.tx((tx) => needOperating(tx, forSerial));
      const expiresS = Math.floor(deps.clock.nowMs() / 1000) + forS;
      const path = linkPath({ digest, serial: forSerial, expiresS }, deps.payloads.linkKey);
      return reply.code(201).send({ path, expiresMs: expiresS * 1000 });
    },
  );
  app.get(
    "/v1/payloads/:digest",
    {
      schema: {
        summary: "The payload of a link, whole or in a range",
        description:
          "Ranges, ETag, If-Range and If-None-Match as RFC 9110 has them; several ranges at once are answered with all.",
        security: [],
        ...{ params: digestParams, querystring: linkQuery },
      },
    },
    async (request, reply) => {
      const { digest } = request.params;
      const { expires, serial: forSerial = null, signature } = request.query;
      const link = { digest, serial: forSerial, expiresS: Number(expires) };
      checkLink(link, signature, deps.payloads.linkKey, deps.clock.nowMs());
      const { bytes, etag } = await bodyOf(deps, digest, forSerial);
      const { headers } = request;
      reply.header("etag", etag).header("accept-ranges", "bytes");
      // Not for caches between: the link is the only lock.
      reply.header("cache-control", "private, no-transform");
      reply.type("application/octet-stream");
      if (headers["if-none-match"]?.split(/\s*,\s*/).includes(etag)) return reply.code(304).send();
      const isSame = headers["if-range"] === undefined || headers["if-range"] === etag;
      const range = isSame ? readRange(headers.range, bytes.length, reply) : null;
      if (range === null) return reply.send(Buffer.from(bytes));
      const { from, to } = range;
      reply.code(206).header("content-range", `bytes ${from}-${to}/${bytes.length}`);
      return reply.send(Buffer.from(bytes.subarray(from, to + 1)));
    },
  );
}

function readRange(
  header: string | undefined,
  sizeBytes: number,
  reply: { header(name: string, value: string): unknown },
): { from: number; to: number } | null {
  try {
    return rangeOf(header, sizeBytes);
  } catch (error) {
    reply.header("content-range", `bytes */${sizeBytes}`);
    throw error;
  }
}

/** The bytes that a link gives, and the tag that changes when they do. */
async function bodyOf(
  deps: ApiDeps,
  digest: string,
  forSerial: string | null,
): Promise<{ bytes: Uint8Array; etag: string }> {
  const { sequence, image } = await needImage(deps, digest);
  const kept = await deps.store.tx((tx) => tx.blob(1, sequence, image.classId));
  const bytes = kept ?? (await deps.payloads.load(digest, image.sizeBytes));
  if (forSerial === null) return { bytes, etag: `"${digest}"` };
  const device = await deps.store.tx((tx) => needOperating(tx, forSerial));
  const key = deps.payloads.deviceKey(device);
  if (key === null) {
    const text = `device ${forSerial}: expected its master key here, found none`;
    throw new AgentError(AgentCode.KeyFileInvalid, text);
  }
  const sealed = sealPayload(key, Buffer.from(digest, "hex"), bytes);
  return { bytes: sealed, etag: `"${digest.slice(0, 32)}-${forSerial}-${device.epoch}"` };
}

/** @throws AgentError NotFound, ImagePoisoned */
async function needImage(
  deps: ApiDeps,
  digest: string,
): Promise<{ sequence: number; image: ReleaseImage }> {
  const releases = await deps.store.tx((tx) => tx.releases());
  const found = releases.flatMap((release) =>
    release.images
      .filter((image) => image.digest === digest)
      .map((image) => ({ sequence: release.sequence, image, poisonedMs: release.poisonedMs })),
  );
  const open = found.find(({ poisonedMs }) => poisonedMs === null);
  if (open) return open;
  const what = `payload ${digest.slice(0, 16)}`;
  if (found.length === 0) throw new AgentError(AgentCode.NotFound, `${what}: no release has it`);
  throw new AgentError(Code.ImagePoisoned, `${what}: release ${found[0]!.sequence} is poisoned`);
}
