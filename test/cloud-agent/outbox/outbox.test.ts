/** The outbox against a real HTTP receiver and a real SMTP server; repeats in virtual time. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { endedMax, giveUpMs, keepMs, waitingMax } from "../../../cloud-agent/core/outbox/limits.ts";
import {
  backlog,
  enqueue,
  forgetEnded,
  outboxEnded,
  pauseAfter,
  replay,
  waitingEntries,
} from "../../../cloud-agent/core/outbox/outbox.ts";
import { signatureHolds, signedHeaders } from "../../../cloud-agent/core/outbox/sign.ts";
import { createEmail } from "../../../cloud-agent/outputs/email.ts";
import { createLogOutput } from "../../../cloud-agent/outputs/log.ts";
import type { Output } from "../../../cloud-agent/outputs/port.ts";
import { createSender } from "../../../cloud-agent/outputs/sender.ts";
import { createWebhook } from "../../../cloud-agent/outputs/webhook.ts";
import type { Store, Tx } from "../../../cloud-agent/storage/store.ts";
import { type HttpReceiver, openHttpReceiver } from "../../support/httpReceiver.ts";
import { openSmtpServer, type SmtpServer } from "../../support/smtpServer.ts";
import { openTestStore } from "../../support/stores.ts";

const secret = "a-secret-of-this-output";
const startMs = 1_800_000_000_000;
let store: Store;
let receiver: HttpReceiver;
let smtp: SmtpServer;
let nowMs: number;
let jumpMs: number;
let logged: [unknown, string][];
let extra: Output[];

beforeEach(async () => {
  store = await openTestStore();
  receiver = await openHttpReceiver();
  smtp = await openSmtpServer();
  nowMs = startMs;
  jumpMs = 0;
  logged = [];
  extra = [];
});
afterEach(async () => {
  await receiver.close();
  await smtp.close();
  await store.close();
});

const note = (fields: unknown, text: string) => void logged.push([fields, text]);
const log = { debug: note, info: note, warn: note, error: note };
const clock = { nowMs: () => nowMs + jumpMs };
const now = () => ({ steadyMs: nowMs, wallMs: clock.nowMs() });
const hook = () => createWebhook({ name: "ops", url: receiver.url, secret }, clock);
const mail = (changes = {}) =>
  createEmail({
    ...{ name: "mail", host: "127.0.0.1", port: smtp.port, security: "none" as const },
    ...{ from: "fleet@example.org", to: ["ann@example.org", "bob@example.org"], ...changes },
  });
/** One turn of a sender that knows nothing but the store: as after a restart. */
const turn = () =>
  createSender({
    ...{ store, clock, log, steadyMs: () => nowMs },
    outputs: [hook(), mail(), createLogOutput("log", log), ...extra],
  }).turn();
const put = (output: string, body: unknown = { a: 1 }, stream = "s1", kind = "alert.fired") =>
  store.tx((tx) => enqueue(tx, { output, kind, stream, body }, now()));
const waiting = () => store.tx((tx) => waitingEntries(tx, 100));
const ended = () =>
  store.tx(async (tx) =>
    (await tx.documents.list(outboxEnded, { limit: 100 })).map((d) => d.value),
  );

