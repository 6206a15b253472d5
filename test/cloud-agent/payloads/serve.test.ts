/** Payloads over HTTP: links, ranges, and blocks that one device alone can open; and releases whose payloads are elsewhere. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createAgent } from "../../../cloud-agent/agent.ts";
import { createOffers, LabOffers } from "../../../cloud-agent/offers.ts";
import { createPayloads, type Payloads } from "../../../cloud-agent/payloads/payloads.ts";
import { rangeOf } from "../../../cloud-agent/payloads/range.ts";
import { s3Origin } from "../../../cloud-agent/payloads/s3.ts";
import { openBlock, sealedSize, sealPayload } from "../../../cloud-agent/payloads/sealed.ts";
import { systemClock } from "../../../cloud-agent/platform/clock.ts";
import { parseConfig } from "../../../cloud-agent/platform/config.ts";
import { systemRandom } from "../../../cloud-agent/platform/random.ts";
import { deviceKey as deviceKeyOf } from "../../../firmware/protocol/host/kdf.ts";
import {
  encodeEnvelope,
  encodeManifest,
  signManifest,
} from "../../../firmware/protocol/host/suit.ts";
import { Lifecycle } from "../../../firmware/protocol/messages.ts";
import {
  ed25519Signer,
  image,
  lmsSigner,
  manifestInput,
  releaseKey,
} from "../../host/suitFixture.ts";
import { openS3Server, type S3Server, s3Keys, s3Region } from "../../support/s3Server.ts";
import { birthRecord, deviceRecord, hex } from "../fixtures.ts";
import { type Harness, harness, problem, startMs } from "../http/harness.ts";

const digest = hex(manifestInput.digest);
const classId = hex(manifestInput.classId);
const deviceKey = new Uint8Array(32).fill(7);
const ed25519 = ed25519Signer(3);
const quiet = { debug() {}, info() {}, warn() {}, error() {} };
let leaf = 0;
let s3: S3Server;
let api: Harness;
beforeAll(async () => {
  s3 = await openS3Server();
});
afterAll(() => s3.close());
beforeEach(async () => {
  s3.objects.clear();
  s3.next.length = 0;
  api = await harness();
  const keys = { release: [hex(releaseKey.publicKey)], ed25519: [hex(ed25519.publicKey)] };
  api.releaseKeys.files = [new TextEncoder().encode(JSON.stringify(keys))];
  api.payloads.deviceKey = () => deviceKey;
  await api.store.tx(async (tx) => {
    const birth = { ...birthRecord("SN-0001"), classId };
    await tx.putDevice(
      deviceRecord("SN-0001", { birth, lifecycle: Lifecycle.Operating, epoch: 1 }),
    );
    await tx.putDevice(deviceRecord("SN-0002"));
  });
});
afterEach(() => api.close());

const clock = { nowMs: () => api.clock.now };
const bucket = () => {
  const place = { bucket: "fleet", prefix: "", region: s3Region, endpoint: s3.url };
  const pause = async () => undefined;
  return createPayloads(s3Origin({ ...place, ...s3Keys }, { clock, log: quiet, pause }), {
    ...{ clock, log: quiet },
  });
};
function envelope() {
  const manifest = encodeManifest(manifestInput);
  const signers = [lmsSigner(releaseKey, leaf++), ed25519];
  return encodeEnvelope(manifest, signManifest(manifest, signers));
}
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
const publish = (payload = image) => {
  const images = [{ board: "puckjs", envelope: base64(envelope()), payload: base64(payload) }];
  return api.call("POST", "/v1/releases", { images }, "releaser");
};
const link = async (body: object = {}, role: "operator" | "viewer" = "operator") =>
  api.call("POST", `/v1/payloads/${digest}/links`, body, role);
const get = (url: string, headers: Record<string, string> = {}, method: "GET" | "HEAD" = "GET") =>
  api.app.inject({ method, url, headers });

describe("a link", () => {
  beforeEach(async () => {
    await publish();
  });
  it("gives the image to whoever holds it, until its time is over", async () => {
    const { body, status } = await link({ forS: 60 });
    expect([status, body.expiresMs]).toEqual([201, startMs + 60_000]);
    const whole = await get(body.path);
    expect([whole.statusCode, whole.rawPayload.equals(image)]).toEqual([200, true]);
    expect(whole.headers).toMatchObject({
      ...{ "accept-ranges": "bytes", etag: `"${digest}"`, "content-length": String(image.length) },
      "content-type": "application/octet-stream",
    });
    api.clock.now += 60_000;
    const late = await get(body.path);
    expect(late.json()).toMatchObject({ code: 648, name: "LinkInvalid", status: 403 });
    expect(late.json().detail).toMatch(/it ended at 2027-/);
  });
  it.each<[string, (path: string) => string]>([
    ["another end", (path) => path.replace(/expires=\d+/, "expires=9999999999")],
    ["a device that it does not name", (path) => `${path}&serial=SN-0001`],
    [
      "a signature of nobody's",
      (path) => path.replace(/signature=.*/, `signature=${"0".repeat(64)}`),
    ],
    ["another payload", (path) => path.replace(digest, "ab".repeat(32))],
  ])("is refused with %s", async (_title, change) => {
    const { path } = (await link()).body;
    expect((await get(change(path))).json()).toMatchObject({ code: 648, name: "LinkInvalid" });
  });
  it("is refused to those who may only look, for what is not there, and without its parts", async () => {
    expect((await link({}, "viewer")).body.name).toBe("Forbidden");
    const none = await api.call("POST", `/v1/payloads/${"ab".repeat(32)}/links`, {}, "operator");
    expect(none.body.name).toBe("NotFound");
    expect((await link({ serial: "SN-0002" })).body.name).toBe("DeviceNotOperating");
    expect((await link({ forS: 86_400 })).body.name).toBe("RequestInvalid");
    expect((await get(`/v1/payloads/${digest}`)).json().name).toBe("RequestInvalid");
    const { path } = (await link()).body;
    const release = await api.store.tx((tx) => tx.release(7));
    await api.store.tx((tx) => tx.putRelease({ ...release!, poisonedMs: 1, poisonReason: "x" }));
    expect((await get(path)).json().name).toBe("ImagePoisoned");
  });
  it("gives ranges, and all of it again when it has changed", async () => {
    const { path } = (await link()).body;
    const part = await get(path, { range: "bytes=10-19" });
    expect([part.statusCode, part.headers["content-range"]]).toEqual([
      206,
      `bytes 10-19/${image.length}`,
    ]);
    expect(part.rawPayload.equals(image.subarray(10, 20))).toBe(true);
    const same = await get(path, { range: "bytes=-5", "if-range": `"${digest}"` });
    expect([same.statusCode, same.rawPayload.equals(image.subarray(-5))]).toEqual([206, true]);
    const other = await get(path, { range: "bytes=-5", "if-range": '"other"' });
    expect([other.statusCode, other.rawPayload.length]).toEqual([200, image.length]);
    const known = await get(path, { "if-none-match": `"x", "${digest}"` });
    expect([known.statusCode, known.rawPayload.length]).toEqual([304, 0]);
    const head = await get(path, {}, "HEAD");
    expect([head.statusCode, head.headers["content-length"], head.rawPayload.length]).toEqual([
      ...[200, String(image.length), 0],
    ]);
    const behind = await get(path, { range: `bytes=${image.length}-` });
    expect(behind.headers["content-range"]).toBe(`bytes */${image.length}`);
    const detail = `range: expected one within ${image.length} bytes, got bytes=${image.length}-`;
    expect(behind.json()).toEqual(
      problem(649, "RangeUnsatisfiable", 416, detail, expect.any(String)),
    );
  });
  it("for a device gives blocks that it alone can open, also in ranges of whole blocks", async () => {
    const { path } = (await link({ serial: "SN-0001" })).body;
    const whole = await get(path);
    expect(whole.headers.etag).toBe(`"${digest.slice(0, 32)}-SN-0001-1"`);
    const sealed = new Uint8Array(whole.rawPayload);
    expect(sealed.length).toBe(sealedSize(image.length));
    expect(Buffer.from(sealed).includes(Buffer.from(image.subarray(0, 16)))).toBe(false);
    const opened: number[] = [];
    for (let at = 0, index = 0; at < sealed.length; at += 1024, index++) {
      const range = await get(path, { range: `bytes=${at}-${at + 1023}` });
      const block = { index, bytes: new Uint8Array(range.rawPayload) };
      opened.push(...openBlock(deviceKey, manifestInput.digest, block, image.length)!);
    }
    expect(Uint8Array.from(opened)).toEqual(new Uint8Array(image));
  });
});

