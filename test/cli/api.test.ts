/** Commands that speak to the agent: what a person reads when all is well, and when it is not. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { newSaga } from "../../cloud-agent/core/provisioning/saga.ts";
import { saveSaga } from "../../cloud-agent/core/provisioning/store.ts";
import { breathe } from "../../cloud-agent/platform/timer.ts";
import { createReconciler } from "../../cloud-agent/reconciler.ts";
import { Lifecycle } from "../../firmware/protocol/messages.ts";
import { birthRecord, code, deviceRecord } from "../cloud-agent/fixtures.ts";
import { type Harness, harness, startMs } from "../cloud-agent/http/harness.ts";
import { runFor } from "../support/command.ts";

let api: Harness;
let url = "";
beforeEach(async () => {
  api = await harness();
  url ||= await api.app.listen({ port: 0, host: "127.0.0.1" });
  await api.call("POST", "/v1/births", birthRecord("SN-0001"), "line");
});
afterEach(() => api.close());

const run = (words: string[], env: Record<string, string> = {}) => runFor(url, words, { env });

describe("a command for the agent", () => {
  it("does its work and says it in a line, or in JSON", async () => {
    const held = await run(["hold", "set", "lot", "cell=L1", "--reason", "leaks"]);
    expect(held).toEqual({ code: 0, out: "lot cell=L1 is held\n", error: "" });
    expect((await run(["hold", "list"])).out).toBe(
      "kind  name     by     reason\nlot   cell=L1  admin  leaks\n",
    );
    const json = await run(["hold", "list", "--json"]);
    expect(JSON.parse(json.out).holds[0].reason).toBe("leaks");
    const opened = await run(["rma", "open", "SN-0001", "no-boot"]);
    expect(opened.out).toMatch(/^\d{15}-[0-9a-f]{6} {2}SN-0001 {2}no-boot {2}open\n$/);
    expect((await run(["quality", "batch"])).out).toBe(
      "batch  devices  returned  share    95 %              codes\n" +
        "B1     1        1         100.0 %  20.7 % - 100.0 %  no-boot 1\n",
    );
  }, 60_000);
  it("lists devices, also those alone that are offline", async () => {
    const away = { heardMs: 0, promisedMs: 60_000, dueMs: 0, isOffline: true, sinceMs: startMs };
    const operating = { lifecycle: Lifecycle.Operating, site: "attic" };
    const device = deviceRecord("SN-0002", { ...operating, presence: away });
    await api.store.tx((tx) => tx.putDevice(device));
    const head =
      "serial   state      presence  since                 last seen  release  board   site\n";
    const line =
      "SN-0002  operating  offline   2027-01-15T08:00:00Z  -          -        puckjs  attic\n";
    const all = (await run(["device", "list"])).out.split("\n");
    expect(all.map((text) => text.slice(0, 28).trim())).toEqual([
      "serial   state      presence",
      "SN-0001  released   unwatche",
      "SN-0002  operating  offline",
      "",
    ]);
    expect((await run(["device", "list", "--offline"])).out).toBe(head + line);
    const json = await run(["device", "list", "--offline", "--json"]);
    expect(JSON.parse(json.out).devices).toHaveLength(1);
  }, 60_000);
  it("confirms a release from the field, and lets a failed image be taken again", async () => {
    const digest = "0123456789abcdef";
    const changes = { lifecycle: Lifecycle.Operating, runningSequence: 7, poison: [digest] };
    const onTrial = deviceRecord("SN-0003", { ...changes, slotState: 1, fieldMinutesLeft: 5 });
    await api.store.tx((tx) => tx.putDevice(onTrial));
    await api.store.tx((tx) => tx.putDevice(deviceRecord("SN-0004", changes)));
    await api.store.tx((tx) => tx.putDevice(deviceRecord("SN-0005", changes)));
    expect((await run(["device", "confirm", "SN-0003"])).out).toBe(
      "SN-0003: release 7 is confirmed at its next contact\n",
    );
    expect((await run(["device", "clear-poison", "SN-0004", digest])).out).toBe(
      `SN-0004: image ${digest} may be taken again from its next contact on\n`,
    );
    const late = await run(["device", "confirm", "SN-0005", "--sequence", "9"]);
    expect([late.code, late.error]).toEqual([
      1,
      expect.stringContaining("NothingToConfirm: device SN-0005: expected release 9 on trial"),
    ]);
  }, 60_000);
  it("claims a device for its owner, renews what is paid for, and ends its service", async () => {
    const label = ["--code", code, "--account", "acme"];
    const owner = ["--plan", "gold", "--until", "2027-12-31", "--terms", "2026-11"];
    const agreed = ["--agreed-by", "ann", "--allow", "telemetry", "--deny", "place"];
    const claimed = await run(["device", "claim", "SN-0001", ...label, ...owner, ...agreed]);
    expect(claimed.out).toBe(
      "SN-0001: claimPending\naccount: acme\nplan: gold, until 2028-01-01T00:00:00Z\n" +
        "terms: 2026-11 by ann, telemetry yes, place no\n",
    );
    const device = (await api.store.tx((tx) => tx.device("SN-0001")))!;
    await api.store.tx((tx) => tx.putDevice({ ...device, lifecycle: Lifecycle.Operating }));
    const changed = await run(["device", "owner", "SN-0001", "--plan", "silver"]);
    expect(changed.out.split("\n").slice(0, 3)).toEqual([
      ...["SN-0001: operating", "account: acme", "plan: silver, open"],
    ]);
    const until = await run(["device", "owner", "SN-0001", "--plan", "x", "--until", "2027-02-30"]);
    expect(until.error).toContain("FLAG_INVALID: --until: expected a day like 2027-12-31");
    const end = ["device", "decommission", "SN-0001", "--mode", "scrap", "--person", "ann"];
    expect((await run([...end, "--confirm", "SN-1"])).error).toContain("FLAG_INVALID: --confirm");
    expect((await run([...end, "--confirm", "SN-0001"])).out).toContain(
      "SN-0001: wiping\naccount: acme\nplan: silver, ended 2027-01-15T08:00:00Z\n",
    );
  }, 60_000);
  it("shows what other systems were asked, and has those that failed called again", async () => {
    const facts = { model: "sensor-1", board: "puckjs", batch: "B1", account: "acme" };
    const owner = { entitlement: null, consent: null, previousAccount: null, mode: "scrap" };
    const begun = { id: "0123456789abcdef", serial: "SN-0001", person: "ann", startedMs: startMs };
    const plan = { name: "crm", mayVeto: false, canUndo: false, giveUpMs: 0 };
    const event = "decommission" as const;
    const saga = newSaga({ ...begun, event, facts: { ...facts, ...owner } }, [plan]);
    const failed = {
      ...saga.steps[0]!,
      state: "failed" as const,
      attempts: 3,
      error: "status 500",
    };
    const now = { steadyMs: startMs, wallMs: startMs };
    const ended = { ...saga, isAdmitted: true, steps: [failed] };
    await api.store.tx((tx) => saveSaga(tx, ended, null, now));
    expect((await run(["hook", "list", "--state", "incomplete"])).out).toBe(
      "provisioning      event         serial   account  begun                 state       hook\n" +
        "0123456789abcdef  decommission  SN-0001  acme     2027-01-15T08:00:00Z  incomplete  crm\n",
    );
    expect((await run(["hook", "show", begun.id])).out).toBe(
      "0123456789abcdef: decommission of SN-0001 is incomplete\n" +
        "hook  state   taken back  attempts  error\ncrm   failed  -           3         status 500\n",
    );
    expect((await run(["hook", "replay", begun.id])).out).toContain("is running\n");
    expect((await run(["hook", "replay", begun.id])).error).toContain("ProvisioningStateWrong: ");
  }, 60_000);
  it("lists what is paid for and silent, and what comes and is not paid for", async () => {
    expect((await run(["reconcile", "--last"])).error).toContain("NONE_KEPT: ");
    const gold = { plan: "gold", untilMs: startMs + 1000 };
    const serving = { lifecycle: Lifecycle.Operating, account: "acme" };
    await api.store.tx(async (tx) => {
      await tx.putDevice(deviceRecord("SN-0001", { ...serving, entitlement: gold }));
      await tx.putDevice(deviceRecord("SN-0002", { ...serving, lastSeenMs: startMs }));
    });
    const edge = { clock: { nowMs: () => startMs }, steadyMs: () => startMs, outputs: [], breathe };
    const quiet = () => undefined;
    const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
    const settings = { hour: 3, zone: "UTC", inactiveDays: 30 };
    const reconciler = createReconciler({ ...edge, store: api.store, log, settings });
    api.reconcile.run = (by) => reconciler.run(by);
    const text =
      "2027-01-15T08:00:00Z by admin: 2 devices in service, 1 entitled, 1 came within 30 days\n" +
      "entitled but inactive: 1\n" +
      "serial   account  plan  until                 last seen  why\n" +
      "SN-0001  acme     gold  2027-01-15T08:00:01Z  -          never\n" +
      "active but not entitled: 1\n" +
      "serial   account  plan  until  last seen             why\n" +
      "SN-0002  acme     -     -      2027-01-15T08:00:00Z  none\n";
    expect((await run(["reconcile"])).out).toBe(text);
    expect((await run(["reconcile", "--last"])).out).toBe(text);
    const json = JSON.parse((await run(["reconcile", "--json"])).out);
    expect(json.entitledInactive.listed).toMatchObject([{ serial: "SN-0001", why: "never" }]);
  }, 60_000);
  it("passes the agent's refusal on, with what to do", async () => {
    expect(await run(["hold", "lift", "batch", "B9", "--reason", "x"])).toEqual({
      code: 1,
      out: "",
      error: "NotFound: batch B9: it is not held. The routes are listed in /openapi.json.\n",
    });
  }, 60_000);
  it("says what is missing before it asks", async () => {
    const without = await run(["hold", "list"], { FLEETLING_TOKEN: "" });
    expect([without.code, without.error]).toEqual([
      1,
      "NO_TOKEN: expected a token, got none. Set FLEETLING_TOKEN, or give --token.\n",
    ]);
    const away = await run(["hold", "list"], { FLEETLING_URL: "http://127.0.0.1:9" });
    expect([away.code, away.error]).toEqual([
      1,
      "AGENT_UNREACHABLE: http://127.0.0.1:9: expected an agent, got no answer. Check --url and that it runs.\n",
    ]);
  }, 60_000);
});