describe("a webhook", () => {
  it("is signed with the time of the attempt, and its receiver can tell", async () => {
    await put("ops", { text: "Über 5 °C" });
    nowMs += 60_000;
    await turn();
    const [got] = receiver.received;
    expect(got).toMatchObject({ path: "/hook", body: '{"text":"Über 5 °C"}' });
    expect(got!.headers).toMatchObject({
      ...{ "fleetling-id": "000000000001", "fleetling-kind": "alert.fired" },
      ...{ "fleetling-time": String(nowMs / 1000), "content-type": "application/json" },
    });
    expect(signatureHolds(secret, got!, nowMs)).toBe(true);
    expect((await ended())[0]).toMatchObject({ state: "delivered", attempts: 1, error: null });
    await turn();
    expect(receiver.received).toHaveLength(1);
  });
  it.each<[string, (got: { headers: Record<string, string>; body: string }) => void, number]>([
    ["another body", (got) => (got.body += " "), 0],
    ["another id", (got) => (got.headers["fleetling-id"] = "000000000002"), 0],
    ["another time", (got) => (got.headers["fleetling-time"] = String(startMs / 1000 + 1)), 0],
    [
      "another signature",
      (got) => (got.headers["fleetling-signature"] = `v1=${"0".repeat(64)}`),
      0,
    ],
    ["no signature", (got) => delete got.headers["fleetling-signature"], 0],
    ["no time", (got) => delete got.headers["fleetling-time"], 0],
    ["a recording of six minutes ago", () => undefined, 360_000],
  ])("with %s is refused by its receiver", (_, change, laterMs) => {
    const got = {
      headers: signedHeaders(secret, { id: "000000000001", body: "{}" }, startMs),
      body: "{}",
    };
    expect(signatureHolds(secret, got, startMs)).toBe(true);
    expect(signatureHolds("another-secret-of-an-output", got, startMs)).toBe(false);
    change(got);
    expect(signatureHolds(secret, got, startMs + laterMs)).toBe(false);
  });
  it.each([
    [500, {}, "status 500"],
    [404, {}, "status 404"],
    // The secret was agreed with one address.
    [302, { location: "http://127.0.0.1:9/" }, "status 302"],
    [0, {}, "other side closed"],
  ])("that is answered with status %i waits and is sent again", async (status, headers, error) => {
    Object.assign(receiver, { status, headers });
    await put("ops");
    await turn();
    expect((await waiting())[0]).toMatchObject({ attempts: 1, error });
    receiver.status = 204;
    nowMs += 9_999;
    await turn();
    expect(receiver.received).toHaveLength(1);
    nowMs += 1;
    await turn();
    expect(receiver.received.map(({ headers: h }) => h["fleetling-id"])).toEqual([
      ...["000000000001", "000000000001"],
    ]);
    expect(await waiting()).toEqual([]);
  });
  it("waits for as long as its receiver asks, and at most an hour", async () => {
    for (const [asked, waits] of [
      ["120", 120_000],
      ["999999", 3_600_000],
      ["soon", 10_000],
    ]) {
      Object.assign(receiver, { status: 503, headers: { "retry-after": asked } });
      const { id } = await put("ops", {}, `asked ${asked}`);
      await turn();
      const before = receiver.received.length;
      nowMs += Number(waits) - 1;
      await turn();
      expect(receiver.received.length).toBe(before);
      receiver.status = 200;
      nowMs += 1;
      await turn();
      expect(receiver.received.at(-1)!.headers["fleetling-id"]).toBe(id);
    }
  });
});