describe("a sealed block", () => {
  const payload = new Uint8Array(randomBytes(3000));
  const name = new Uint8Array(32).fill(1);
  const sealed = sealPayload(deviceKey, name, payload);
  const block = (index: number) => ({
    index,
    bytes: sealed.slice(index * 1024, index * 1024 + 1024),
  });
  it("opens for its device, payload and place", () => {
    expect(openBlock(deviceKey, name, block(2), 3000)).toEqual(payload.slice(2016));
  });
  it.each<[string, () => Uint8Array | null]>([
    ["another device", () => openBlock(new Uint8Array(32), name, block(0), 3000)],
    ["another payload", () => openBlock(deviceKey, new Uint8Array(32), block(0), 3000)],
    ["another place", () => openBlock(deviceKey, name, { ...block(0), index: 1 }, 3000)],
    ["another size", () => openBlock(deviceKey, name, block(0), 3001)],
    [
      "a changed bit",
      () => {
        const changed = block(1);
        changed.bytes[500]! ^= 1;
        return openBlock(deviceKey, name, changed, 3000);
      },
    ],
    [
      "a cut end",
      () => openBlock(deviceKey, name, { index: 2, bytes: block(2).bytes.slice(0, -1) }, 3000),
    ],
    ["nothing", () => openBlock(deviceKey, name, { index: 0, bytes: new Uint8Array(16) }, 3000)],
  ])("does not open for %s", (_title, open) => {
    expect(open()).toBe(null);
  });
});

