/** A customer's data, as an operator gives it out, moves it to another agent, and erases it. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Lifecycle } from "../../firmware/protocol/messages.ts";
import { deviceRecord } from "../cloud-agent/fixtures.ts";
import { type Harness, harness } from "../cloud-agent/http/harness.ts";
import { runFor } from "../support/command.ts";

let api: Harness;
let folder = "";
let url = "";
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "data-"));
  api = await harness();
  url ||= await api.app.listen({ port: 0, host: "127.0.0.1" });
});
afterEach(async () => {
  await api.close();
  rmSync(folder, { recursive: true });
});

async function run(...words: string[]): Promise<string> {
  const { code, out, error } = await runFor(url, words);
  return code === 0 ? out : `${out}${error}exit ${code}`;
}

describe("an owner's data", () => {
  it("goes out into files, into another agent once, and is erased after a count", async () => {
    await api.store.tx(async (tx) => {
      for (const [serial, lifecycle] of [
        ["SN-1000", Lifecycle.Retired],
        ["SN-1001", Lifecycle.Operating],
      ] as const) {
        await tx.putDevice(deviceRecord(serial, { lifecycle, account: "acme" }));
        await tx.appendEvent({ kind: "x", serial, text: "=happened" }, 5);
      }
      await tx.putDevice(deviceRecord("SN-2000", { account: "other" }));
    });
    const file = join(folder, "out", "acme.jsonl");
    const told = await run("export", "--owner", "acme", "--out", join(folder, "out"), "--csv");
    const names = [
      "acme.jsonl",
      ...["vitals", "hours", "days", "events"].map((one) => `acme-${one}.csv`),
    ];
    expect(told).toBe(names.map((name) => `${join(folder, "out", name)}\n`).join(""));
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const events = readFileSync(join(folder, "out", "acme-events.csv"), "utf8").split("\r\n");
    expect(events.slice(1, 3)).toEqual([
      expect.stringMatching(/^SN-1000,\d+,5,x,,,,'=happened,\{\}$/),
      expect.stringMatching(/^SN-1001,/),
    ]);
    const before = readFileSync(file, "utf8");
    expect(before).not.toContain("SN-2000");

    // Another agent at the same address.
    await api.close();
    api = await harness();
    await api.store.tx((tx) => tx.putDevice(deviceRecord("SN-1001", { account: "else" })));
    const dry = await run("import", file, "--dry-run");
    expect(dry).toMatch(/^1 devices would be imported \(\d+ lines\), 0 unchanged, 1 refused\n/);
    const done = await run("import", file);
    expect(done.split("\n")).toEqual([
      expect.stringMatching(/^1 devices imported \(\d+ lines\), 0 unchanged, 1 refused$/),
      "refused: device SN-1001: it has a life of its own here",
      expect.stringMatching(/^SN-1000: its birth is not registered here/),
      "SN-1000: its key follows from master key 1, not held here",
      "exit 1",
    ]);
    expect(await run("import", file)).toMatch(/^0 devices imported \(0 lines\), 1 unchanged/);
    writeFileSync(file, before.slice(0, -20));
    expect(await run("import", file)).toMatch(/^ImportInvalid: line \d+: expected a JSON object/);
    expect(await run("import", join(folder, "none"))).toMatch(
      /^FILE_INVALID: .*none: expected an export/,
    );
    const piped = await run("export", "--owner", "acme", "--out", "-");
    expect(piped.split("\n")[1]).toBe(before.split("\n")[1]);

    const serial = "SN-1002";
    await api.store.tx((tx) =>
      tx.putDevice(deviceRecord(serial, { lifecycle: 3, account: "acme" })),
    );
    expect(await run("erase", "--owner", "acme")).toMatch(
      /^1 devices: .*1 events.* would be erased; add --yes\nnot erased +why\nSN-1002 +in service\nexit 1$/,
    );
    expect(await run("erase", "--owner", "acme", "--yes")).toMatch(
      /^1 devices: .*1 events.* erased\n/,
    );
    expect(await run("erase", "--owner", "nobody")).toBe(
      "0 devices: nothing would be erased; add --yes\n",
    );
  }, 180_000);
});
