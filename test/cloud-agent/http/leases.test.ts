/** Leaves for signing desks: the command on one side, the agent's API on the other, over the real store. */
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { raiseReservations } from "../../../cloud-agent/core/restore.ts";
import { hashToken } from "../../../cloud-agent/http/auth.ts";
import { keyId } from "../../../firmware/protocol/host/cose.ts";
import { productIds } from "../../../firmware/protocol/host/productIds.ts";
import { lease } from "../../../scripts/cli/keys/lease.ts";
import { createDesk, createKeys, showKeys } from "../../../scripts/cli/keys/store.ts";
import { releaseFile, signRelease } from "../../../scripts/cli/release/sign.ts";
import { image } from "../../host/suitFixture.ts";
import { type Harness, harness, startMs } from "./harness.ts";

let made: string;
let dir: string;
let api: Harness;
beforeAll(() => {
  made = mkdtempSync(join(tmpdir(), "leases-"));
  createKeys({ dir: join(made, "keys"), height: 5 });
  createDesk({ dir: join(made, "keys"), out: join(made, "desk-b") });
});
afterAll(() => rmSync(made, { recursive: true }));
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "leases-"));
  cpSync(made, dir, { recursive: true });
  api = await harness();
  api.releaseKeys.files = [new Uint8Array(readFileSync(join(dir, "keys", "keyset-1.cbor")))];
  await api.store.tx(async (tx) => {
    for (const name of ["desk-a", "desk-b"]) {
      const hash = hashToken(`${name}-token`);
      await tx.putToken({ id: name, hash, role: "desk", name, expiresMs: null });
    }
  });
});
afterEach(async () => {
  await api.close();
  rmSync(dir, { recursive: true });
});

/** The command's fetch, led into the server. */
const call: typeof fetch = async (url, init) => {
  const reply = await api.app.inject({
    method: "POST",
    url: new URL(String(url)).pathname,
    headers: init!.headers as Record<string, string>,
    payload: String(init!.body),
  });
  return new Response(reply.payload, { status: reply.statusCode });
};
const ask = (
  desk: "desk-a" | "desk-b",
  leaves: number,
  folder = desk === "desk-a" ? "keys" : desk,
) =>
  lease({
    ...{
      dir: join(dir, folder),
      agent: "http://agent",
      token: `${desk}-token`,
      leaves,
      fetch: call,
    },
  });
const refusal = (code: number, name: string) => ({
  code: "LEASE_REFUSED",
  message: expect.stringContaining(`${code} ${name}`),
});
/** As a backup from before any lease does. */
const forgetLeases = () =>
  api.store.tx((tx) => {
    const kid = Buffer.from(keyId(showKeys(join(dir, "keys")).releaseKey)).toString("hex");
    const ranges = [{ from: 0, to: 16, desk: null, atMs: 0, seenTo: 0 }];
    return tx.putMeta(`leases:${kid}`, JSON.stringify({ leaves: 32, ranges }));
  });
/** Signs a release with the folder's next leaf. @returns its leaf, and the publication */
async function sign(folder: string, sequence: number) {
  const input = {
    ...{ keysDir: join(dir, folder), sequence, floor: 1, version: `1.${sequence}`, notes: "x" },
    ...{ interpreter: ["2v25", "2v29"] as const, type: "fix" as const },
    images: [{ board: "puckjs", ...productIds("example.com", "sensor-1", "puckjs"), text: image }],
  };
  const signed = signRelease(input);
  const body = releaseFile(input, signed);
  const publish = () => api.call("POST", "/v1/releases", body, "releaser");
  return { leaf: signed.images[0]!.leaf, publish };
}

