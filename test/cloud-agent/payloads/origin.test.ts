/** Payloads in a folder and in a bucket: signed, read in ranges, checked, and patient with what fails. */
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { folderOrigin } from "../../../cloud-agent/payloads/folder.ts";
import { openPayloads } from "../../../cloud-agent/payloads/open.ts";
import { createPayloads } from "../../../cloud-agent/payloads/payloads.ts";
import { type S3Settings, s3Origin } from "../../../cloud-agent/payloads/s3.ts";
import { authorization, encodePath, sha256Hex } from "../../../cloud-agent/payloads/sigv4.ts";
import { openS3Server, type S3Server, s3Keys, s3Region } from "../../support/s3Server.ts";

const clock = { nowMs: () => 1_800_000_000_000 };
const logged: object[] = [];
const note = (fields: object) => void logged.push(fields);
const log = { debug: note, info: note, warn: note, error: note };
const payload = new Uint8Array(randomBytes(300_000));
const digest = createHash("sha256").update(payload).digest("hex");

/** Comparing 300 kB number by number takes seconds. */
const isPayload = (bytes: Uint8Array | "loading") =>
  bytes !== "loading" && Buffer.compare(bytes, payload) === 0;

describe("a signature", () => {
  // Source: AWS, "Signature Calculations for the Authorization Header: Examples"
  const credentials = {
    ...{ keyId: "AKIAIOSFODNN7EXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" },
    ...{ region: "us-east-1", service: "s3" },
  };
  const host = "examplebucket.s3.amazonaws.com";
  const stamp = { host, "x-amz-date": "20130524T000000Z" };
  const empty = { "x-amz-content-sha256": sha256Hex("") };
  it.each([
    [
      "GET of an object's range",
      {
        method: "GET",
        path: "/test.txt",
        query: "",
        headers: { ...stamp, ...empty, range: "bytes=0-9" },
      },
      "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    ],
    [
      "PUT of an object",
      {
        ...{ method: "PUT", path: encodePath("/test$file.text"), query: "" },
        headers: {
          ...stamp,
          date: "Fri, 24 May 2013 00:00:00 GMT",
          "x-amz-content-sha256": sha256Hex("Welcome to Amazon S3."),
          "x-amz-storage-class": "REDUCED_REDUNDANCY",
        },
      },
      "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    ],
    [
      "GET of a bucket's lifecycle",
      { method: "GET", path: "/", query: "lifecycle=", headers: { ...stamp, ...empty } },
      "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
    ],
    [
      "GET of a list",
      { method: "GET", path: "/", query: "max-keys=2&prefix=J", headers: { ...stamp, ...empty } },
      "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
    ],
  ])("over a %s is the one that AWS published", (_title, request, wanted) => {
    expect(authorization(request, credentials)).toMatch(new RegExp(`Signature=${wanted}$`));
  });
});

describe("a bucket", () => {
  let s3: S3Server;
  let pauses: number[] = [];
  const hangs = () => s3.next.includes("hang");
  beforeAll(async () => {
    s3 = await openS3Server();
  });
  afterAll(() => s3.close());
  beforeEach(() => {
    s3.objects.clear();
    s3.seen.length = 0;
    s3.next.length = 0;
    pauses = [];
  });
  const origin = (changes: Partial<S3Settings> = {}) => {
    const settings = { bucket: "fleet", prefix: "a b/", region: s3Region, endpoint: s3.url };
    const pause = async (ms: number) => void pauses.push(ms);
    return s3Origin(
      { ...settings, ...s3Keys, ...changes },
      { clock, log, pause, answerMsMax: hangs() ? 300 : 20_000 },
    );
  };
  const load = (changes?: Partial<S3Settings>) =>
    createPayloads(origin(changes), { clock, log }).load(digest, payload.length);
  const stored = async () => {
    await origin().put(digest, payload);
    s3.seen.length = 0;
  };

  it("takes a payload and gives it back in ranges", async () => {
    await origin().put(digest, payload);
    expect(isPayload(await load())).toBe(true);
    const place = `/fleet/a%20b/${digest}`;
    expect(s3.seen).toEqual([
      `PUT ${place}`,
      `GET ${place} bytes=0-131071`,
      `GET ${place} bytes=131072-262143`,
      `GET ${place} bytes=262144-299999`,
    ]);
  });
  it.each<[string, S3Server["next"], number[]]>([
    ["two errors of the server", [500, 503], [200, 400]],
    ["a connection that is reset", ["reset"], [200]],
    ["a body that is cut", ["cut"], [200]],
    ["no answer in time", ["hang"], [200]],
    ["a demand to slow down", [429, 503, 500, 408], [200, 400, 800, 1600]],
    ["a server without ranges", ["whole"], []],
  ])("is asked again after %s", async (_title, next, waits) => {
    await stored();
    s3.next.push(...next);
    expect(isPayload(await load())).toBe(true);
    expect(pauses).toEqual(waits);
  });
  it.each<[string, S3Server["next"], Partial<S3Settings>, RegExp, number]>([
    [
      "does not answer",
      Array(5).fill("hang"),
      {},
      /bucket fleet: GET of payload [0-9a-f]{16}: .*no answer in time/,
      646,
    ],
    ["fails again and again", Array(5).fill(500), {}, /got status 500 \(InternalError\)/, 646],
    [
      "does not know the key",
      [],
      { keyId: "AKIDOTHER" },
      /got status 403 \(InvalidAccessKeyId\)/,
      646,
    ],
    [
      "gets another signature",
      [],
      { secret: "x" },
      /got status 403 \(SignatureDoesNotMatch\)/,
      646,
    ],
    ["has no such object", [], { prefix: "other/" }, /got status 404 \(NoSuchKey\)/, 646],
    ["gives too few bytes", ["short"], {}, /expected 131072 bytes at 0, got 131071/, 647],
  ])("that %s is told by name", async (_title, next, changes, message, code) => {
    await stored();
    s3.next.push(...next);
    const error = await load(changes).catch((one) => one);
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    // What will not change is not asked again.
    if (next.length === 0) expect(s3.seen).toHaveLength(1);
  });
  it("is not reached at all: told by name", async () => {
    const error = await load({ endpoint: "http://127.0.0.1:9" }).catch((one) => one);
    expect(error).toMatchObject({ code: 646, message: expect.stringMatching(/got no answer/) });
  });
  it("that gives other bytes is asked once more; when they stay wrong nobody gets them", async () => {
    await stored();
    s3.next.push("flip");
    expect(isPayload(await load())).toBe(true);
    const other = Buffer.from(payload);
    other[200_000]! ^= 0x80;
    s3.objects.set(`/fleet/a%20b/${digest}`, other);
    const error = await load().catch((one) => one);
    expect(error).toMatchObject({ name: "PayloadDamaged", code: 647 });
    expect(error.message).toMatch(/^bucket fleet: payload: expected digest [0-9a-f]{16}, got/);
  });
  it("keeps its secret out of what it says and sends", async () => {
    await load({ keyId: "AKIDOTHER" }).catch((error) => logged.push({ text: String(error.stack) }));
    expect(JSON.stringify([s3.seen, logged])).not.toContain(s3Keys.secret);
  });
});

describe("a folder", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "payloads-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const place = () => join(folder, digest.slice(0, 2), digest);

  it("takes a payload under its digest and gives it back", async () => {
    const payloads = createPayloads(folderOrigin(folder), { clock, log });
    await payloads.put(digest, payload);
    await payloads.put(digest, payload);
    expect(isPayload(await payloads.load(digest, payload.length))).toBe(true);
    expect(isPayload(await payloads.now(digest, payload.length))).toBe(true);
  });
  it("tells a file that is missing, cut, or changed", async () => {
    const origin = folderOrigin(folder);
    const load = () => createPayloads(origin, { clock, log }).load(digest, payload.length);
    await expect(load()).rejects.toMatchObject({ name: "OriginUnreachable" });
    await origin.put(digest, payload);
    truncateSync(place(), 1000);
    await expect(load()).rejects.toMatchObject({ name: "PayloadDamaged" });
    writeFileSync(place(), Buffer.alloc(payload.length));
    await expect(load()).rejects.toMatchObject({ name: "PayloadDamaged" });
    await origin.put(digest, payload);
    expect(isPayload(await load())).toBe(true);
  });
  it("that cannot be made stops the start by name", () => {
    writeFileSync(join(folder, "file"), "");
    expect(() => folderOrigin(join(folder, "file", "x"))).toThrow(
      expect.objectContaining({ name: "ConfigInvalid" }),
    );
  });
});

describe("the settings", () => {
  const keys = { payloadsKeyId: "AKID", payloadsSecret: "secret" };
  const open = (payloads: string | undefined, more: object = keys) =>
    openPayloads({ payloads, payloadsRegion: "us-east-1", ...more }, { clock, log });
  it("name a bucket, a folder, or nothing", () => {
    const folder = mkdtempSync(join(tmpdir(), "payloads-"));
    expect(open(undefined)).toBe(null);
    for (const place of ["s3://fleet", "s3://fleet/a/b", folder])
      expect(open(place)).not.toBe(null);
    rmSync(folder, { recursive: true });
  });
  it.each<[string, object, RegExp]>([
    ["s3://", keys, /FLEETLING_PAYLOADS: expected s3:\/\/BUCKET\/PREFIX/],
    ["s3://Fleet", keys, /expected s3:\/\/BUCKET\/PREFIX/],
    ["s3://fleet", {}, /expected FLEETLING_PAYLOADS_KEY_ID and FLEETLING_PAYLOADS_SECRET/],
    [
      "https://user:pass@host/x",
      keys,
      /expected s3:\/\/BUCKET\/PREFIX or a folder, got https:\/\/…/,
    ],
  ])("refuse %s", (place, more, message) => {
    expect(() => open(place, more)).toThrow(message);
  });
});

describe("what is kept in memory", () => {
  const make = (size: number) => {
    const bytes = new Uint8Array(randomBytes(size));
    return { bytes, digest: createHash("sha256").update(bytes).digest("hex") };
  };
  const all = [make(400), make(400), make(400)];
  let reads: string[] = [];
  let isDown = false;
  const origin = {
    ...{ name: "test", isLocal: false },
    put: async () => undefined,
    read: async (wanted: string, offset: number, length: number) => {
      reads.push(wanted);
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (isDown) throw new Error("down");
      return all.find((one) => one.digest === wanted)!.bytes.slice(offset, offset + length);
    },
  };
  beforeEach(() => {
    reads = [];
    isDown = false;
  });

  it("is bounded: the one used longest ago goes", async () => {
    const payloads = createPayloads(origin, { clock, log }, { cacheBytes: 1000 });
    const load = (at: number) => payloads.load(all[at]!.digest, 400);
    for (const at of [0, 1, 0, 2, 0, 1]) await load(at);
    expect(reads).toEqual([0, 1, 2, 1].map((at) => all[at]!.digest));
  });
  it("is fetched once for all who ask at the same time", async () => {
    const payloads = createPayloads(origin, { clock, log });
    await Promise.all(Array.from({ length: 20 }, () => payloads.load(all[0]!.digest, 400)));
    expect(reads).toHaveLength(1);
  });
  it("is not waited for where nobody may wait, and a failure is not repeated at once", async () => {
    const at = { now: 0 };
    const payloads = createPayloads(origin, { clock: { nowMs: () => at.now }, log });
    const now = () => payloads.now(all[0]!.digest, 400);
    const settled = () => new Promise((resolve) => setTimeout(resolve, 20));
    isDown = true;
    expect(await now()).toBe("loading");
    await settled();
    expect(await now()).toBe("loading");
    await settled();
    expect(reads).toHaveLength(1);
    isDown = false;
    at.now += 5_000;
    expect(await now()).toBe("loading");
    await settled();
    expect(await now()).toEqual(all[0]!.bytes);
  });
});
