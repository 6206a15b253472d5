import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { errorKinds } from "../../../cloud-agent/core/errors.ts";
import { publicRoutes, type Role, routeRoles } from "../../../cloud-agent/http/roles.ts";
import { deviceRecord, rolloutRecord } from "../fixtures.ts";
import { type Harness, harness, problem, startMs } from "./harness.ts";

let api: Harness;
beforeEach(async () => {
  api = await harness();
});
afterEach(() => api.close());

const serial = "SN-0001";
const paths = Object.keys(routeRoles).map((route) => {
  const [method, url] = route.split(" ") as [string, string];
  const path = url.replace(":serial", serial).replace(":sequence", "7").replace(":id", "r1");
  return { route, method, path };
});

describe("who may call", () => {
  it.each(paths)("$route asks for a token", async ({ method, path }) => {
    const reply = await api.app.inject({ method: method as "GET", url: path });
    expect(reply.statusCode).toBe(401);
    expect(reply.headers["www-authenticate"]).toBe("Bearer");
    expect(reply.json()).toEqual(
      problem(
        601,
        "Unauthenticated",
        401,
        "request: expected a bearer token, got none",
        "Send the header 'Authorization: Bearer TOKEN' with a token that has not expired.",
      ),
    );
  });

  it.each(paths.filter(({ path }) => path !== "/v1/events/stream"))(
    "$route answers exactly the roles of the table",
    async ({ route, method, path }) => {
      const roles: Role[] = ["viewer", "operator", "releaser", "approver", "line", "installer"];
      for (const role of roles) {
        const reply = await api.call(method, path, undefined, role);
        const isAllowed = routeRoles[route]!.includes(role);
        expect([role, reply.body?.name === "Forbidden"]).toEqual([role, !isAllowed]);
      }
    },
  );

  it("an unknown or expired token is refused", async () => {
    const get = (token: string) =>
      api.app.inject({ url: "/v1/summary", headers: { authorization: `Bearer ${token}` } });
    expect((await get("nobody")).json().detail).toBe("token: not known to this agent");
    const made = await api.call("POST", "/v1/tokens", {
      role: "viewer",
      name: "guest",
      expiresMs: startMs + 1000,
    });
    expect((await get(made.body.token)).statusCode).toBe(200);
    api.clock.now += 1000;
    expect((await get(made.body.token)).json()).toMatchObject({
      code: 601,
      detail: `token of guest: expired at ${new Date(startMs + 1000).toISOString()}`,
    });
  });

  it("a token's text is shown once and only its hash is kept", async () => {
    const made = await api.call("POST", "/v1/tokens", { role: "operator", name: "Ann" });
    const { token, ...rest } = made.body;
    expect([made.status, rest]).toEqual([
      201,
      { id: "02".repeat(8), role: "operator", name: "Ann", expiresMs: null },
    ]);
    expect(token).toMatch(/^flt_[\w-]{43}$/);
    const list = await api.call("GET", "/v1/tokens");
    expect(list.body.tokens).toContainEqual(rest);
    expect(JSON.stringify(list.body)).not.toContain("hash");
    const log = await api.store.tx((tx) => tx.events({ limit: 10 }));
    expect(JSON.stringify(log)).not.toContain(token);
  });
});

