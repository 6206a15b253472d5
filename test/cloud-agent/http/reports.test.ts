/** What has to speak for a release before the agent takes it. */
import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  encodeEnvelope,
  encodeManifest,
  type ManifestInput,
  signManifest,
} from "../../../firmware/protocol/host/suit.ts";
import { image, lmsSigner, manifestInput, releaseKey } from "../../host/suitFixture.ts";
import { hex } from "../fixtures.ts";
import { type Harness, harness, startMs } from "./harness.ts";

let api: Harness;
let leaf = 0;
beforeEach(async () => {
  api = await harness();
  leaf = 0;
  api.config.releaseGate = "full";
  const keys = { release: [hex(releaseKey.publicKey)] };
  api.releaseKeys.files = [new TextEncoder().encode(JSON.stringify(keys))];
});
afterEach(() => api.close());

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
const digest = hex(manifestInput.digest);
const good = {
  kind: "tests",
  sequence: 7,
  images: [digest],
  passed: true,
  summary: "412 tests on two boards",
};
const send = async (fields: object | string, role: "releaser" | "viewer" = "releaser") => {
  const text = typeof fields === "string" ? fields : JSON.stringify(fields);
  const body = { report: base64(new TextEncoder().encode(text)) };
  return api.call("POST", "/v1/reports", body, role);
};
const sent = async (changes: object = {}) => {
  const { body } = await send({ ...good, ...changes });
  return { digest: body.digest, summary: body.summary };
};
const publish = (evidence: object | undefined, changes: Partial<ManifestInput> = {}) => {
  const manifest = encodeManifest({ ...manifestInput, ...changes });
  const envelope = encodeEnvelope(
    manifest,
    signManifest(manifest, [lmsSigner(releaseKey, leaf++)]),
  );
  const images = [{ board: "puckjs", envelope: base64(envelope), payload: base64(image) }];
  return api.call("POST", "/v1/releases", { images, evidence }, "releaser");
};

describe("a report", () => {
  it("is kept byte for byte under its digest, once, and told in the log", async () => {
    const text = `${JSON.stringify({ ...good, extra: ["of", "its", "maker"] }, null, 2)}\n`;
    const reply = await send(text);
    const own = createHash("sha256").update(text).digest("hex");
    expect([reply.status, reply.body]).toEqual([
      201,
      { ...good, digest: own, receivedMs: startMs, person: "releaser" },
    ]);
    await send(text);
    const back = await api.call("GET", `/v1/reports/${own}`, undefined, "viewer");
    expect(Buffer.from(back.body.bytes, "base64").toString()).toBe(text);
    const events = await api.store.tx((tx) => tx.events({ kind: "reportReceived", limit: 9 }));
    expect(events.map((event) => event.text)).toEqual([
      "releaser sent the tests report of release 7, which passed: 412 tests on two boards",
    ]);
    expect((await api.call("GET", `/v1/reports/${"0".repeat(64)}`)).body.code).toBe(603);
    expect((await send(good, "viewer")).body.code).toBe(602);
  });

  it.each<[string, object | string, RegExp]>([
    ["is no JSON", "passed!", /expected JSON/],
    ["is of no known kind", { ...good, kind: "hope" }, /kind: /],
    ["is about no image", { ...good, images: [] }, /images: /],
    ["does not say how it went", { ...good, passed: "yes" }, /passed: /],
    ["has no summary", { ...good, summary: "" }, /summary: /],
  ])("that %s is refused", async (_title, fields, message) => {
    const reply = await send(fields);
    expect([reply.status, reply.body.code]).toEqual([422, 677]);
    expect(reply.body.detail).toMatch(message);
  });
});

describe("a release", () => {
  it("with the reports of its rehearsal and its tests is published, and keeps them", async () => {
    const evidence = { tests: await sent(), rehearsal: await sent({ kind: "rehearsal" }) };
    const reply = await publish(evidence);
    expect([reply.status, reply.body.evidence]).toEqual([201, evidence]);
    expect((await api.call("GET", "/v1/releases/7")).body.evidence).toEqual(evidence);
  });

  const refusals: [string, () => Promise<object | undefined>, number, RegExp][] = [
    ["without any report", async () => undefined, 675, /digest of its rehearsal report, got none/],
    [
      "without a report of its tests",
      async () => ({ rehearsal: await sent({ kind: "rehearsal" }) }),
      675,
      /digest of its tests report/,
    ],
    [
      "with a report that was never sent",
      async () => ({ rehearsal: { digest: "0".repeat(64), summary: "fine" }, tests: await sent() }),
      676,
      /was never sent here/,
    ],
    [
      "with one report for both",
      async () => ({ rehearsal: await sent(), tests: await sent() }),
      676,
      /is a tests report/,
    ],
    [
      "with a report of another release",
      async () => ({
        rehearsal: await sent({ kind: "rehearsal", sequence: 6 }),
        tests: await sent(),
      }),
      676,
      /is about release 6/,
    ],
    [
      "with a report of other images",
      async () => ({
        rehearsal: await sent({ kind: "rehearsal" }),
        tests: await sent({ images: ["ab".repeat(32)] }),
      }),
      676,
      /none with the digest for puckjs/,
    ],
    [
      "whose tests failed",
      async () => ({
        rehearsal: await sent({ kind: "rehearsal" }),
        tests: await sent({ passed: false, summary: "3 of 412 failed" }),
      }),
      676,
      /failed: 3 of 412 failed/,
    ],
    [
      "with another summary than its report has",
      async () => ({
        rehearsal: await sent({ kind: "rehearsal" }),
        tests: { ...(await sent()), summary: "all is well" },
      }),
      676,
      /another summary/,
    ],
  ];
  it.each(refusals)("%s is refused, and nothing is stored", async (_title, make, code, detail) => {
    const reply = await publish(await make());
    expect([reply.status, reply.body.code]).toEqual([422, code]);
    expect(reply.body.detail).toMatch(detail);
    expect((await api.call("GET", "/v1/releases")).body).toEqual({ releases: [] });
  });

  it.each<[string, object, RegExp]>([
    ["without notes", { notes: "" }, /\(security\): expected notes for its owners/],
    ["without a day of support", { supportUntil: undefined }, /until which it is supported/],
    ["whose support is over", { supportUntil: "2020-01-01" }, /it ends 2020-01-01/],
  ])("%s is refused", async (_title, changes, detail) => {
    const evidence = { tests: await sent(), rehearsal: await sent({ kind: "rehearsal" }) };
    const text = { ...manifestInput.text!, ...changes };
    const reply = await publish(evidence, { text });
    expect([reply.status, reply.body.code]).toEqual([422, 674]);
    expect(reply.body.detail).toMatch(detail);
  });

  it("on an open agent is taken without; a report that is named is checked even there", async () => {
    api.config.releaseGate = "open";
    const wrong = {
      tests: await sent({ passed: false }),
      rehearsal: await sent({ kind: "rehearsal" }),
    };
    expect((await publish(wrong)).body.code).toBe(676);
    expect((await publish(undefined)).status).toBe(201);
  });
});
