import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeSha256 } from "../../firmware/crypto/sha256.ts";
import { flatten } from "../../scripts/powercut/hal.ts";
import { seededRandom } from "../../scripts/sim/random.ts";

const world = globalThis as { E?: unknown };
let blocks = 0;
let hash: ReturnType<typeof makeSha256>;
beforeAll(() => {
  world.E = { toUint8Array: flatten };
  hash = makeSha256(() => void blocks++);
});
afterAll(() => {
  delete world.E;
});

const hex = (data: Uint8Array | string) => Buffer.from(hash(data)).toString("hex");
const native = (data: Uint8Array) => createHash("sha256").update(data).digest("hex");

describe("SHA-256 for boards whose interpreter has none", () => {
  // FIPS 180-4 examples and NIST CAVP SHA256ShortMsg.
  it.each([
    ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
    ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
    [
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    ],
    ["\xd3", "28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba9802c1"],
    ["\x11\xaf", "5ca7133fa735326081558ac312c620eeca9970d1e70a4b95533d956f072d1f98"],
  ])("gives the published digest of %j", (text, digest) => {
    expect(hex(text)).toBe(digest);
  });

  it("agrees with the host on every length around a block and on random ones, as bytes and as text", () => {
    const random = seededRandom("sha256");
    const lengths = [...Array.from({ length: 200 }, (_, i) => i), 1023, 1024, 5000, 8191];
    for (const length of lengths) {
      const data = Uint8Array.from({ length }, () => Math.floor(random() * 256));
      expect([length, hex(data)]).toEqual([length, native(data)]);
      expect(hex(Buffer.from(data).toString("latin1"))).toBe(native(data));
    }
  });

  it("hashes a view from where it begins", () => {
    const whole = Uint8Array.from({ length: 300 }, (_, i) => i * 7);
    const view = new Uint8Array(whole.buffer, 100, 150);
    expect(hex(view)).toBe(native(view));
  });

  it("calls back once for each block of 64 bytes, so that a watchdog can be kicked", () => {
    blocks = 0;
    hash(new Uint8Array(55));
    expect(blocks).toBe(1);
    hash(new Uint8Array(56));
    expect(blocks).toBe(3);
    hash(new Uint8Array(8192));
    expect(blocks).toBe(3 + 129);
  });
});
