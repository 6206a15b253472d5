import { generateKeyPairSync } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  agentVersion,
  certificatePublicKey,
  certifyWipe,
} from "../../../cloud-agent/core/certificates.ts";
import type { DeviceRecord } from "../../../cloud-agent/core/records.ts";
import { createOffers } from "../../../cloud-agent/offers.ts";
import { createRolloutLoop } from "../../../cloud-agent/rolloutLoop.ts";
import { verifyChain } from "../../../firmware/protocol/host/certificate.ts";
import { keyId } from "../../../firmware/protocol/host/cose.ts";
import {
  encodeReceiptBody,
  receiptPublic,
  signReceipt,
} from "../../../firmware/protocol/host/receipt.ts";
import {
  encodeEnvelope,
  encodeManifest,
  type ManifestInput,
  signManifest,
} from "../../../firmware/protocol/host/suit.ts";
import packageJson from "../../../package.json" with { type: "json" };
import {
  ed25519Signer,
  image,
  lmsSigner,
  manifestInput,
  otherKey,
  releaseKey,
} from "../../host/suitFixture.ts";
import { birthRecord, deviceRecord, hex } from "../fixtures.ts";
import { type Harness, harness, startMs } from "./harness.ts";

const classId = hex(manifestInput.classId);
const ed25519 = ed25519Signer(3);
let leaf = 0;
let api: Harness;
beforeEach(async () => {
  api = await harness();
  leaf = 0;
  const keys = { release: [hex(releaseKey.publicKey)], ed25519: [hex(ed25519.publicKey)] };
  api.releaseKeys.files = [new TextEncoder().encode(JSON.stringify(keys))];
});
afterEach(() => api.close());

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
function signed(changes: Partial<ManifestInput> = {}, key = releaseKey, useLeaf = leaf++) {
  const manifest = encodeManifest({ ...manifestInput, ...changes });
  const signers = [lmsSigner(key, useLeaf), ed25519];
  return encodeEnvelope(manifest, signManifest(manifest, signers));
}
const publish = (envelope = signed(), changes: object = {}, payload = image) =>
  api.call(
    "POST",
    "/v1/releases",
    {
      images: [{ board: "puckjs", envelope: base64(envelope), payload: base64(payload) }],
      ...changes,
    },
    "releaser",
  );
const kinds = () =>
  api.store.tx(async (tx) => (await tx.events({ limit: 500 })).map((event) => event.kind));

