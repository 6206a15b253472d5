/** A release goes to the agent with what speaks for it: three commands as a person types them. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { productIds } from "../../firmware/protocol/host/productIds.ts";
import { createKeys } from "../../scripts/cli/keys/store.ts";
import { type ReleaseInput, releaseFile, signRelease } from "../../scripts/cli/release/sign.ts";
import { type Harness, harness } from "../cloud-agent/http/harness.ts";
import { image } from "../host/suitFixture.ts";
import { runFor } from "../support/command.ts";

let api: Harness;
let url = "";
let folder = "";
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "fleetling-publish-"));
  api = await harness();
  api.config.releaseGate = "full";
  url ||= await api.app.listen({ port: 0, host: "127.0.0.1" });
  const keysDir = join(folder, "keys");
  createKeys({ dir: keysDir, height: 5 });
  api.releaseKeys.files = [new Uint8Array(readFileSync(join(keysDir, "keyset-1.cbor")))];
  const input: ReleaseInput = {
    ...{ keysDir, sequence: 7, floor: 5, interpreter: ["2v25", "2v29"], mustPass: true },
    ...{ version: "1.4.2", type: "security", notes: "Closes a hole." },
    supportUntil: "2031-12-31",
    images: [{ board: "puckjs", ...productIds("example.com", "sensor-1", "puckjs"), text: image }],
  };
  const file = releaseFile(input, signRelease(input));
  writeFileSync(join(folder, "release.json"), JSON.stringify(file));
  writeFileSync(join(folder, "junit.xml"), "<testsuite/>");
});
afterEach(async () => {
  rmSync(folder, { recursive: true });
  await api.close();
});

const run = (...words: string[]) => runFor(url, words, { token: "releaser-token", cwd: folder });
const report = (kind: string, ...more: string[]) => {
  const summary = `${kind} went well`;
  const out = `${kind}.json`;
  return run("release", "report", kind, "release.json", "--summary", summary, "-o", out, ...more);
};

describe("fleetling release", () => {
  it("reports on the images of a release file, and publishes it with both reports", async () => {
    const written = await report("tests", "--attach", "junit.xml");
    expect(written.out).toMatch(
      /^tests\.json: tests of release 7, passed, 1 images, digest [0-9a-f]{64}\n$/,
    );
    await report("rehearsal");
    const { attached } = JSON.parse(readFileSync(join(folder, "tests.json"), "utf8"));
    expect(attached).toEqual([
      { name: "junit.xml", sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    ]);
    const both = ["--tests", "tests.json", "--rehearsal", "rehearsal.json"];
    const published = await run("release", "publish", "release.json", ...both);
    expect(published).toEqual({
      code: 0,
      out:
        "release 7 (1.4.2, security) published\n" +
        "rehearsal: rehearsal went well\ntests: tests went well\n",
      error: "",
    });
    const stored = (await api.call("GET", "/v1/releases/7")).body;
    expect(written.out).toContain(stored.evidence.tests.digest);
    expect(stored.mustPass).toBe(true);
  }, 240_000);

  it("is refused without one of them, or when it failed, with what to do", async () => {
    await report("tests", "--failed");
    await report("rehearsal");
    const without = await run(
      "release",
      "publish",
      "release.json",
      "--rehearsal",
      "rehearsal.json",
    );
    expect([without.code, without.error]).toEqual([
      1,
      expect.stringMatching(/^EvidenceMissing: release 7: expected the digest of its tests report/),
    ]);
    const both = ["--tests", "tests.json", "--rehearsal", "rehearsal.json"];
    const failed = await run("release", "publish", "release.json", ...both);
    expect(failed.error).toMatch(/^EvidenceWrong: .* failed: tests went well\. Rehearse and test/);
    const kind = await run("release", "report", "hope", "release.json", "--summary", "well");
    expect(kind.error).toMatch(/^FLAG_INVALID: kind: expected tests or rehearsal, got: hope/);
    const none = await run("release", "publish", "junit.xml");
    expect(none.error).toMatch(/^FILE_INVALID: junit\.xml: expected a release file, JSON/);
    expect((await api.call("GET", "/v1/releases")).body).toEqual({ releases: [] });
  }, 240_000);
});
