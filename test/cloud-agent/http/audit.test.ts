/** Who asked for what is known, in a chain that cannot be changed unseen; and tokens end when they are revoked. */
import { createHash } from "node:crypto";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type AuditRecord,
  appendAudit,
  auditFault,
  auditHash,
  auditPage,
} from "../../../cloud-agent/core/audit.ts";
import { documentKind } from "../../../cloud-agent/core/documents.ts";
import { deviceRecord } from "../fixtures.ts";
import { type Harness, harness, startMs } from "./harness.ts";

let api: Harness;
beforeEach(async () => {
  api = await harness();
});
afterEach(() => api.close());

const digest = (body: unknown) => createHash("sha256").update(JSON.stringify(body)).digest("hex");
const chain = async () => (await api.call("GET", "/v1/audit")).body.records as AuditRecord[];

describe("the audit log", () => {
  it("holds a request before it is carried out and its answer after, by person and path; reading leaves no trace", async () => {
    const body = { role: "viewer", name: "ann" };
    await api.call("POST", "/v1/tokens?x=1", body);
    await api.call("POST", "/v1/tokens", body);
    await api.call("GET", "/v1/tokens");
    const made = await chain();
    const base = {
      ...{ atMs: startMs, tokenId: "admin", person: "admin", role: "admin", method: "POST" },
      ...{ path: "/v1/tokens", bodyDigest: digest(body) },
    };
    expect(made.map(({ hash, previous, ...rest }) => rest)).toEqual([
      { ...base, index: 0, answers: null, status: null },
      { ...base, index: 1, answers: 0, status: 201 },
      { ...base, index: 2, answers: null, status: null },
      { ...base, index: 3, answers: 2, status: 201 },
    ]);
    expect(auditFault(made)).toBeNull();
  });

  it("holds refusals of what was asked, and nothing of who may not ask", async () => {
    await api.call("POST", "/v1/devices/SN-0001/revert", {}, "operator");
    await api.call("POST", "/v1/devices/SN-0001/revert", {}, "viewer");
    await api.call("POST", "/v1/tokens", { role: "king", name: "ann" });
    expect((await chain()).map(({ path, status }) => [path, status])).toEqual([
      ["/v1/devices/SN-0001/revert", null],
      ["/v1/devices/SN-0001/revert", 404],
    ]);
  });

  it("is for administrators, by pages", async () => {
    for (let n = 0; n < 3; n++)
      await api.call("PUT", "/v1/devices/SN-0001/labels", { tags: [String(n)] });
    expect((await api.call("GET", "/v1/audit", undefined, "operator")).status).toBe(403);
    const page = (await api.call("GET", "/v1/audit?fromIndex=2&limit=3")).body;
    expect(page.records.map((one: AuditRecord) => one.index)).toEqual([2, 3, 4]);
    expect(page.head.index).toBe(5);
    expect(auditFault(page.records, (await chain())[1])).toBeNull();
  });

  it("shows any change of any record, and any that is missing or put in", async () => {
    await api.store.tx(async (tx) => {
      for (let n = 0; n < 8; n++)
        await appendAudit(tx, {
          ...{ atMs: n, tokenId: "t", person: "ann", role: "admin", method: "PUT" },
          ...{ path: `/v1/x/${n}`, bodyDigest: digest(n), answers: null, status: null },
        });
    });
    const whole = await api.store.tx((tx) => auditPage(tx, 0, 100));
    expect(auditFault(whole)).toBeNull();
    const names = Object.keys(whole[0]!) as (keyof AuditRecord)[];
    fc.assert(
      fc.property(fc.nat(7), fc.constantFrom(...names), fc.boolean(), (at, name, hashIsRight) => {
        const changed = structuredClone(whole);
        const record = changed[at]! as unknown as Record<string, unknown>;
        const value = record[name];
        record[name] = typeof value === "number" ? value + 1 : `${value ?? ""}0`;
        // Whoever changes one can make its own hash right again, but not the one behind it.
        if (hashIsRight && name !== "hash" && at < 7)
          record.hash = auditHash(changed[at]! as AuditRecord);
        expect(auditFault(changed)).not.toBeNull();
      }),
      { numRuns: 60 },
    );
    for (let at = 0; at < 7; at++)
      expect(auditFault(whole.filter((_, n) => n !== at))).not.toBeNull();
    expect(auditFault([whole[0]!, whole[0]!])).toBe("record 1: expected it, got 0");
  });

  it("keeps a change from happening when it cannot be written", async () => {
    const audit = documentKind<AuditRecord>("audit");
    await api.store.tx(async (tx) => {
      await tx.putDevice(deviceRecord("SN-0001", { lifecycle: 4 }));
      await tx.putMeta("auditHead", "not JSON");
      expect(await tx.documents.count(audit)).toBe(0);
    });
    const reply = await api.call("PUT", "/v1/devices/SN-0001/labels", { tags: ["a"] });
    expect(reply.status).toBe(500);
    expect((await api.store.tx((tx) => tx.device("SN-0001")))!.tags).toEqual([]);
  });
});

describe("a token", () => {
  it("that is revoked is refused at once; again changes nothing; an unknown one is not found", async () => {
    const { token, id } = (await api.call("POST", "/v1/tokens", { role: "viewer", name: "ann" }))
      .body;
    const get = () =>
      api.app.inject({ url: "/v1/summary", headers: { authorization: `Bearer ${token}` } });
    expect((await get()).statusCode).toBe(200);
    for (let n = 0; n < 2; n++) {
      const ended = await api.call("DELETE", `/v1/tokens/${id}`);
      expect([ended.status, ended.body]).toEqual([
        ...[200, { id, role: "viewer", name: "ann", expiresMs: startMs }],
      ]);
    }
    expect((await get()).statusCode).toBe(401);
    expect((await api.call("DELETE", "/v1/tokens/none")).body.name).toBe("NotFound");
    const kinds = await api.store.tx((tx) => tx.countEventsByKind());
    expect(kinds).toMatchObject({ tokenCreated: 1, tokenRevoked: 1 });
  });

  it("of the last administrator stays", async () => {
    const refused = await api.call("DELETE", "/v1/tokens/admin");
    expect([refused.status, refused.body.name]).toEqual([409, "LastAdministrator"]);
    await api.call("POST", "/v1/tokens", { role: "admin", name: "bob" });
    expect((await api.call("DELETE", "/v1/tokens/admin")).status).toBe(200);
  });
});
