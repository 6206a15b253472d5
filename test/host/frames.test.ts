import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  frameOverheadBytes,
  frameSid,
  openFrame,
  sealFrame,
  sessionKeys,
} from "../../firmware/protocol/host/frames.ts";
import * as kdf from "../../firmware/protocol/host/kdf.ts";
import {
  formatCode,
  labelUrl,
  makeCode,
  normaliseCode,
  readCode,
  readLabel,
} from "../../firmware/protocol/host/labels.ts";
import {
  mqttLoginIsRight,
  mqttPassword,
  readMqttPassword,
} from "../../firmware/protocol/host/mqttLogin.ts";
import { Suite } from "../../firmware/protocol/messages.ts";
import { sessionVectors } from "../support/sessionVectors.ts";

const vectors = JSON.parse(
  readFileSync(new URL("../vectors/session.json", import.meta.url), "utf8"),
);

describe("golden bytes", () => {
  it("of the session protocol stay what they are", () => {
    expect(sessionVectors()).toEqual(vectors);
  });
});

const dk = new Uint8Array(32).fill(1);
const hello = Uint8Array.of(1, 2, 3);
const chalBody = Uint8Array.of(4, 5);
const message = Uint8Array.from({ length: 100 }, (_, i) => i);

describe.each([Suite.HmacCtr, Suite.AesCtr])("a frame of suite %i", (suite) => {
  const keys = sessionKeys(dk, suite, hello, chalBody);

  it.each([0, 1, 31, 32, 33, 512])("opens to the %i bytes that were sealed", (length) => {
    const bytes = new Uint8Array(length).fill(9);
    const frame = sealFrame(keys, "up", 7, bytes);
    expect(frame).toHaveLength(length + frameOverheadBytes);
    expect(openFrame(keys, "up", frame)).toEqual({ counter: 7, message: bytes });
  });
  it("does not open when any one byte was changed", () => {
    const frame = sealFrame(keys, "up", 7, message);
    for (let i = 0; i < frame.length; i++) {
      const changed = frame.slice();
      changed[i]! ^= 0x80;
      expect(openFrame(keys, "up", changed)).toBeNull();
    }
  });
  it("does not open when it was cut at any byte or made longer", () => {
    const frame = sealFrame(keys, "up", 7, message);
    for (let length = 0; length < frame.length; length++) {
      expect(openFrame(keys, "up", frame.slice(0, length))).toBeNull();
    }
    expect(openFrame(keys, "up", Uint8Array.of(...frame, 0))).toBeNull();
  });
  it("does not open in the other direction, which would be a reflection", () => {
    expect(openFrame(keys, "down", sealFrame(keys, "up", 7, message))).toBeNull();
  });
  it("does not open under another handshake or device key", () => {
    const frame = sealFrame(keys, "up", 7, message);
    for (const other of [
      sessionKeys(dk, suite, hello, Uint8Array.of(4, 6)),
      sessionKeys(dk, suite, Uint8Array.of(1, 2, 4), chalBody),
      sessionKeys(new Uint8Array(32), suite, hello, chalBody),
    ]) {
      expect(openFrame(other, "up", frame)).toBeNull();
    }
  });
  it("hides equal messages from one another", () => {
    const one = sealFrame(keys, "up", 1, message).slice(9, -16);
    const two = sealFrame(keys, "up", 2, message).slice(9, -16);
    expect(one).not.toEqual(two);
  });
  it("names its session", () => {
    const frame = sealFrame(keys, "up", 1, message);
    expect(frameSid(frame)).toBe(Buffer.from(keys.sid).toString("hex"));
    expect(frameSid(frame.slice(0, 24))).toBeNull();
  });
  it.each([-1, 0.5, 2 ** 32])("is not sealed under counter %d", (counter) => {
    expect(() => sealFrame(keys, "up", counter, message)).toThrow(RangeError);
  });
});

describe("keys", () => {
  it("keep fields apart that would run together", () => {
    expect(kdf.lp("ab", "c")).not.toEqual(kdf.lp("a", "bc"));
  });
  it("of epoch 0 come from the batch key, later ones do not", () => {
    const birth = { serial: "S-0001", batch: "B", salt: "00".repeat(16) };
    const kb = kdf.batchKey(dk, "B");
    expect(kdf.deviceKeyAt(dk, birth, 0)).toEqual(kdf.deviceKey0(kb, "S-0001", new Uint8Array(16)));
    expect(kdf.deviceKeyAt(dk, birth, 1)).toEqual(kdf.deviceKey(dk, "S-0001", 1));
    expect(() => kdf.deviceKey(dk, "S-0001", 0)).toThrow(RangeError);
  });
});

describe("a claim code", () => {
  const code = makeCode(Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
  it("is 16 characters and a check character", () => {
    expect(code).toBe("000G40R40M30E209Y");
    expect(readCode(code)).toBe(code);
  });
  it("is read however a person writes it", () => {
    expect(readCode(formatCode(code).toLowerCase())).toBe(code);
    expect(readCode("ooog 4or4 om3o e2o9 y")).toBe(code);
    expect(normaliseCode("il-Oo")).toBe("1100");
  });
  it("is refused with any one character wrong or two neighbours swapped", () => {
    for (let i = 0; i < code.length; i++) {
      const other = code[i] === "7" ? "8" : "7";
      expect(readCode(code.slice(0, i) + other + code.slice(i + 1))).toBeNull();
      const swapped = code.slice(0, i) + (code[i + 1] ?? "") + code[i] + code.slice(i + 2);
      if (swapped !== code) expect(readCode(swapped)).toBeNull();
    }
  });
  it.each(["", "0", code + "0", code.slice(1), "U".repeat(17), "ü".repeat(17)])(
    "is refused when it is %j",
    (typed) => expect(readCode(typed)).toBeNull(),
  );
  it("stands in the label's fragment, which reaches no server", () => {
    const url = labelUrl("fleet.example", "sensor-1", "PUCK-0001", code);
    expect(new URL(url).pathname).toBe("/c");
    expect(readLabel(url)).toEqual({ product: "sensor-1", serial: "PUCK-0001", code });
    expect(readLabel(url.slice(0, -1) + "0")).toBeNull();
  });
  it("with a check character of any value survives a URL", () => {
    for (let i = 0; i < 200; i++) {
      const random = Uint8Array.from({ length: 10 }, (_, at) => (i * 37 + at * 11) & 255);
      const made = makeCode(random);
      const url = new URL(labelUrl("h", "p", "S-0001", made)).toString();
      expect(readLabel(url)?.code).toBe(made);
    }
  });
});

describe("a broker password", () => {
  it("is right for its key and counter only", () => {
    const login = readMqttPassword(mqttPassword(dk, 2, 4097))!;
    expect(login).toMatchObject({ counter: 4097, epoch: 2 });
    expect(mqttLoginIsRight(dk, login)).toBe(true);
    expect(mqttLoginIsRight(new Uint8Array(32), login)).toBe(false);
    expect(mqttLoginIsRight(dk, { ...login, counter: 4098 })).toBe(false);
  });
  it.each(["", "wiped", "1.2", "01.2." + "0".repeat(32), "-1.2." + "0".repeat(32)])(
    "is not %j",
    (text) => expect(readMqttPassword(text)).toBeNull(),
  );
});
