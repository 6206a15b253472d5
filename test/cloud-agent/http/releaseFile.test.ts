/** The file of `fleetling release sign` is the body of POST /v1/releases, as it stands. */
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Code } from "../../../firmware/protocol/errors.ts";
import { kidOf } from "../../../firmware/protocol/host/keyset.ts";
import { productIds } from "../../../firmware/protocol/host/productIds.ts";
import { rotate } from "../../../scripts/cli/keys/rotate.ts";
import { createKeys, createSigner, readKeySet } from "../../../scripts/cli/keys/store.ts";
import { type ReleaseInput, releaseFile, signRelease } from "../../../scripts/cli/release/sign.ts";
import { addSignature } from "../../../scripts/cli/release/signatures.ts";
import { image } from "../../host/suitFixture.ts";
import { type Harness, harness } from "./harness.ts";

interface ReleaseFile {
  sequence: number;
  images: { board: string; classId: string; digest: string; envelope: string; payload: string }[];
}

let directory: string;
let text: string;
let ofSensor1: ReleaseInput;
let keySet: Uint8Array;
let api: Harness;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "release-file-"));
  const keysDir = join(directory, "keys");
  createKeys({ dir: keysDir, height: 5 });
  keySet = new Uint8Array(readFileSync(join(keysDir, "keyset-1.cbor")));
  ofSensor1 = {
    ...{ keysDir, sequence: 7, floor: 5, interpreter: ["2v25", "2v29"] },
    ...{ version: "1.4.2", type: "security", notes: "Closes a hole." },
    images: ["puckjs", "esp32"].map((board) => ({
      board,
      ...productIds("example.com", "sensor-1", board),
      commands: ["identify"],
      text: image,
    })),
  };
  text = JSON.stringify(releaseFile(ofSensor1, signRelease(ofSensor1)));
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
    expect(reply.body.images).toMatchObject(
      told.map((one) => ({ ...one, commands: ["identify"] })),
    );
  });

  it("is not judged by a damaged key set, whose file and fault are named", async () => {
    api.releaseKeys.files = [keySet.slice(0, -5)];
    const reply = await publish(file());
    expect([reply.status, reply.body.name]).toEqual([500, "KeyFileInvalid"]);
    expect(reply.body.detail).toMatch(/^release key set: file 1: /);
  });

  it("by a key that the newest key set left out is refused, one by its successor is held back until devices know it", async () => {
    const dir = join(directory, "rotated");
    cpSync(ofSensor1.keysDir, dir, { recursive: true });
    const { release } = readKeySet(dir);
    rotate({ dir, release: { make: 5, drop: release.keys.map(kidOf) } });
    api.releaseKeys.files = [1, 2].map((version) =>
      readFileSync(join(dir, `keyset-${version}.cbor`)),
    );
    const refused = await publish(file());
    expect([refused.status, refused.body.code]).toEqual([422, Code.ManifestKeyUnknown]);
    const again = { ...ofSensor1, keysDir: dir };
    const reply = await publish(releaseFile(again, signRelease(again)));
    expect(reply.status).toBe(201);
    expect(reply.body.images).toMatchObject([{ keySetFrom: 2 }, { keySetFrom: 2 }]);
  });

  it("with fewer signatures than its key set asks for is refused by a code, with them it is published", async () => {
    const dir = join(directory, "two-persons");
    const bob = join(directory, "bob");
    cpSync(ofSensor1.keysDir, dir, { recursive: true });
    const { publicKey } = createSigner({ dir, out: bob, height: 5 });
    const add = [Buffer.from(publicKey).toString("hex")];
    rotate({ dir, release: { add, threshold: 2 } });
    cpSync(join(dir, "keyset-2.cbor"), join(bob, "keyset-2.cbor"));
    api.releaseKeys.files = [1, 2].map((version) =>
      readFileSync(join(dir, `keyset-${version}.cbor`)),
    );
    const input = { ...ofSensor1, keysDir: dir };
    const one = releaseFile(input, signRelease(input));
    const refused = await publish(one);
    expect([refused.status, refused.body.code, refused.body.name]).toEqual([
      ...[422, Code.ThresholdMissed, "ThresholdMissed"],
    ]);
    expect(refused.body.detail).toMatch(
      /expected 2 release signatures, got 1 \(by key [0-9a-f]{16}\)/,
    );
    const reply = await publish(addSignature(one, { keysDir: bob }).file);
    expect(reply.status).toBe(201);
    expect(reply.body.images[0].signedBy).toHaveLength(2);
    expect(reply.body.images).toMatchObject([{ keySetFrom: 1 }, { keySetFrom: 1 }]);
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

  it("that says an earlier end of support than its product promises is refused", async () => {
    const promise = {
      ...{ name: "Sensor 1", supportUntil: "2031-12-31", endOfSale: null, endOfLife: null },
      ...{ endOfLifePolicy: "goes on without the cloud", disposal: "coin cell" },
    };
    await api.call("PUT", "/v1/products/sensor-1", promise, "releaser");
    const signed = (supportUntil: string, sequence: number) => {
      const input = { ...ofSensor1, sequence, supportUntil };
      return releaseFile(input, signRelease(input));
    };
    const refused = await publish(signed("2031-12-30", 8));
    expect([refused.status, refused.body.name, refused.body.detail]).toEqual([
      ...[409, "PromiseBroken"],
      "release for sensor-1: support-until: expected 2031-12-31 or later, as promised, got 2031-12-30",
    ]);
    expect((await api.call("GET", "/v1/releases/8")).status).toBe(404);
    expect((await publish(signed("2031-12-31", 9))).status).toBe(201);
    // A release that says nothing breaks no promise: the product's own days stand.
    expect((await publish(file())).status).toBe(201);
  });
});
