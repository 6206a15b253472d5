import { describe, expect, it } from "vitest";
import { Code } from "../../firmware/protocol/errors.ts";
import { encode } from "../../firmware/protocol/host/cbor.ts";
import { CodedError } from "../../firmware/protocol/host/codedError.ts";
import {
  challengeIsFresh,
  challengeNonce,
  decodeHello,
  decodeProve,
  decodeReceipt,
  decodeReceiptAck,
  decodeRefused,
  encodeChal,
  encodeChalBody,
  encodeHello,
  encodeProve,
  encodeReceipt,
  encodeReceiptAck,
  encodeRefused,
  type Hello,
  openChal,
  proveMacIsRight,
} from "../../firmware/protocol/host/handshake.ts";
import { Suite } from "../../firmware/protocol/messages.ts";

const dk = new Uint8Array(32).fill(1);
const fields: Hello = {
  ...{ version: 1, suite: Suite.AesCtr, serial: "PUCK-0001", epoch: 3 },
  ...{ nd: new Uint8Array(16).fill(4), fw: new Uint8Array(8).fill(5) },
  ...{ bootCount: 6, handshakeCount: 7, kmId: 8 },
};
const hello = encodeHello(fields);
const items = [1, 1, 2, "PUCK-0001", 3, fields.nd, fields.fw, 6, 7, 8];
const changed = (at: number, value: unknown) =>
  encode(items.map((item, i) => (i === at ? value : item)) as number[]);

/** @returns the code that is thrown */
function codeOf(act: () => unknown): Code | null {
  try {
    act();
    return null;
  } catch (error) {
    if (error instanceof CodedError) return error.code;
    throw error;
  }
}

describe("HELLO", () => {
  it("comes back as it was sent", () => expect(decodeHello(hello)).toEqual(fields));
  it.each([
    ["another version", changed(1, 2), Code.VersionUnsupported],
    ["an unknown suite", changed(2, 3), Code.SuiteUnsupported],
    ["a serial in lower case", changed(3, "puck-0001"), Code.MessageMalformed],
    ["a serial that is too long", changed(3, "A".repeat(24)), Code.MessageMalformed],
    ["a serial with a slash", changed(3, "PUCK/0001"), Code.MessageMalformed],
    ["a negative epoch", changed(4, -1), Code.MessageMalformed],
    ["an epoch above 32 bits", changed(4, 2 ** 32), Code.MessageMalformed],
    ["a short nonce", changed(5, new Uint8Array(15)), Code.MessageMalformed],
    ["a nonce that is text", changed(5, "x".repeat(16)), Code.MessageMalformed],
    ["a long firmware digest", changed(6, new Uint8Array(9)), Code.MessageMalformed],
    ["an item too many", encode([...items, 0]), Code.MessageMalformed],
    ["an item too few", encode(items.slice(0, 9)), Code.MessageMalformed],
    ["a map", encode(new Map([[1, 1]])), Code.MessageMalformed],
    ["bytes behind it", Uint8Array.of(...hello, 0), Code.MessageMalformed],
    ["more bytes than any HELLO", new Uint8Array(97), Code.MessageTooLong],
  ])("with %s is refused", (_name, bytes, code) => {
    expect(codeOf(() => decodeHello(bytes))).toBe(code);
  });
  it("cut at any byte is refused", () => {
    for (let length = 0; length < hello.length; length++) {
      expect(codeOf(() => decodeHello(hello.slice(0, length)))).toBe(Code.MessageMalformed);
    }
  });
});

describe("CHAL", () => {
  const body = { nc: new Uint8Array(16).fill(9), timeS: 1_800_000_000, state: 3 };
  const chal = encodeChal(dk, hello, encodeChalBody(body));
  it("opens under the key and HELLO it was made for", () => {
    expect(openChal(dk, hello, chal).body).toEqual(body);
  });
  it("does not open for another HELLO or key", () => {
    const other = encodeHello({ ...fields, suite: Suite.HmacCtr });
    expect(codeOf(() => openChal(dk, other, chal))).toBe(Code.HandshakeMac);
    expect(codeOf(() => openChal(new Uint8Array(32), hello, chal))).toBe(Code.HandshakeMac);
  });
  it("with any one byte changed does not open", () => {
    for (let i = 0; i < chal.length; i++) {
      const bytes = chal.slice();
      bytes[i]! ^= 1;
      expect(codeOf(() => openChal(dk, hello, bytes))).not.toBeNull();
    }
  });
});

describe("PROVE", () => {
  const chalBody = encodeChalBody({ nc: new Uint8Array(16), timeS: 1, state: 1 });
  const frame = new Uint8Array(40).fill(7);
  const pop = new Uint8Array(16).fill(6);
  it.each([
    ["with", pop],
    ["without", null],
  ])("%s a possession proof comes back", (_name, proof) => {
    const prove = decodeProve(encodeProve(dk, { hello, chalBody, pop: proof, frame }));
    expect(prove).toMatchObject({ hello, chalBody, pop: proof, frame });
    expect(proveMacIsRight(dk, prove)).toBe(true);
    expect(proveMacIsRight(new Uint8Array(32), prove)).toBe(false);
  });
  it("is bound to each of its parts", () => {
    const prove = decodeProve(encodeProve(dk, { hello, chalBody, pop, frame }));
    const flip = (bytes: Uint8Array) => bytes.map((byte, i) => (i === 1 ? byte ^ 1 : byte));
    expect(proveMacIsRight(dk, { ...prove, hello: flip(hello) })).toBe(false);
    expect(proveMacIsRight(dk, { ...prove, chalBody: flip(chalBody) })).toBe(false);
    expect(proveMacIsRight(dk, { ...prove, pop: flip(pop) })).toBe(false);
    expect(proveMacIsRight(dk, { ...prove, pop: null })).toBe(false);
    expect(proveMacIsRight(dk, { ...prove, frame: flip(frame) })).toBe(false);
  });
});

describe("a challenge nonce", () => {
  const nowMs = 1_800_000_000_000;
  const nc = challengeNonce(dk, "S-0001", fields.nd, nowMs / 60_000);
  it("is good in its minute and the two after it", () => {
    const fresh = (ms: number) => challengeIsFresh(dk, "S-0001", fields.nd, nc, ms);
    expect([0, 59_999, 60_000, 179_999].map((ms) => fresh(nowMs + ms))).toEqual(
      Array(4).fill(true),
    );
    expect([180_000, -1].map((ms) => fresh(nowMs + ms))).toEqual([false, false]);
  });
  it("is good for one device and one HELLO", () => {
    expect(challengeIsFresh(dk, "S-0002", fields.nd, nc, nowMs)).toBe(false);
    expect(challengeIsFresh(dk, "S-0001", new Uint8Array(16), nc, nowMs)).toBe(false);
  });
});

describe("the other plain messages", () => {
  it("come back as they were sent", () => {
    expect(decodeRefused(encodeRefused(Code.EpochOld, 60))).toEqual({
      ...{ code: Code.EpochOld, retryAfterS: 60 },
    });
    const token = new Uint8Array(16).fill(3);
    expect(decodeReceiptAck(encodeReceiptAck(token))).toEqual(token);
    const signature = new Uint8Array(1252);
    const body = new Uint8Array(200);
    expect(decodeReceipt(encodeReceipt("PUCK-0001", body, signature))).toEqual({
      ...{ serial: "PUCK-0001", body, signature },
    });
  });
});