describe("a release", () => {
  it("is stored as it was signed, and described by what was signed", async () => {
    const envelope = signed();
    const reply = await publish(envelope, { sequence: 7, version: "9.9.9", notes: "other" });
    const release = {
      ...{ sequence: 7, version: "1.4.2", type: "security", notes: "Closes a hole." },
      ...{ supportUntil: "2030-12-31", endOfLife: "" },
      disposal: "Collection point for electronics.",
      ...{ publishedMs: startMs, poisonedMs: null, poisonReason: null },
      images: [
        {
          classId,
          board: "puckjs",
          digest: hex(manifestInput.digest),
          sizeBytes: image.length,
          floor: 5,
          envelopeBytes: envelope.length,
          signedBy: [releaseKey, ed25519].map(({ publicKey }) => hex(keyId(publicKey))),
        },
      ],
    };
    expect([reply.status, reply.body]).toEqual([201, release]);
    expect((await api.call("GET", "/v1/releases/7")).body).toEqual(release);
    expect((await api.call("GET", "/v1/releases")).body).toEqual({ releases: [release] });
    expect(await api.store.tx((tx) => tx.blob(0, 7, classId))).toEqual(envelope);
    expect(await api.store.tx((tx) => tx.blob(1, 7, classId))).toEqual(image);
    expect(await kinds()).toEqual(["releasePublished"]);
  });

  it("again is answered alike; with other images under its sequence it is refused", async () => {
    await publish();
    expect((await publish()).status).toBe(200);
    const other = await publish(signed({ floor: 6 }));
    expect([other.status, other.body.code]).toEqual([409, 620]);
    expect(await kinds()).toEqual(["releasePublished"]);
  });

  const refusals: [string, () => Promise<{ status: number; body: { code: number } }>, number][] = [
    ["is signed by an unknown key", () => publish(signed({}, otherKey)), 106],
    ["has another payload than was signed", () => publish(signed(), {}, image.slice(1)), 114],
    ["has a changed signature", () => publish(flip(signed(), 200)), 105],
    ["has a changed manifest", () => publish(flip(signed(), -5)), 103],
    ["is no envelope", () => publish(Uint8Array.of(1, 2, 3)), 100],
    ["says another sequence than its manifest", () => publish(signed(), { sequence: 8 }), 600],
    ["says another floor than its manifest", () => publish(signed(), { floor: 1 }), 600],
    ["has no image", () => publish(signed(), { images: [] }), 600],
  ];
  it.each(refusals)(
    "that %s is refused by a code, and nothing is stored",
    async (_, act, expected) => {
      const reply = await act();
      expect(reply.body.code).toBe(expected);
      expect(reply.status).toBe(expected === 600 ? 400 : 422);
      expect((await api.call("GET", "/v1/releases")).body).toEqual({ releases: [] });
      expect(await kinds()).toEqual([]);
    },
  );

  it("with two images of one class is refused", async () => {
    const one = { board: "puckjs", envelope: base64(signed()), payload: base64(image) };
    const reply = await publish(undefined, { images: [one, one] });
    expect([reply.status, reply.body.code]).toEqual([422, 622]);
  });

  it("whose LMS leaf already signed another manifest is refused", async () => {
    await publish(signed({}, releaseKey, 9));
    const reply = await publish(signed({ sequence: 8 }, releaseKey, 9));
    expect([reply.status, reply.body.code]).toEqual([422, 623]);
    expect((await publish(signed({ sequence: 8 }, releaseKey, 10))).status).toBe(201);
  });

  it("needs a key set on the agent, and one that was never published is not found", async () => {
    api.releaseKeys.files = [];
    const reply = await publish();
    expect([reply.status, reply.body.code]).toEqual([503, 621]);
    expect((await api.call("GET", "/v1/releases/9")).body.code).toBe(117);
  });
});

function flip(bytes: Uint8Array, at: number): Uint8Array {
  const copy = new Uint8Array(bytes);
  copy[at < 0 ? copy.length + at : at]! ^= 1;
  return copy;
}

const policy = {
  name: "to 7",
  sequence: 7,
  target: { boards: ["puckjs"] },
  waves: [
    { name: "canary", size: { count: 1 }, soakMs: 0 },
    { name: "all", size: { percent: 100 }, soakMs: 60_000 },
  ],
  holdBackShare: 0,
};
const write = (changes: object = {}) =>
  api.call("POST", "/v1/rollouts", { ...policy, ...changes }, "operator");
const act = (id: string, verb: string, body?: object, role: "operator" | "approver" = "operator") =>
  api.call("POST", `/v1/rollouts/${id}/${verb}`, body, role);

describe("a rollout by people", () => {
  beforeEach(async () => {
    await publish();
    await api.store.tx((tx) => tx.putDevice(fleetDevice("SN-0001")));
  });

  it("is written as a draft with its author, then started, paused, resumed and aborted", async () => {
    const draft = await write();
    expect([draft.status, draft.body.status, draft.body.policy.author]).toEqual([
      201,
      "draft",
      "operator",
    ]);
    const { id } = draft.body;
    for (const [verb, status] of [
      ["start", "running"],
      ["pause", "paused"],
      ["resume", "running"],
      ["abort", "aborted"],
    ] as const) {
      const reply = await act(id, verb);
      expect([verb, reply.status, reply.body.status]).toEqual([verb, 200, status]);
    }
    expect((await act(id, "start")).body).toMatchObject({ code: 630, status: 409 });
    expect((await api.call("GET", `/v1/rollouts/${id}`)).body.status).toBe("aborted");
    expect(await kinds()).toEqual(
      expect.arrayContaining([
        "rolloutCreated",
        "rolloutStarted",
        "rolloutPaused",
        "updateOffered",
      ]),
    );
  });

  it("is approved by another person than its author, by that person's own token", async () => {
    const own = await write({ author: "approver" });
    expect((await act(own.body.id, "start", {}, "approver")).body.code).toBe(632);
    const other = await write();
    const named = await act(other.body.id, "start", { approver: "somebody" });
    expect([named.status, named.body.code]).toEqual([400, 600]);
    const reply = await act(other.body.id, "start", {}, "approver");
    expect([reply.status, reply.body.policy.approver]).toEqual([200, "approver"]);
    expect(reply.body.approvals).toEqual([{ person: "approver", atMs: startMs }]);
  });

  it("is refused for an unknown field, an unknown release and a poisoned one", async () => {
    expect((await write({ colour: "red" })).body).toMatchObject({ code: 631, status: 422 });
    expect((await write({ sequence: 8 })).body).toMatchObject({ code: 117, status: 404 });
    await api.store.tx(async (tx) =>
      tx.putRelease({ ...(await tx.release(7))!, poisonedMs: 1, poisonReason: "bad" }),
    );
    expect((await write()).body).toMatchObject({ code: 115, status: 409 });
    expect((await act("none", "start")).body).toMatchObject({ code: 603, status: 404 });
  });
});