describe("a range", () => {
  it.each([
    ["bytes=0-0", 0, 0],
    ["bytes=5-", 5, 99],
    ["bytes=90-500", 90, 99],
    ["bytes=-10", 90, 99],
    ["bytes=-500", 0, 99],
    [" Bytes=1-2 ", 1, 2],
  ])("%s is a part of 100 bytes", (text, from, to) => {
    expect(rangeOf(text, 100)).toEqual({ from, to });
  });
  it.each([
    undefined,
    "",
    "bytes=",
    "bytes=-",
    "bytes=3-2",
    "bytes=0-1,3-4",
    "lines=0-1",
    "bytes=x-y",
  ])("%s is all of it", (text) => expect(rangeOf(text, 100)).toBe(null));
  it.each(["bytes=100-", "bytes=100-200", "bytes=-0"])("%s cannot be given", (text) => {
    expect(() => rangeOf(text, 100)).toThrow(expect.objectContaining({ code: 649 }));
  });
});

describe("a release whose payload is in a bucket", () => {
  const offers = () =>
    createOffers({ clock, lab: new LabOffers(), payloads: api.payloads as unknown as Payloads });
  const image7 = () =>
    api.store.tx(async (tx) => offers().image(tx, (await tx.device("SN-0001"))!, 7));
  beforeEach(() => {
    Object.assign(api.payloads, bucket(), { hasOrigin: true });
  });

  it("is published there, not into the database, and given out from there", async () => {
    const reply = await publish();
    expect(reply.status).toBe(201);
    expect([...s3.objects.keys()]).toEqual([`/fleet/${digest}`]);
    expect(await api.store.tx((tx) => tx.blob(1, 7, classId))).toBe(null);
    const whole = await get((await link()).body.path);
    expect(whole.rawPayload.equals(image)).toBe(true);
  });
  it("is not there when the bucket does not take it", async () => {
    s3.next.push(403);
    const reply = await publish();
    expect(reply.body).toMatchObject({ code: 646, name: "OriginUnreachable", status: 503 });
    expect(await api.store.tx((tx) => tx.releases())).toEqual([]);
    expect((await publish()).status).toBe(201);
  });
  it("puts nothing into the bucket that was not signed", async () => {
    const reply = await publish(new Uint8Array(image.length));
    expect([reply.body.name, s3.objects.size]).toEqual(["ImageDigest", 0]);
  });
  it("comes to a device a moment later: no transaction waits for the bucket", async () => {
    await publish();
    Object.assign(api.payloads, bucket());
    s3.next.push("hang");
    const began = performance.now();
    expect((await image7())?.payload).toBe("loading");
    expect(performance.now() - began).toBeLessThan(2_000);
    s3.next.length = 0;
    Object.assign(api.payloads, bucket());
    expect((await image7())?.payload).toBe("loading");
    const same = api.payloads;
    await same.load(digest, image.length);
    expect((await image7())?.payload).toEqual(new Uint8Array(image));
  });
  it("and runs on a device is no reason to wait for whoever updates it, also when it was lost", async () => {
    await publish();
    Object.assign(api.payloads, bucket());
    s3.objects.clear();
    const runs = { runningSequence: 7, runningDigest: digest.slice(0, 16) };
    const running = () =>
      api.store.tx(async (tx) => {
        return offers().running(tx, { ...(await tx.device("SN-0001"))!, ...runs });
      });
    expect(await running()).toBe(null);
    s3.objects.set(`/fleet/${digest}`, Buffer.from(image));
    Object.assign(api.payloads, bucket());
    await api.payloads.load(digest, image.length);
    expect(await running()).toEqual(new Uint8Array(image));
  });
  it("that was damaged there is given to nobody", async () => {
    await publish();
    Object.assign(api.payloads, bucket());
    s3.objects.set(`/fleet/${digest}`, Buffer.alloc(image.length));
    const reply = await get((await link()).body.path);
    expect(reply.json()).toMatchObject({ code: 647, name: "PayloadDamaged", status: 502 });
  });
});

