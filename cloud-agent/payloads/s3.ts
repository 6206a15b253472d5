/** Payloads in a bucket of S3, or of what speaks like it. */
import { AgentCode, AgentError } from "../core/errors.ts";
import type { Clock, Log } from "../core/ports.ts";
import { originBackoffMs, originMsMax, originRetriesMax } from "./limits.ts";
import type { Origin } from "./port.ts";
import { authorization, encodePath, sha256Hex, stampOf } from "./sigv4.ts";

export interface S3Settings {
  bucket: string;
  /** before each key; "" for none */
  prefix: string;
  region: string;
  /** address of a service that is not AWS, with the bucket in the path; omitted: AWS, with the bucket in the host */
  endpoint?: string;
  keyId: string;
  secret: string;
}

export interface S3Edges {
  clock: Clock;
  log: Log;
  pause(ms: number): Promise<unknown>;
  /** milliseconds to wait for one answer; default 10 s */
  answerMsMax?: number;
}

/** Statuses after which another try may help. */
const passing = new Set([408, 425, 429, 500, 502, 503, 504]);
const emptyHash = sha256Hex("");

export function s3Origin(settings: S3Settings, edges: S3Edges): Origin {
  const { bucket, prefix, endpoint } = settings;
  const name = `bucket ${bucket}`;
  const base = new URL(endpoint ?? `https://${bucket}.s3.${settings.region}.amazonaws.com`);
  const root = `${base.pathname.replace(/\/$/, "")}${endpoint === undefined ? "" : `/${bucket}`}`;
  const pathOf = (digest: string) => `${root}/${encodePath(`${prefix}${digest}`)}`;

  const once = async (
    method: "GET" | "PUT",
    digest: string,
    more: Record<string, string>,
    body?: Uint8Array,
  ): Promise<{ status: number; bytes: Uint8Array; headers: Headers }> => {
    const path = pathOf(digest);
    const headers = {
      host: base.host,
      "x-amz-content-sha256": body === undefined ? emptyHash : sha256Hex(body),
      "x-amz-date": stampOf(edges.clock.nowMs()),
      ...more,
    };
    const request = { method, path, query: "", headers };
    const signed = authorization(request, { ...settings, service: "s3" });
    const { host: _, ...sent } = headers;
    const reply = await fetch(new URL(path, base), {
      method,
      headers: { ...sent, authorization: signed },
      ...(body === undefined ? {} : { body }),
      // A redirect would carry the signature to another host.
      redirect: "manual",
      signal: AbortSignal.timeout(edges.answerMsMax ?? originMsMax),
    });
    const bytes = new Uint8Array(await reply.arrayBuffer());
    return { status: reply.status, bytes, headers: reply.headers };
  };

  const asked = async (...request: Parameters<typeof once>) => {
    const [method, digest] = request;
    for (let tries = 0; ; tries++) {
      let finding: string;
      let cause: unknown;
      try {
        const reply = await once(...request);
        if (reply.status < 300) return reply;
        finding = `status ${reply.status}${codeOf(reply.bytes)}`;
        if (!passing.has(reply.status)) tries = originRetriesMax;
      } catch (error) {
        cause = error;
        finding = (error as Error).name === "TimeoutError" ? "no answer in time" : "no answer";
      }
      if (tries >= originRetriesMax) {
        const text = `${name}: ${method} of payload ${digest.slice(0, 16)}: expected it to be done, got ${finding}`;
        throw new AgentError(AgentCode.OriginUnreachable, text, { cause });
      }
      edges.log.debug({ origin: name, digest, tries, finding }, "origin asked again");
      await edges.pause(originBackoffMs * 2 ** tries);
    }
  };

  return {
    ...{ name, isLocal: false },
    async put(digest, bytes) {
      await asked("PUT", digest, {}, bytes);
    },
    async read(digest, offset, length) {
      const range = `bytes=${offset}-${offset + length - 1}`;
      const { status, bytes } = await asked("GET", digest, { range });
      // A service without ranges gives all of it.
      const part = status === 200 ? bytes.slice(offset, offset + length) : bytes;
      if (part.length === length) return part;
      const finding = `expected ${length} bytes at ${offset}, got ${part.length}`;
      const text = `${name}: payload ${digest.slice(0, 16)}: ${finding}`;
      throw new AgentError(AgentCode.PayloadDamaged, text);
    },
  };
}

/** " (NoSuchKey)" of an error document. */
function codeOf(bytes: Uint8Array): string {
  const text = new TextDecoder().decode(bytes.subarray(0, 2_000));
  const code = /<Code>([A-Za-z0-9]{1,64})<\/Code>/.exec(text)?.[1];
  return code === undefined ? "" : ` (${code})`;
}
