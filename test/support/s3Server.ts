/** A real HTTP server that plays S3: one bucket in memory, signatures checked by its own reading of the rules, ranges, and
 *  every failure that a test wants. */
import { createHash, createHmac } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";

export interface S3Server {
  url: string;
  objects: Map<string, Buffer>;
  /** "GET /bucket/key bytes=0-9" in order */
  seen: string[];
  /** what becomes of the next requests, first one first: a status, "hang", "cut" after half of the body, "reset",
   *  "short" by a byte, "flip" one bit, "whole" without regard to the range */
  next: (number | "hang" | "cut" | "reset" | "short" | "flip" | "whole")[];
  close(): Promise<void>;
}

export const s3Keys = { keyId: "AKIDEXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };
export const s3Region = "eu-central-1";

export async function openS3Server(): Promise<S3Server> {
  const s3: S3Server = {
    ...{ url: "", objects: new Map(), seen: [], next: [] },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => {
      const body = Buffer.concat(parts);
      const { method = "", url = "" } = request;
      s3.seen.push([method, url, request.headers.range].filter(Boolean).join(" "));
      const refuse = (status: number, code: string) => {
        response.writeHead(status, { "content-type": "application/xml" });
        response.end(`<?xml version="1.0"?><Error><Code>${code}</Code></Error>`);
      };
      const fate = s3.next.shift();
      if (fate === "hang") return;
      if (fate === "reset") return void request.socket.destroy();
      if (typeof fate === "number") return refuse(fate, "InternalError");
      const fault = signatureFault(request, body);
      if (fault !== null) return refuse(403, fault);
      if (method === "PUT") {
        s3.objects.set(url, body);
        return void response.writeHead(200).end();
      }
      const object = s3.objects.get(url);
      if (object === undefined) return refuse(404, "NoSuchKey");
      const range =
        fate === "whole" ? null : /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
      const part = range ? object.subarray(Number(range[1]), Number(range[2]) + 1) : object;
      const sent = Buffer.from(fate === "short" ? part.subarray(1) : part);
      if (fate === "flip") sent[sent.length >> 1]! ^= 1;
      response.writeHead(range ? 206 : 200, { "content-length": sent.length });
      if (fate !== "cut") return void response.end(sent);
      response.write(sent.subarray(0, sent.length >> 1), () => request.socket.destroy());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  s3.url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  return s3;
}

/** @returns the error code of S3, null for a request that is signed as it is */
function signatureFault(request: IncomingMessage, body: Buffer): string | null {
  const { headers, method, url = "" } = request;
  const match =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request,SignedHeaders=([a-z0-9;-]+),Signature=([0-9a-f]{64})$/.exec(
      headers.authorization ?? "",
    );
  if (!match) return "AccessDenied";
  const [, keyId, day, region, names, signature] = match;
  if (keyId !== s3Keys.keyId) return "InvalidAccessKeyId";
  if (region !== s3Region) return "AuthorizationHeaderMalformed";
  const sum = createHash("sha256").update(body).digest("hex");
  if (headers["x-amz-content-sha256"] !== sum) return "XAmzContentSHA256Mismatch";
  const needed = [
    "host",
    "x-amz-content-sha256",
    "x-amz-date",
    ...(headers.range ? ["range"] : []),
  ];
  if (needed.some((name) => !names!.split(";").includes(name))) return "AccessDenied";
  const [path, query = ""] = url.split("?");
  let canonical = `${method}\n${path}\n${query}\n`;
  for (const name of names!.split(";")) canonical += `${name}:${String(headers[name]).trim()}\n`;
  canonical += `\n${names}\n${sum}`;
  const date = String(headers["x-amz-date"]);
  if (!date.startsWith(day!)) return "AccessDenied";
  const hash = createHash("sha256").update(canonical).digest("hex");
  const text = `AWS4-HMAC-SHA256\n${date}\n${day}/${region}/s3/aws4_request\n${hash}`;
  const mac = (key: string | Buffer, data: string) =>
    createHmac("sha256", key).update(data).digest();
  const dayKey = mac(`AWS4${s3Keys.secret}`, day!);
  const key = mac(mac(mac(dayKey, region!), "s3"), "aws4_request");
  return mac(key, text).toString("hex") === signature ? null : "SignatureDoesNotMatch";
}
