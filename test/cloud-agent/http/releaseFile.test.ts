/** The file of `fleetling release sign` is the body of POST /v1/releases, as it stands. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { productIds } from "../../../scripts/cli/factory/birth.ts";
import { createKeys } from "../../../scripts/cli/keys/store.ts";
import { type ReleaseInput, releaseFile, signRelease } from "../../../scripts/cli/release/sign.ts";
import { image } from "../../host/suitFixture.ts";
import { type Harness, harness } from "./harness.ts";

interface ReleaseFile {
  sequence: number;
  images: { board: string; classId: string; digest: string; envelope: string; payload: string }[];
}

let directory: string;
let text: string;
let keySet: Uint8Array;
let api: Harness;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "release-file-"));
  const keysDir = join(directory, "keys");
  createKeys({ dir: keysDir, height: 5 });
  keySet = new Uint8Array(readFileSync(join(keysDir, "keyset-1.cbor")));
  const input: ReleaseInput = {
    ...{ keysDir, sequence: 7, floor: 5, interpreter: ["2v25", "2v29"] },
    ...{ version: "1.4.2", type: "security", notes: "Closes a hole." },
    images: ["puckjs", "esp32"].map((board) => ({
      board,
      ...productIds("example.com", "sensor-1", board),
      text: image,
    })),
  };
  text = JSON.stringify(releaseFile(input, signRelease(input)));
});
afterAll(() => rmSync(directory, { recursive: true }));
beforeEach(async () => {
  api = await harness();
  api.releaseKeys.files = [keySet];
});
afterEach(() => api.close());

const file = () => JSON.parse(text) as ReleaseFile;
const publish = (body: object) => api.call("POST", "/v1/releases", body, "releaser");

describe("a release file", () => {
  it("is published as the signing command wrote it", async () => {
    const reply = await publish(file());
    expect(reply.status).toBe(201);
    expect(reply.body).toMatchObject({ sequence: 7, version: "1.4.2", type: "security" });
    const told = file().images.map(({ board, classId, digest }) => ({ board, classId, digest }));
    expect(reply.body.images).toMatchObject(told);
  });

  it.each([
    ["class than its manifest", "classId", (f: ReleaseFile) => f.images[1]!.classId],
    ["digest than its manifest", "digest", () => "0".repeat(64)],
  ] as const)("that says another %s is refused, and nothing is stored", async (_, name, other) => {
    const body = file();
    body.images[0]![name] = other(body);
    const reply = await publish(body);
    expect([reply.status, reply.body.code, reply.body.name]).toEqual([400, 600, "RequestInvalid"]);
    expect((await api.call("GET", "/v1/releases")).body).toEqual({ releases: [] });
  });

  it("with a field that nobody knows is refused", async () => {
    const body = file();
    Object.assign(body.images[0]!, { leaf: 3 });
    const reply = await publish(body);
    expect([reply.status, reply.body.code]).toEqual([400, 600]);
  });
});