describe("an entry", () => {
  it("is there exactly when its cause is", async () => {
    const failing = store.tx(async (tx: Tx) => {
      await enqueue(tx, { output: "ops", kind: "billing.stop", stream: "SN-1", body: {} }, now());
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    expect(await waiting()).toEqual([]);
  });
  it("is repeated after 10 s, doubled up to an hour, and no jump of the clock delays it", () => {
    const pauses = [1, 2, 3, 9, 10, 40].map(pauseAfter);
    expect(pauses).toEqual([10_000, 20_000, 40_000, 2_560_000, 3_600_000, 3_600_000]);
  });
  it("is sent in time though the clock went back a year", async () => {
    receiver.status = 500;
    await put("ops");
    await turn();
    jumpMs = -365 * 86_400_000;
    receiver.status = 200;
    nowMs += 10_000;
    await turn();
    expect(await waiting()).toEqual([]);
  });
  it("is given up after three days, told as an event, and can be sent again by hand", async () => {
    receiver.status = 500;
    const { id } = await put("ops");
    for (let ms = 0; ms <= giveUpMs; ms += 3_600_000) {
      await turn();
      nowMs += 3_600_000;
    }
    const [failed] = await ended();
    expect(failed).toMatchObject({ id, state: "failed", error: "status 500" });
    const [event] = await store.tx((tx) => tx.events({ kind: "outboxGaveUp", limit: 9 }));
    expect(event!.data).toMatchObject({ id, output: "ops", attempts: failed!.attempts });
    receiver.status = 200;
    await store.tx((tx) => replay(tx, id, { ...now(), person: "ann" }));
    await turn();
    expect(receiver.received.at(-1)!.headers["fleetling-id"]).toBe(id);
    expect((await ended())[0]!.state).toBe("delivered");
    const replayed = await store.tx((tx) => tx.events({ kind: "outboxReplayed", limit: 9 }));
    expect(replayed[0]!.text).toBe("ann had alert.fired sent to ops again.");
  });
  it("that waits is sent at once when somebody asks, and an unknown one is refused", async () => {
    receiver.status = 500;
    const { id } = await put("ops");
    await turn();
    receiver.status = 200;
    await store.tx((tx) => replay(tx, id, { ...now(), person: "ann" }));
    await turn();
    expect(await waiting()).toEqual([]);
    const unknown = store.tx((tx) => replay(tx, "000000000099", { ...now(), person: "ann" }));
    await expect(unknown).rejects.toMatchObject({ name: "NotFound" });
  });
  it("keeps its place in its stream, and holds up no other stream and no other output", async () => {
    receiver.status = 500;
    await put("ops", { n: 1 }, "a");
    await put("ops", { n: 2 }, "a");
    await put("log", { text: "three" }, "a");
    await turn();
    expect(logged.map(([, text]) => text)).toContain("three");
    expect(receiver.received).toHaveLength(1);
    receiver.status = 200;
    await put("ops", { n: 4 }, "b");
    await turn();
    expect(receiver.received.map(({ body }) => body)).toEqual(['{"n":1}', '{"n":4}']);
    nowMs += 10_000;
    await turn();
    await turn();
    const bodies = receiver.received.map(({ body }) => body);
    expect(bodies).toEqual(['{"n":1}', '{"n":4}', '{"n":1}', '{"n":2}']);
  });
  it("waits for the next turn behind an output that is slow, and for the next start behind a stop", async () => {
    const sent: string[] = [];
    const slow: Output = {
      name: "slow",
      send: async ({ id }) => {
        sent.push(id);
        nowMs += 6_000;
        return { isDelivered: true };
      },
    };
    for (const stream of ["a", "b", "c"]) await put("slow", {}, stream);
    const sender = createSender({ store, clock, log, steadyMs: () => nowMs, outputs: [slow] });
    await sender.turn();
    expect(sent).toHaveLength(2);
    sender.stop();
    await sender.turn();
    expect(sent).toHaveLength(2);
    extra = [slow];
    await turn();
    expect(sent).toHaveLength(3);
  });
  it("for an output that is not configured waits until it is", async () => {
    await put("pager");
    await turn();
    expect((await waiting())[0]!.error).toBe("no output of this name is configured");
    const sent: string[] = [];
    const send: Output["send"] = async ({ id }) => {
      sent.push(id);
      return { isDelivered: true };
    };
    extra = [{ name: "pager", send }];
    nowMs += 10_000;
    await turn();
    expect(sent).toEqual(["000000000001"]);
  });
  it("is sent once more, under its id, when the agent was killed before it noted the first time", async () => {
    await put("ops");
    const { tx } = store;
    let count = 0;
    // The transaction that would note it is the third of the turn: names, due entries, outcome.
    store.tx = async (fn) => {
      if (++count === 3) throw new Error("killed");
      return tx.call(store, fn) as ReturnType<typeof fn>;
    };
    await turn();
    store.tx = tx;
    await turn();
    expect(receiver.received.map(({ headers }) => headers["fleetling-id"])).toEqual([
      ...["000000000001", "000000000001"],
    ]);
  });
});

describe("the outbox", () => {
  it("tells how much waits and since when", async () => {
    expect(await store.tx(backlog)).toEqual({ entries: 0, sinceMs: null });
    await put("ops");
    nowMs += 5000;
    await put("mail");
    expect(await store.tx(backlog)).toEqual({ entries: 2, sinceMs: startMs });
  });
  it("is bounded: the oldest entry gives way, and that is told", async () => {
    const entry = { output: "ops", kind: "k", stream: "s", body: {} };
    for (let n = 0; n <= 5; n++) {
      await store.tx((tx) => enqueue(tx, entry, { ...now(), waitingMax: 5 }));
    }
    expect((await store.tx(backlog)).entries).toBe(5);
    const [failed] = await ended();
    expect(failed).toMatchObject({ id: "000000000001", state: "failed" });
    expect(await store.tx((tx) => tx.countEvents({ kind: "outboxGaveUp" }))).toBe(1);
  });
  it("forgets what ended a month ago", async () => {
    await put("ops");
    await turn();
    nowMs += keepMs - 1;
    expect(await store.tx((tx) => forgetEnded(tx, nowMs))).toBe(0);
    nowMs += 1;
    expect(await store.tx((tx) => forgetEnded(tx, nowMs))).toBe(1);
    expect(await ended()).toEqual([]);
    expect(endedMax).toBeGreaterThan(waitingMax);
  });
});

describe("mail", () => {
  it("goes to all its readers with subject, text and details", async () => {
    await put("mail", { subject: "[critical] Größe", text: "Es brennt.\n.Punkt" });
    await turn();
    const [got] = smtp.mails;
    expect([got!.from, got!.to]).toEqual([
      "fleet@example.org",
      ["ann@example.org", "bob@example.org"],
    ]);
    expect(got!.data).toContain("Message-ID: <000000000001.1800000000@fleetling>");
    expect(got!.data).toContain("Subject: =?UTF-8?Q?=5Bcritical=5D_Gr=C3=B6=C3=9Fe?=");
    expect(got!.data).toContain("Auto-Submitted: auto-generated");
    expect(got!.data).toContain("Es brennt.\r\n.Punkt");
    expect((await ended())[0]!.state).toBe("delivered");
  });
  it("logs in where it is told to", async () => {
    const deliver = mail({ user: "fleet", password: "pass word" });
    await deliver.send(await put("other"));
    expect(smtp.mails[0]!.login).toBe("fleet:pass word");
  });
  it("that is refused waits and says why", async () => {
    smtp.refusal = "550 nobody here";
    await put("mail");
    await turn();
    expect((await waiting())[0]!.error).toContain("550 nobody here");
    smtp.refusal = null;
    nowMs += 10_000;
    await turn();
    expect(smtp.mails).toHaveLength(1);
  });
  it("is never sent in plain where TLS is asked for", async () => {
    const outcome = await mail({ security: "starttls" }).send(await put("other"));
    expect(outcome).toMatchObject({ isDelivered: false });
    expect(smtp.mails).toEqual([]);
  });
});
