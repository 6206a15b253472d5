/** AWS Signature Version 4 over the headers of one request, as S3 wants it. Pure.
 *  Source: AWS, "Authenticating Requests: Using the Authorization Header"; its examples are the tests */
import { createHash, createHmac } from "node:crypto";

export interface SignedRequest {
  method: string;
  /** path as it is sent, with every byte but A-Za-z0-9-._~/ percent-encoded */
  path: string;
  /** query as it is sent, sorted by name; "" for none */
  query: string;
  /** all of them are signed; names in lower case, with host, x-amz-date and x-amz-content-sha256 */
  headers: Record<string, string>;
}

export interface Credentials {
  keyId: string;
  secret: string;
  region: string;
  service: string;
}

/** @returns value of the header `authorization` */
export function authorization(request: SignedRequest, credentials: Credentials): string {
  const { keyId, secret, region, service } = credentials;
  const { headers } = request;
  const stamp = headers["x-amz-date"]!;
  const day = stamp.slice(0, 8);
  const names = Object.keys(headers).sort();
  const lines = names.map((name) => `${name}:${headers[name]!.trim().replace(/ +/g, " ")}\n`);
  const signed = names.join(";");
  const canonical = [
    ...[request.method, request.path, request.query, lines.join(""), signed],
    headers["x-amz-content-sha256"],
  ].join("\n");
  const scope = `${day}/${region}/${service}/aws4_request`;
  const text = ["AWS4-HMAC-SHA256", stamp, scope, sha256Hex(canonical)].join("\n");
  const key = [day, region, service, "aws4_request"].reduce<Buffer>(
    (before, part) => createHmac("sha256", before).update(part).digest(),
    Buffer.from(`AWS4${secret}`),
  );
  const signature = createHmac("sha256", key).update(text).digest("hex");
  return `AWS4-HMAC-SHA256 Credential=${keyId}/${scope},SignedHeaders=${signed},Signature=${signature}`;
}

/** Encodes a key for the path. */
export function encodePath(text: string): string {
  return encodeURIComponent(text)
    .replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll("%2F", "/");
}

/** "20130524T000000Z" */
export function stampOf(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace(/[-:]/g, "")}Z`;
}

export function sha256Hex(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}