describe("fleetling keys lease", () => {
  it("gives two desks leaves that never overlap, above the offline half, and records each lease", async () => {
    const got = [await ask("desk-a", 4), await ask("desk-b", 4), await ask("desk-a", 2)];
    expect(got.map((one) => one.lease)).toEqual([
      { from: 16, to: 20 },
      { from: 20, to: 24 },
      { from: 24, to: 26 },
    ]);
    const { events } = (await api.call("GET", "/v1/events?kind=leavesLeased")).body;
    expect(events.map((event: { data: object }) => event.data)).toMatchObject([
      { desk: "desk-a", from: 16, to: 20 },
      { desk: "desk-b", from: 20, to: 24 },
      { desk: "desk-a", from: 24, to: 26 },
    ]);
  });
  it("lets a desk sign with leased leaves first and with the offline half when they are used up", async () => {
    await ask("desk-a", 2);
    const leaves = [];
    for (const sequence of [1, 2, 3]) leaves.push((await sign("keys", sequence)).leaf);
    expect(leaves).toEqual([16, 17, 0]);
  });
  it("is what a further desk needs before it can sign, because the offline half is not its", async () => {
    await expect(sign("desk-b", 1)).rejects.toMatchObject({ code: "LEDGER_EXHAUSTED" });
    await ask("desk-b", 1);
    expect((await sign("desk-b", 1)).leaf).toBe(16);
    await expect(sign("desk-b", 2)).rejects.toMatchObject({ code: "LEDGER_EXHAUSTED" });
  });
  it("warns from 80 % of the key's leaves on and is refused when too few are left", async () => {
    expect((await ask("desk-b", 9)).warnings).toEqual([]);
    expect((await ask("desk-b", 1)).warnings).toEqual([
      expect.stringMatching(/^26 of the key's 32 /),
    ]);
    await expect(ask("desk-b", 7)).rejects.toMatchObject(refusal(624, "LeavesExhausted"));
    expect((await ask("desk-b", 6)).keyLeavesLeft).toBe(0);
  });
  it("tells what is used, leased and left", async () => {
    await ask("desk-a", 4);
    await sign("keys", 1);
    const { ledger, leaves } = showKeys(join(dir, "keys"));
    expect({ leaves, ...ledger }).toMatchObject({
      ...{ leaves: 32, leavesHeld: 20, leavesLeft: 19, warning: null },
      ranges: [
        { from: 16, to: 20, next: 17, isLeased: true },
        { from: 0, to: 16, next: 0, isLeased: false },
      ],
    });
  });
  it("refuses a ledger that lacks a leaf of a published release", async () => {
    cpSync(join(dir, "keys"), join(dir, "old"), { recursive: true });
    const first = await sign("keys", 1);
    expect((await first.publish()).status).toBe(201);
    await expect(ask("desk-a", 1, "old")).rejects.toMatchObject(refusal(625, "LedgerBehind"));
    expect((await ask("desk-a", 0)).lease).toBeNull();
  });
  it("refuses a copy of another desk's folder", async () => {
    await ask("desk-a", 4);
    cpSync(join(dir, "keys"), join(dir, "copy"), { recursive: true });
    await expect(ask("desk-b", 4, "copy")).rejects.toMatchObject(refusal(629, "LeaseOfAnother"));
  });
  it("refuses a key that the agent's key set does not name", async () => {
    createKeys({ dir: join(dir, "other"), height: 5 });
    await expect(ask("desk-a", 1, "other")).rejects.toMatchObject(
      refusal(628, "ReleaseKeyUnknown"),
    );
  });
  it("needs a token of a desk", async () => {
    const body = { publicKey: "00".repeat(48), leaves: 1, ranges: [] };
    const reply = await api.call("POST", "/v1/leases", body, "operator");
    expect([reply.status, reply.body.code]).toEqual([403, 602]);
    const desk = await api.app.inject({
      method: "GET",
      url: "/v1/devices",
      headers: { authorization: "Bearer desk-a-token" },
    });
    expect(desk.statusCode).toBe(403);
  });
  it.each([
    ["no URL of an agent's answers", async () => new Response("hello", { status: 200 })],
    ["nobody answers", async () => Promise.reject(new Error("refused"))],
    ["something else answers", async () => new Response("<html>", { status: 502 })],
  ])("leaves the ledger as it was when %s", async (_name, fetch) => {
    const before = showKeys(join(dir, "keys")).ledger;
    const request = { dir: join(dir, "keys"), agent: "http://agent", token: "t", leaves: 4, fetch };
    await expect(lease(request)).rejects.toMatchObject({ code: "LEASE_REFUSED" });
    expect(showKeys(join(dir, "keys")).ledger).toEqual(before);
  });
});

describe("an agent", () => {
  it("refuses a leaf that comes with another digest, and takes the same one again", async () => {
    cpSync(join(dir, "keys"), join(dir, "copy"), { recursive: true });
    const one = await sign("keys", 1);
    const other = await sign("copy", 2);
    expect(other.leaf).toBe(one.leaf);
    expect((await one.publish()).status).toBe(201);
    expect((await one.publish()).status).toBe(200);
    const reply = await other.publish();
    expect([reply.status, reply.body.code, reply.body.name]).toEqual([422, 623, "LeafReused"]);
  });
  it("that was restored leases nothing until it is told that all desks have compared, and nothing that they hold", async () => {
    await ask("desk-a", 4);
    await ask("desk-b", 4);
    await forgetLeases();
    await api.store.tx((tx) => raiseReservations(tx, startMs));
    await expect(ask("desk-a", 4)).rejects.toMatchObject(refusal(626, "LeasesHeld"));
    expect((await ask("desk-b", 0)).keyLeavesLeft).toBe(8);
    expect((await ask("desk-a", 0)).keyLeavesLeft).toBe(8);
    const released = await api.call("POST", "/v1/leases/release", {});
    expect(released.body).toEqual({ wasHeld: true });
    expect((await ask("desk-a", 4)).lease).toEqual({ from: 24, to: 28 });
  });
  it("that was restored closes leaves it sees in a release before it has heard of their lease", async () => {
    await ask("desk-b", 4);
    const { publish, leaf } = await sign("desk-b", 1);
    await forgetLeases();
    expect((await publish()).status).toBe(201);
    expect((await ask("desk-a", 1)).lease).toEqual({ from: leaf + 1, to: leaf + 2 });
  });
});
