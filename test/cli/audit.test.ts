/** `fleetling token` and `fleetling audit`: who may call the agent, and who did. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { documentKind } from "../../cloud-agent/core/documents.ts";
import { type Harness, harness } from "../cloud-agent/http/harness.ts";
import { runFor } from "../support/command.ts";

let api: Harness;
let url = "";
beforeEach(async () => {
  api = await harness();
  url ||= await api.app.listen({ port: 0, host: "127.0.0.1" });
});
afterEach(() => api.close());

/** @returns standard output, or standard error where the command failed */
async function run(words: string[], token?: string): Promise<string> {
  const { code, out, error } = await runFor(url, words, { token });
  return code === 0 ? out : error;
}

it("a token is made, works, is listed, is revoked, and is refused from then on", async () => {
  const token = (await run(["token", "new", "--role", "viewer", "--name", "ann"])).trim();
  expect(token).toMatch(/^flt_[\w-]{43}$/);
  expect(await run(["device", "list"], token)).toMatch(/^serial/);
  const list = await run(["token", "list"]);
  const [, id] = /^(\w+) +viewer +ann +never$/m.exec(list)!;
  expect(await run(["token", "revoke", id!])).toBe(
    "the token of ann (viewer) is no longer taken\n",
  );
  expect(await run(["device", "list"], token)).toMatch(/^Unauthenticated: token of ann: expired/);
  expect(await run(["token", "new", "--role", "x", "--name", "y"])).toMatch(/^RequestInvalid/);
  const wrong = await run(["token", "new", "--role", "line", "--name", "l", "--expires", "soon"]);
  expect(wrong).toMatch(/^FLAG_INVALID: --expires: expected a time like 30m, 4h or 7d, got soon/);
}, 60_000);

it("the audit log is listed and verified, and tells when somebody wrote to it or began it anew", async () => {
  for (const name of ["ann", "bob"]) await api.call("POST", "/v1/tokens", { role: "line", name });
  expect(await run(["audit", "list", "--from", "2"])).toBe(
    "record  time                  person  role   method  path        what\n" +
      "2       2027-01-15T08:00:00Z  admin   admin  POST    /v1/tokens  asked\n" +
      "3       2027-01-15T08:00:00Z  admin   admin  POST    /v1/tokens  201 to 2\n",
  );
  const verified = await run(["audit", "verify"]);
  const [, head] = /^4 records, each as it was written\nhead ([0-9a-f]{64})\n$/.exec(verified)!;
  expect(await run(["audit", "verify", "--head", head!])).toBe(verified);
  expect(await run(["audit", "verify", "--head", "ab"])).toMatch(
    /^AUDIT_BROKEN: .* head ab: expected it in the chain/,
  );
  const audit = documentKind<{ person: string }>("audit");
  await api.store.tx(async (tx) => {
    const [first] = await tx.documents.list(audit, { limit: 1 });
    await tx.documents.put(audit, { id: first!.id, value: { ...first!.value, person: "eve" } });
  });
  expect(await run(["audit", "verify"])).toMatch(
    /^AUDIT_BROKEN: audit log: record 0: was changed after it was written/,
  );
}, 60_000);