const serials = ["SN-0001", "SN-0002", "SN-0003"];
const digest8 = hex(manifestInput.digest).slice(0, 16);
const fleetDevice = (serial: string, changes: Partial<DeviceRecord> = {}) =>
  deviceRecord(serial, {
    birth: birthRecord(serial, { classId }),
    lifecycle: 3,
    runningSequence: 6,
    runningDigest: "aa".repeat(8),
    otherSequence: 5,
    otherValid: true,
    lastSeenMs: startMs,
    nextCheckInS: 60,
    ...changes,
  });
const updated = (serial: string) =>
  fleetDevice(serial, {
    runningSequence: 7,
    runningDigest: digest8,
    otherSequence: 6,
    lastSeenMs: api.clock.now,
  });
const checkIn = (device: DeviceRecord) => api.store.tx((tx) => tx.putDevice(device));
const newLoop = () =>
  createRolloutLoop({
    store: api.store,
    clock: { nowMs: () => api.clock.now },
    random: { bytes: (count) => new Uint8Array(count).fill(9) },
    log: { debug() {}, info() {}, warn() {}, error: (fields) => void api.logged.push(fields) },
    nudge: (serial) => void api.nudged.push(serial),
  });

describe("the rollout loop", () => {
  let id: string;
  let offers: ReturnType<typeof createOffers>;
  const offered = async () => {
    const list: string[] = [];
    for (const serial of serials) {
      const offer = await api.store.tx(async (tx) =>
        offers.offerFor(tx, (await tx.device(serial))!),
      );
      if (offer) list.push(serial);
    }
    return list;
  };
  beforeEach(async () => {
    await publish();
    for (const serial of serials) await checkIn(fleetDevice(serial));
    id = (await write({ onHalt: "revert" })).body.id;
    offers = createOffers({ clock: { nowMs: () => api.clock.now }, lab: api.lab });
    await act(id, "start");
  });
  const turn = async () => {
    api.clock.now += 1000;
    await newLoop().turn();
    expect(api.logged).toEqual([]);
    return (await api.store.tx((tx) => tx.rollout(id)))!;
  };

  it("offers the canary only, then all, and is done when every device confirmed", async () => {
    const [canary, ...rest] = [...(await offered())];
    expect([canary !== undefined, rest]).toEqual([true, []]);
    const image7 = await api.store.tx(async (tx) =>
      offers.image(tx, (await tx.device(canary!))!, 7),
    );
    expect(image7!.payload).toEqual(image);
    await checkIn(updated(canary!));
    expect((await turn()).wave).toBe(1);
    const others = serials.filter((serial) => serial !== canary);
    expect(await offered()).toEqual(others);
    for (const serial of others) await checkIn(updated(serial));
    expect((await turn()).status).toBe("running");
    api.clock.now += 60_000;
    expect((await turn()).status).toBe("done");
    expect(await offered()).toEqual([]);
    expect(new Set(api.nudged)).toEqual(new Set(serials));
  });

  it("halts on a failed canary, poisons the release, and offers it to nobody again", async () => {
    const [canary] = await offered();
    const lastFailed = { sequence: 7, digest: digest8, code: 208, text: "crash" };
    await checkIn(fleetDevice(canary!, { lastFailed, lastSeenMs: startMs + 500 }));
    const halted = await turn();
    expect(halted.status).toBe("halted");
    expect(halted.haltReason).toContain(canary!);
    expect((await api.store.tx((tx) => tx.release(7)))!.poisonedMs).toBe(api.clock.now);
    expect(await offered()).toEqual([]);
    const fetched = await api.store.tx(async (tx) =>
      offers.image(tx, (await tx.device(serials[0]!))!, 7),
    );
    expect(fetched).toBeNull();
    expect((await kinds()).slice(-4)).toEqual(expect.arrayContaining(["releasePoisoned"]));
    expect((await act(id, "resume")).body.code).toBe(115);
  });

  it("orders confirmed devices back on an abort with revert, but never one that is being wiped", async () => {
    const [canary] = await offered();
    await checkIn(updated(canary!));
    await turn();
    for (const serial of serials) await checkIn(updated(serial));
    await turn();
    const wipe = { kind: "wipe" as const, orderId: 1, mode: 3, nonce: "", ackToken: "" };
    const order = { ...wipe, createdMs: 1, acceptedMs: null };
    await checkIn({ ...updated(serials[0]!), lifecycle: 5, order });
    const reply = await act(id, "abort", { confirmed: "revert" });
    expect(reply.body.status).toBe("aborted");
    const orders = await api.store.tx(async (tx) =>
      (await tx.devices({ limit: 9 })).map((device) => device.order?.kind),
    );
    expect(orders).toEqual(["wipe", "revert", "revert"]);
  });
});

