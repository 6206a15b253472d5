/** A key-set change on the device: what it takes, what it refuses by name, and from when on it holds. */
import { beforeEach, describe, expect, it } from "vitest";
import { keySetInForce } from "../../firmware/core/keySet.ts";
import type { Kit } from "../../firmware/core/kit.ts";
import signed from "../../firmware/core/parts/signed.ts";
import state from "../../firmware/core/parts/state.ts";
import { Part } from "../../firmware/core/parts.ts";
import { IdAt } from "../../firmware/flash/identity.ts";
import { Rec } from "../../firmware/flash/journal.ts";
import { Code } from "../../firmware/protocol/errors.ts";
import { concatBytes, encode } from "../../firmware/protocol/host/cbor.ts";
import {
  changeDocument,
  encodeChange,
  type KeySetChange,
  rootIdOf,
  signChange,
} from "../../firmware/protocol/host/keysetChange.ts";
import type { LmsPrivateKey } from "../../firmware/protocol/host/lms/index.ts";
import { encodeEnvelope, signManifest } from "../../firmware/protocol/host/suit.ts";
import { Msg } from "../../firmware/protocol/messages.ts";
import keysPart from "../../firmware/runtime/parts/keys.ts";
import {
  lmsSigner,
  manifestBytes,
  manifestInput,
  otherKey,
  releaseKey,
} from "../host/suitFixture.ts";
import { flipBit, lmsTestKey } from "../host/support.ts";
import { receiverKit } from "../support/playEnvelope.ts";
import { setBoard } from "../support/testKit.ts";

const [r1, r2, r3, r4, r5] = [11, 12, 13, 14, 15].map((n) => lmsTestKey(5, n)) as [
  LmsPrivateKey,
  LmsPrivateKey,
  LmsPrivateKey,
  LmsPrivateKey,
  LmsPrivateKey,
];
const role = (threshold: number, keys: LmsPrivateKey[]) => ({
  threshold,
  keys: keys.map((key) => key.publicKey),
});
const first = role(2, [r1, r2, r3]);
const second: KeySetChange = {
  version: 2,
  previousRoot: first,
  root: role(2, [r3, r4, r5]),
  release: role(1, [otherKey]),
  agent: { threshold: 1, keys: [new Uint8Array(32).fill(1)] },
  withSequence: 0,
};
let leaf = 0;
beforeEach(() => {
  leaf = 0;
});
const by = (body: Uint8Array, key: LmsPrivateKey) =>
  signChange(body, { publicKey: key.publicKey, sign: (m) => key.sign(leaf++ % 32, m) });
const documentOf = (body: Uint8Array, keys: LmsPrivateKey[]) =>
  changeDocument(
    body,
    keys.map((key) => by(body, key)),
  );

const blockBytes = 256;
const { vendorId, classId } = manifestInput;

/** A device of key set 1 that trusts `first`, and one that fetches for it. */
function device() {
  setBoard({ blockBytes });
  const records = new Map<number, unknown>();
  const k: Kit = receiverKit(
    { vendorId, classId, keys: [releaseKey.publicKey], threshold: 1, interpreter: "2v29" },
    records,
  );
  const read = k.h.read;
  const rootId = rootIdOf(first);
  const later: (() => void)[] = [];
  const said: unknown[][] = [];
  const puts: number[] = [];
  const base = k.part;
  const put = k.put;
  Object.assign(k.h, {
    read: (at: number, n: number) => (at === IdAt.RootId ? rootId.slice() : read(at, n)),
    after: (fn: () => void, ms: number) => (ms < 100 ? later.push(fn) : 1),
  });
  Object.assign(k, {
    part: (p: Part) =>
      p === Part.Client ? () => ({ say: (m: unknown[]) => said.push(m) }) : base(p),
    put: (type: Rec, value: unknown) => {
      puts.push(type);
      put(type, structuredClone(value));
    },
  });
  const offer = (
    { document, lengths }: { document: Uint8Array; lengths: number[] },
    version = 2,
    served = document,
  ) => {
    said.length = 0;
    const client = { update: null } as { update: { block(m: unknown[]): void } | null };
    client.update = keysPart(k)(client as never, [Msg.Keys, version, lengths]);
    for (const fn of later.splice(0)) fn();
    for (let i = 0; i < 100; i++) {
      const last = said.at(-1)!;
      if (last[0] !== Msg.Fetch) break;
      const [, kind, of, at, n] = last as number[];
      const data = served.slice(at, at! + n!);
      client.update?.block([Msg.Block, kind, of, at, served.length, data]);
      for (const fn of later.splice(0)) fn();
    }
    const event = said.at(-1)!;
    // Whatever the end: the place is free for an update.
    expect(client.update).toBe(null);
    return { code: event[1], fetches: said.filter((m) => m[0] === Msg.Fetch).length };
  };
  const version = () => (k.get(Rec.Slots) as number[])[4];
  return { k, records, offer, puts, version };
}

const whole = (change: KeySetChange, keys: LmsPrivateKey[]) =>
  documentOf(encodeChange(change), keys);
/** The code of a release signed by one key. */
function judged(k: Kit, key: LmsPrivateKey): unknown {
  const blocks = signManifest(manifestBytes, [lmsSigner(key, 4)]);
  try {
    return signed(k)(encodeEnvelope(manifestBytes, blocks)).length;
  } catch (code) {
    return code;
  }
}