describe("the API's own description", () => {
  it("names every route of the role table and no other", async () => {
    const { body } = await api.call("GET", "/openapi.json");
    expect(body.openapi).toBe("3.1.0");
    const described = Object.entries(body.paths).flatMap(([path, methods]) =>
      Object.keys(methods as object).map(
        (method) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ":$1")}`,
      ),
    );
    const known = [...Object.keys(routeRoles), ...publicRoutes].filter(
      (route) => route !== "GET /openapi.json",
    );
    expect(described.sort()).toEqual(known.sort());
  });

  it("gives each error name to one code", () => {
    const names = Object.values(errorKinds).map((kind) => kind.name);
    expect(new Set(names).size).toBe(names.length);
  });
});

describe("health", () => {
  it("is alive before it is ready, and ready once devices can connect", async () => {
    const get = (url: string) => api.app.inject({ url });
    api.ready.now = false;
    expect((await get("/healthz")).json()).toEqual({ status: "ok" });
    expect([(await get("/readyz")).statusCode, (await get("/readyz")).json()]).toEqual([
      503,
      { status: "starting" },
    ]);
    api.ready.now = true;
    expect((await get("/readyz")).json()).toEqual({ status: "ready" });
  });
});

describe("what cannot be answered", () => {
  it("an unknown route", async () => {
    const reply = await api.call("GET", "/v2/devices?secret=1");
    expect([reply.status, reply.body]).toEqual([
      404,
      problem(
        603,
        "NotFound",
        404,
        "GET /v2/devices: there is no such route",
        "The routes are listed in /openapi.json.",
      ),
    ]);
  });

  it("a body that is no JSON, and one that is too large", async () => {
    const post = (payload: string) =>
      api.app.inject({
        method: "POST",
        url: "/v1/claims",
        headers: { authorization: "Bearer admin-token", "content-type": "application/json" },
        payload,
      });
    const broken = await post("{");
    expect([broken.statusCode, broken.json().code]).toEqual([400, 600]);
    const large = await post(JSON.stringify({ serial: "x".repeat(70_000) }));
    expect([large.statusCode, large.json().code]).toEqual([413, 604]);
  });

  it("an unexpected error tells nothing to the caller and everything to the log", async () => {
    await api.store.close();
    const reply = await api.call("GET", "/v1/summary");
    expect([reply.status, reply.body.code]).toEqual([500, 605]);
    expect(reply.body.detail).toMatch(/^request req-\w+: an unexpected error$/);
    expect(api.logged).toHaveLength(1);
  });
});

describe("the summary", () => {
  it("counts devices, rollouts and events", async () => {
    await api.store.tx(async (tx) => {
      await tx.putDevice(deviceRecord("SN-0001", { lifecycle: 3, runningSequence: 7 }));
      await tx.putDevice(deviceRecord("SN-0002"));
      await tx.putRollout(rolloutRecord("r1", { status: "running", startedMs: 5 }));
      await tx.appendEvent({ kind: "a", text: "" }, 1);
    });
    expect((await api.call("GET", "/v1/summary", undefined, "viewer")).body).toEqual({
      nowMs: startMs,
      devices: {
        total: 2,
        byLifecycle: { operating: 1, released: 1 },
        byRunningSequence: { "0": 1, "7": 1 },
        byPresence: { online: 1, offline: 0, unwatched: 1 },
        byBoard: { puckjs: 2 },
      },
      rollouts: [
        {
          ...{ id: "r1", name: "to 7", sequence: 7, status: "running", wave: 0, waves: 1 },
          ...{ startedMs: 5, endedMs: null, haltReason: null },
          devices: {
            ...{ assigned: 0, offered: 0, confirmed: 0 },
            ...{ failed: 0, reverted: 0, rejected: 0, timedOut: 0 },
          },
        },
      ],
      events: { a: 1 },
    });
  });
});

describe("lab offers", () => {
  const offer = { serial, sequence: 9, envelope: "AQID", payload: "BAUG" };
  const post = () => api.call("POST", "/v1/lab/offers", offer, "operator");

  it("are refused by an agent that is no lab's, whatever is sent", async () => {
    const reply = await post();
    expect([reply.status, reply.body.code]).toEqual([403, 640]);
    expect(api.lab.get(serial)).toBeNull();
  });

  it("hand a device bytes as they are, apart from releases, until taken back", async () => {
    api.config.lab = true;
    expect((await post()).body.code).toBe(1);
    await api.store.tx((tx) => tx.putDevice(deviceRecord(serial)));
    expect([(await post()).status, api.nudged]).toEqual([202, [serial]]);
    expect(api.lab.get(serial)).toEqual({
      sequence: 9,
      envelope: Uint8Array.of(1, 2, 3),
      envelopeBytes: Uint8Array.of(1, 2, 3),
      payload: Uint8Array.of(4, 5, 6),
    });
    expect(await api.store.tx((tx) => tx.releases())).toEqual([]);
    const remove = () => api.call("DELETE", `/v1/lab/offers/${serial}`);
    expect((await remove()).status).toBe(204);
    expect((await remove()).status).toBe(404);
  });
});

describe("events", () => {
  const append = (kind: string, name = serial) =>
    api.store.tx((tx) => tx.appendEvent({ kind, text: kind, serial: name }, 1));

  it("come in pages after a number", async () => {
    for (const kind of ["a", "b", "c"]) await append(kind);
    const read = async (query: string) => {
      const { body } = await api.call("GET", `/v1/events?${query}`);
      return [body.events.map((event: { kind: string }) => event.kind), body.next];
    };
    expect(await read("limit=2")).toEqual([["a", "b"], 2]);
    expect(await read("limit=2&afterId=2")).toEqual([["c"], null]);
    expect(await read("kind=b")).toEqual([["b"], null]);
    expect((await api.call("GET", "/v1/events?afterId=x")).status).toBe(400);
  });

  it("stream from where a reader stopped, without gap or repeat, and only what it asked for", async () => {
    await append("a");
    await append("b");
    if (!api.app.server.listening) await api.app.listen({ port: 0, host: "127.0.0.1" });
    const { port } = api.app.server.address() as AddressInfo;
    const abort = new AbortController();
    const response = await fetch(`http://127.0.0.1:${port}/v1/events/stream?serial=${serial}`, {
      headers: { authorization: "Bearer viewer-token", "last-event-id": "1" },
      signal: abort.signal,
    });
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    const until = async (part: string) => {
      while (!text.includes(part)) text += (await reader.read()).value ?? "";
    };
    await until("event: b");
    await append("other", "SN-0002");
    await append("c");
    await until("event: c");
    expect([...text.matchAll(/^id: (\d+)$/gm)].map((match) => match[1])).toEqual(["2", "4"]);
    expect(text).toContain('event: c\ndata: {"id":4,"atMs":1,"kind":"c"');
    abort.abort();
  });
});