describe("a wipe certificate", () => {
  const identifier = new Uint8Array(16).fill(4);
  const seed = new Uint8Array(24).fill(5);
  const { privateKey } = generateKeyPairSync("ed25519");
  const options = { signingKey: privateKey, nowMs: startMs };

  async function wiped(serial: string, orderByte: number) {
    const birth = birthRecord(serial, { receiptPublic: hex(receiptPublic(identifier, seed)) });
    await api.store.tx((tx) => tx.putDevice(deviceRecord(serial, { birth, lifecycle: 3 })));
    const url = `/v1/devices/${serial}/decommission`;
    await api.call("POST", url, { mode: "return", person: "Ann" });
    const device = (await api.store.tx((tx) => tx.device(serial)))!;
    const hash = new Uint8Array(8).fill(orderByte);
    const parts = {
      orderId: device.order!.orderId,
      mode: 2,
      epoch: 0,
      bootCount: 1,
      timeS: 1_800_000_100,
    };
    const nonce = new Uint8Array(16);
    const coverage = [{ name: "slots", pages: 7, hash }];
    const body = encodeReceiptBody({ serial, nonce, coverage, ...parts });
    const signature = signReceipt(identifier, seed, body);
    return {
      device,
      receipt: { ...parts, body, signature, coverage: [["slots", 7, hash]] as never },
    };
  }

  it("is chained, verifies offline, retires the device, and is issued once per order", async () => {
    for (const serial of ["SN-0001", "SN-0002"]) {
      const { device, receipt } = await wiped(serial, 1);
      const first = await api.store.tx((tx) => certifyWipe(tx, device, receipt, options));
      expect(first.device.lifecycle).toBe(6);
      const again = await api.store.tx((tx) => certifyWipe(tx, first.device, receipt, options));
      expect(again.certificate).toEqual(first.certificate);
    }
    const list = await api.store.tx((tx) => tx.certificates({ limit: 9 }));
    const chain = verifyChain(
      list.map(({ json }) => json),
      certificatePublicKey(privateKey),
    );
    expect(
      chain.map(({ device, person, class: grade }) => [device.serial, person.name, grade]),
    ).toEqual([
      ["SN-0001", "Ann", "C"],
      ["SN-0002", "Ann", "C"],
    ]);
    expect(chain[0]!.billingStoppedAt).toBe(new Date(startMs).toISOString());
    expect(chain[0]!.tool.version).toBe(agentVersion);
    expect(agentVersion).toBe(packageJson.version);
  });

  it("is not issued for a receipt whose signature is wrong, and the device stays in its wipe", async () => {
    const { device, receipt } = await wiped("SN-0001", 1);
    const forged = { ...receipt, signature: flip(receipt.signature, 40) };
    await expect(
      api.store.tx((tx) => certifyWipe(tx, device, forged, options)),
    ).rejects.toMatchObject({ code: "RECEIPT_INVALID" });
    expect((await api.store.tx((tx) => tx.device("SN-0001")))!.lifecycle).toBe(5);
    expect(await api.store.tx((tx) => tx.lastCertificate())).toBeNull();
  });
});