describe("a key-set change", () => {
  it("by two root keys of the set before and two of the next is taken, and holds at once", () => {
    const d = device();
    expect(judged(d.k, releaseKey)).toBe(manifestBytes.length);
    const { code, fetches } = d.offer(whole(second, [r1, r2, r4, r5]));
    expect(code).toBe(Code.KeySetTaken);
    expect(fetches).toBeGreaterThan(20);
    expect(d.puts).toEqual([Rec.KeySetA, Rec.Slots]);
    expect(keySetInForce(d.k)).toEqual([2, 1, otherKey.publicKey, rootIdOf(second.root), 0]);
  });

  it("revokes: a release by the key that was left out is refused, one by the new key is taken", () => {
    const d = device();
    d.offer(whole(second, [r1, r2, r4, r5]));
    expect(judged(d.k, releaseKey)).toBe(Code.ManifestKeyUnknown);
    expect(judged(d.k, otherKey)).toBe(manifestBytes.length);
  });

  it("counts a key of both roots for both", () => {
    expect(device().offer(whole(second, [r1, r3, r4])).code).toBe(Code.KeySetTaken);
  });

  it("is followed by the next one, in the other record", () => {
    const d = device();
    d.offer(whole(second, [r1, r3, r4]));
    const third = { ...second, version: 3, previousRoot: second.root, root: first };
    expect(d.offer(whole(third, [r4, r5, r1, r2]), 3).code).toBe(Code.KeySetTaken);
    expect(d.puts).toEqual([Rec.KeySetA, Rec.Slots, Rec.KeySetB, Rec.Slots]);
    expect(d.version()).toBe(3);
  });

  it("that waits for a release switches in the record that confirms it, not before", () => {
    const d = device();
    const change = { ...second, withSequence: 7 };
    expect(d.offer(whole(change, [r1, r2, r4, r5])).code).toBe(Code.KeySetTaken);
    expect(d.puts).toEqual([Rec.KeySetA]);
    const confirm = (sequence: number) => {
      const slot = [sequence, 10, 0, new Uint8Array(32), 6, 60, 0, null];
      d.records.set(Rec.Slots, [0, slot, null, 1, 1, 1, 60]);
      d.puts.length = 0;
      state(d.k).confirm();
      return d.k.get(Rec.Slots) as number[];
    };
    expect(confirm(6).slice(3, 5)).toEqual([6, 1]);
    expect(judged(d.k, releaseKey)).toBe(manifestBytes.length);
    expect(confirm(7).slice(3, 5)).toEqual([6, 2]);
    expect(d.puts).toEqual([Rec.Slots]);
    expect(judged(d.k, releaseKey)).toBe(Code.ManifestKeyUnknown);
  });

  const turned = (bit: number) => {
    const one = whole(second, [r1, r2, r4, r5]);
    return { ...one, document: flipBit(one.document, bit) };
  };
  const raw = (parts: unknown[]) => documentOf(encode(parts as never), [r1, r2]);
  const keysOf = (...keys: LmsPrivateKey[]) => concatBytes(keys.map((key) => key.publicKey));
  it.each<[string, () => { document: Uint8Array; lengths: number[] }, number, Code]>([
    [
      "one signature of the root before",
      () => whole(second, [r1, r4, r5]),
      2,
      Code.ThresholdMissed,
    ],
    ["one signature of the next root", () => whole(second, [r1, r2, r4]), 2, Code.ThresholdMissed],
    ["one key twice", () => whole(second, [r1, r1, r4, r5]), 2, Code.ThresholdMissed],
    ["strangers", () => whole(second, [releaseKey, otherKey]), 2, Code.ThresholdMissed],
    [
      "a version left out",
      () => whole({ ...second, version: 3 }, [r1, r2, r4, r5]),
      3,
      Code.KeySetVersion,
    ],
    [
      "the same version",
      () => whole({ ...second, version: 1 }, [r1, r2, r4, r5]),
      1,
      Code.KeySetVersion,
    ],
    [
      "another version than was offered",
      () => whole(second, [r1, r2, r4, r5]),
      3,
      Code.KeySetVersion,
    ],
    [
      "a root before that is not the device's",
      () => whole({ ...second, previousRoot: role(1, [r4]) }, [r4, r5, r3]),
      2,
      Code.KeySetRoot,
    ],
    [
      "a lower threshold of the root before",
      () => whole({ ...second, previousRoot: { ...first, threshold: 1 } }, [r1, r4, r5]),
      2,
      Code.KeySetRoot,
    ],
    ["a turned bit in a signature", () => turned(8 * 900), 2, Code.ManifestSignature],
    ["no roles", () => raw([2, 1, 1, 1, 1, 0]), 2, Code.KeySetMalformed],
    ["a body that is no list", () => raw(7 as never), 2, Code.KeySetMalformed],
    [
      "a threshold of none",
      () =>
        raw([
          2,
          [2, keysOf(r1, r2, r3)],
          [0, keysOf(r4)],
          [1, keysOf(otherKey)],
          [1, new Uint8Array(32)],
          0,
        ]),
      2,
      Code.KeySetMalformed,
    ],
    ["no signature", () => whole(second, []), 2, Code.KeySetMalformed],
    [
      "a signature that is too long",
      () => ({ document: new Uint8Array(2401), lengths: [800, 1601] }),
      2,
      Code.KeySetMalformed,
    ],
  ])("with %s is refused by name, and nothing is written", (_what, make, version, code) => {
    const d = device();
    expect(d.offer(make(), version).code).toBe(code);
    expect(d.puts).toEqual([]);
    expect(keySetInForce(d.k)[0]).toBe(1);
  });
});
