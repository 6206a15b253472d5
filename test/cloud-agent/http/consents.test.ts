/** Owners, approvers and the penalty box over the real API, store and loop. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createOffers } from "../../../cloud-agent/offers.ts";
import { createRolloutLoop } from "../../../cloud-agent/rolloutLoop.ts";
import { birthRecord, deviceRecord } from "../fixtures.ts";
import { releaseOf } from "../rollout/fleet.ts";
import { type Harness, harness, startMs } from "./harness.ts";

const dayMs = 86_400_000;
const classId = "class-puckjs";
let api: Harness;
beforeEach(async () => {
  api = await harness();
  await api.store.tx(async (tx) => {
    await tx.putRelease({ ...releaseOf(7), type: "security" });
    await tx.putBlob(0, 7, classId, Uint8Array.of(1));
    for (const serial of ["SN-0001", "SN-0002", "SN-0003"]) {
      const birth = { ...birthRecord(serial), classId };
      const changes = { birth, lifecycle: 3, account: "acme", runningSequence: 6 };
      await tx.putDevice(deviceRecord(serial, { ...changes, lastSeenMs: startMs }));
    }
  });
});
afterEach(() => api.close());

const turn = () =>
  createRolloutLoop({
    store: api.store,
    clock: { nowMs: () => api.clock.now },
    random: { bytes: (count) => new Uint8Array(count).fill(9) },
    log: { debug() {}, info() {}, warn() {}, error: (fields) => void api.logged.push(fields) },
    nudge: () => undefined,
  }).turn();
const offered = (serial: string) =>
  api.store.tx(async (tx) => {
    const offers = createOffers({ clock: { nowMs: () => api.clock.now }, lab: api.lab });
    return (await offers.offerFor(tx, (await tx.device(serial))!))?.sequence ?? null;
  });
const policy = {
  name: "to 7",
  sequence: 7,
  target: { boards: ["puckjs"] },
  waves: [{ name: "all", size: { percent: 100 }, soakMs: 0 }],
  withoutCanary: "three devices of our own",
  holdBackShare: 0,
};
const write = (changes: object = {}) =>
  api.call("POST", "/v1/rollouts", { ...policy, ...changes }, "operator");
const act = (id: string, verb: string, role: "operator" | "approver" | "releaser", body?: object) =>
  api.call("POST", `/v1/rollouts/${id}/${verb}`, body, role);

describe("an owner", () => {
  const answer = (serial: string, body: object) =>
    api.call("POST", `/v1/devices/${serial}/consent`, { account: "acme", sequence: 7, ...body });

  it("is asked, answers for the own devices, and gets the update only then", async () => {
    const { id } = (await write({ mode: "consent", notNowMaxMs: 5 * dayMs })).body;
    await act(id, "start", "operator");
    const asked = (await api.call("GET", "/v1/consents")).body.consents;
    expect(asked).toHaveLength(3);
    expect(asked[0]).toEqual({ serial: "SN-0001", sequence: 7, rolloutId: id, askedMs: startMs });
    expect(await offered("SN-0001")).toBe(null);

    const stranger = await answer("SN-0001", { answer: "yes", account: "other" });
    expect([stranger.status, stranger.body.code]).toEqual([403, 673]);
    const early = await answer("SN-0001", { answer: "yes", sequence: 8 });
    expect([early.status, early.body.code]).toEqual([409, 672]);
    expect((await answer("SN-0001", { answer: "maybe" })).body.code).toBe(600);

    expect((await answer("SN-0001", { answer: "yes" })).body).toEqual({ rolloutId: id });
    await answer("SN-0002", { answer: "notNow" });
    await turn();
    expect([await offered("SN-0001"), await offered("SN-0002")]).toEqual([7, null]);
    const next = (await api.call("GET", "/v1/devices/SN-0002/next")).body;
    expect(next).toMatchObject({ code: "awaitsConsent", offer: null });
    expect(next.reason).toContain("its owner (acme by admin) said not now until 2027-01-16");
    expect((await api.call("GET", "/v1/consents")).body.consents).toHaveLength(1);
    expect((await answer("SN-0001", { answer: "yes" })).body.code).toBe(672);

    api.clock.now += 5 * dayMs;
    await turn();
    expect([await offered("SN-0002"), await offered("SN-0003")]).toEqual([7, 7]);
    expect(api.logged).toEqual([]);
  });
});

describe("a rollout that needs approvals", () => {
  it("takes them by token, never from its author, and starts with them", async () => {
    const { id } = (await write({ approvals: 1 })).body;
    expect((await act(id, "start", "operator")).body).toMatchObject({ code: 671, status: 409 });
    expect((await act(id, "approve", "operator")).body).toMatchObject({ code: 632, status: 403 });
    const approved = await act(id, "approve", "releaser");
    expect(approved.body.approvals).toEqual([{ person: "releaser", atMs: startMs }]);
    expect((await act(id, "start", "operator")).body.status).toBe("running");
  });

  it("is every one where the agent says so, whatever its policy asks for", async () => {
    api.config.approvalsMin = 2;
    expect((await write({ approvals: 3 })).body.policy.approvals).toBe(3);
    const { id, policy: stored } = (await write({ approvals: 0 })).body;
    expect(stored.approvals).toBe(2);
    await act(id, "approve", "releaser");
    expect((await act(id, "start", "operator")).body.code).toBe(671);
    expect((await act(id, "start", "approver")).body.status).toBe("running");
  });

  it("cannot be written in another's name to be approved by oneself", async () => {
    const { id } = (await write({ approvals: 1, author: "somebody" })).body;
    expect((await act(id, "approve", "operator")).body.code).toBe(632);
  });

  it("in the emergency lane needs two, whatever the policy says, and starts with shorter soaks", async () => {
    const emergency = { emergency: { soakMs: 600_000 }, emergencyReason: "a hole in use" };
    const waves = [
      { name: "canary", size: { count: 1 }, soakMs: 2 * dayMs },
      { name: "all", size: { percent: 100 }, soakMs: 2 * dayMs },
    ];
    const { withoutCanary, ...normal } = policy;
    const draft = await api.call(
      "POST",
      "/v1/rollouts",
      { ...normal, waves, ...emergency },
      "operator",
    );
    expect(draft.body.policy).toMatchObject({ approvals: 2, waves: [{ soakMs: 600_000 }, {}] });
    const { id } = draft.body;
    await act(id, "approve", "releaser");
    expect((await act(id, "start", "operator")).body.code).toBe(671);
    expect((await act(id, "start", "approver")).body.status).toBe("running");
    const started = (
      await api.store.tx((tx) => tx.events({ kind: "rolloutStarted", limit: 1 }))
    )[0]!;
    expect(started.data).toMatchObject({
      approvals: ["releaser", "approver"],
      emergencyReason: "a hole in use",
    });
  });
});

describe("a wave", () => {
  it("is promoted by hand with a reason, and aborted back to a named release", async () => {
    const waves = [
      { name: "canary", size: { count: 1 }, soakMs: 2 * dayMs },
      { name: "all", size: { percent: 100 }, soakMs: 0 },
    ];
    const { withoutCanary, ...normal } = policy;
    const { id } = (await api.call("POST", "/v1/rollouts", { ...normal, waves }, "operator")).body;
    await act(id, "start", "operator");
    expect((await act(id, "promote", "operator", {})).body.code).toBe(600);
    const promoted = await act(id, "promote", "operator", { reason: "bench is fine" });
    expect(promoted.body).toMatchObject({
      wave: 1,
      verdicts: [{ result: "promote", reason: "by hand, operator: bench is fine" }],
    });
    const aborted = await act(id, "abort", "operator", { toSequence: 6 });
    expect(aborted.body).toMatchObject({ status: "aborted", isReverting: true, revertTo: 6 });
  });
});

describe("a device", () => {
  it("that failed three releases is left alone, until its time is over or a person lets it out", async () => {
    const serial = "SN-0001";
    const boxed = { failures: [{ atMs: 1, sequence: 5 }], untilMs: startMs + dayMs };
    await api.store.tx(async (tx) =>
      tx.putDevice({ ...(await tx.device(serial))!, penalty: boxed }),
    );
    const { id } = (await write()).body;
    await act(id, "start", "operator");
    expect([await offered(serial), await offered("SN-0002")]).toEqual([null, 7]);
    expect((await api.call("GET", `/v1/devices/${serial}`)).body.penalty).toEqual(boxed);
    expect((await api.call("GET", `/v1/devices/${serial}/next`)).body.code).toBe("penaltyBox");
    const freed = await api.call("DELETE", `/v1/devices/${serial}/penalty`, { reason: "repaired" });
    expect([freed.status, freed.body.penalty]).toEqual([200, null]);
    await turn();
    expect(await offered(serial)).toBe(7);
  });

  it("counts its failures over rollouts and goes into the box at the third", async () => {
    const serial = "SN-0001";
    for (const sequence of [7, 8, 9]) {
      await api.store.tx(async (tx) => {
        await tx.putRelease(releaseOf(sequence));
        await tx.putDevice({ ...(await tx.device(serial))!, lastSeenMs: api.clock.now });
      });
      const draft = await write({ sequence, target: { serials: [serial] }, onHalt: "keep" });
      await act(draft.body.id, "start", "operator");
      api.clock.now += 1000;
      await api.store.tx(async (tx) =>
        tx.putDevice({
          ...(await tx.device(serial))!,
          lastSeenMs: api.clock.now,
          lastFailed: { sequence, digest: "", code: 211, text: "" },
        }),
      );
      await turn();
      expect((await api.call("GET", `/v1/rollouts/${draft.body.id}`)).body.status).toBe("halted");
    }
    const { penalty } = (await api.call("GET", `/v1/devices/${serial}`)).body;
    expect(penalty.failures).toHaveLength(3);
    expect(penalty.untilMs).toBe(api.clock.now + dayMs);
  });

  it("has a time zone of its own; one that is none is refused", async () => {
    const label = (timeZone: string) =>
      api.call("PUT", "/v1/devices/SN-0001/labels", { timeZone }, "operator");
    expect((await label("Asia/Tokyo")).body.timeZone).toBe("Asia/Tokyo");
    const reply = await label("Mars/Base");
    expect([reply.status, reply.body.code]).toEqual([400, 600]);
    expect(reply.body.detail).toContain('got "Mars/Base"');
  });
});