describe("an agent with a bucket", () => {
  it("publishes into it and gives a device's blocks out of it, over its own sockets", async () => {
    const data = mkdtempSync(join(tmpdir(), "bucket-"));
    const keyFile = join(data, "keys.json");
    writeFileSync(keyFile, api.releaseKeys.files[0]!);
    const adminToken = "administrator-of-a-test";
    const s3Place = {
      payloads: "s3://fleet/a",
      payloadsEndpoint: s3.url,
      payloadsRegion: s3Region,
    };
    const settings = {
      ...{
        data,
        httpPort: 0,
        mqttPort: 0,
        mqttHost: "127.0.0.1",
        adminToken,
        releaseKeys: keyFile,
      },
      ...{ durability: "normal" as const, releaseGate: "open" as const, km: "5a".repeat(32) },
      ...{ ...s3Place, payloadsKeyId: s3Keys.keyId, payloadsSecret: s3Keys.secret },
    };
    const edges = { clock: systemClock, random: systemRandom, log: quiet, showAdminToken() {} };
    const agent = createAgent(parseConfig(settings), edges);
    await agent.start();
    try {
      const ask = (path: string, body?: object, headers: Record<string, string> = {}) =>
        fetch(new URL(path, agent.httpUrl), {
          method: body ? "POST" : "GET",
          ...(body ? { body: JSON.stringify(body) } : {}),
          headers: body
            ? { authorization: `Bearer ${adminToken}`, "content-type": "application/json" }
            : headers,
        });
      const images = [{ board: "puckjs", envelope: base64(envelope()), payload: base64(image) }];
      expect((await ask("/v1/releases", { images })).status).toBe(201);
      expect([...s3.objects.keys()]).toEqual([`/fleet/a/${digest}`]);
      expect(await agent.store.tx((tx) => tx.blob(1, 7, classId))).toBe(null);
      const device = deviceRecord("SN-0001", { lifecycle: Lifecycle.Operating, epoch: 2 });
      await agent.store.tx((tx) => tx.putDevice(device));
      const made = await ask(`/v1/payloads/${digest}/links`, { serial: "SN-0001" });
      const { path } = (await made.json()) as { path: string };
      const reply = await ask(path, undefined, { range: "bytes=0-1023" });
      expect(reply.status).toBe(206);
      const block = { index: 0, bytes: new Uint8Array(await reply.arrayBuffer()) };
      const key = deviceKeyOf(Buffer.alloc(32, 0x5a), "SN-0001", 2);
      const opened = openBlock(key, manifestInput.digest, block, image.length);
      expect(opened).toEqual(new Uint8Array(image.subarray(0, opened!.length)));
    } finally {
      await agent.stop();
      rmSync(data, { recursive: true });
    }
  });
});
