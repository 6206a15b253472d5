/** One profile, two implementations: the device's own code and the host's give the same plan or the same code. */
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import signed from "../../firmware/core/parts/signed.ts";
import type { Plan } from "../../firmware/core/parts/suit.ts";
import suit from "../../firmware/core/parts/suit.ts";
import { Code } from "../../firmware/protocol/errors.ts";
import {
  type CborKey,
  type CborValue,
  decode,
  encode,
  Tagged,
} from "../../firmware/protocol/host/cbor.ts";
import { CodedError } from "../../firmware/protocol/host/codedError.ts";
import type { Manifest } from "../../firmware/protocol/host/suit.ts";
import { encodeEnvelope, encodeManifest, signManifest } from "../../firmware/protocol/host/suit.ts";
import { judgeAsDevice, manifestOf } from "../../firmware/protocol/host/suitVerify.ts";
import { lmsSigner, manifestInput, otherKey, releaseKey } from "../host/suitFixture.ts";
import { flipBit } from "../host/support.ts";
import { asInterpreter, playEnvelope, receiverKit } from "../support/playEnvelope.ts";

const { vendorId, classId } = manifestInput;
const keys = [releaseKey.publicKey, otherKey.publicKey];
const receiver = { vendorId, classId, keys, threshold: 1, interpreter: "2v29" };
const atHost = { vendorId, classId, interpreter: "2v29", slot: 1 };
const planOf = (m: Omit<Manifest, "text">): Plan =>
  [
    ...[m.sequence, m.sizeBytes, m.digest, m.floor, m.trialMinutes, m.batteryMinMv],
    ...[m.limits, m.freeVariables, m.downgradeFrom],
  ] as unknown as Plan;

function onDevice(run: () => unknown): unknown {
  try {
    return asInterpreter("2v29", run);
  } catch (code) {
    if (typeof code === "number") return code;
    throw code;
  }
}
function onHost(run: () => Omit<Manifest, "text">): unknown {
  try {
    return planOf(run());
  } catch (error) {
    if (error instanceof CodedError) return error.code;
    throw error;
  }
}
/** A plan's trial is told by its default on the host, and left to update.ts on the device. */
const told = (verdict: unknown) =>
  Array.isArray(verdict) ? verdict.map((v, i) => (i === 4 ? v || 60 : v)) : verdict;
let kit: ReturnType<typeof receiverKit>;
beforeAll(() => {
  kit = receiverKit(receiver);
});
/** The verdict of both, which has to be one. */
function manifestVerdict(manifest: Uint8Array): unknown {
  const device = told(onDevice(() => suit(kit)(manifest.slice())));
  expect(device).toEqual(onHost(() => manifestOf(manifest, atHost)));
  return device;
}
function envelopeVerdict(envelope: Uint8Array, threshold = 1): unknown {
  const k = receiverKit({ ...receiver, threshold });
  const device = told(onDevice(() => suit(k)(signed(k)(envelope.slice()))));
  const trusted = { release: keys, threshold };
  expect(device).toEqual(onHost(() => judgeAsDevice(envelope, trusted, atHost)));
  return device;
}

const digestOf = (fill: number) => encode([-16, new Uint8Array(32).fill(fill)]);
const base: [number, CborValue][] = [
  [1, vendorId],
  [2, classId],
  [-1, 5],
  [-2, ["2v25", "2v29"]],
];
const image: [number, CborValue][] = [
  [3, digestOf(9)],
  [14, 700],
];
const map = (entries: [CborKey, CborValue][]) => new Map<CborKey, CborValue>(entries);
interface Shape {
  shared?: CborValue[];
  install?: CborValue[];
  parameters?: [number, CborValue][];
}
const install: CborValue[] = [-1, 15, 20, map([[21, "fl:payload"]]), 21, 2, 3, 15];
function manifestWith({ shared, parameters = [], ...rest }: Shape): Uint8Array {
  const commands = shared ?? [20, map([...base, ...image, ...parameters]), 1, 15, 2, 15];
  const common = encode(
    map([
      [2, [[Uint8Array.of(0)]]],
      [4, encode(commands)],
    ]),
  );
  return encode(
    map([
      [1, 1],
      [2, 7],
      [3, common],
      [7, encode([3, 15])],
      [9, encode([23, 2])],
      [20, encode(rest.install ?? install)],
    ]),
  );
}
const alternative = (slot: number, fill: number, more: CborValue[] = []) =>
  encode([
    20,
    map([[5, slot]]),
    5,
    5,
    20,
    map([
      [3, digestOf(fill)],
      [14, 100 + fill],
    ]),
    ...more,
  ]);
const withTry = (...alternatives: CborValue[]) =>
  manifestWith({ shared: [20, map(base), 15, alternatives, 1, 15, 2, 15] });

describe("alternatives for slots", () => {
  it("the first whose slot is the one to be written gives size and digest", () => {
    const plan = manifestVerdict(withTry(alternative(0, 1), alternative(1, 2)));
    expect(plan).toEqual([7, 102, new Uint8Array(32).fill(2), 5, 60, 0, null, 0, null]);
  });
  it.each<[string, CborValue[], unknown]>([
    ["no slot fits", [alternative(0, 1)], Code.WrongSlot],
    ["there is none", [], Code.ManifestOutsideProfile],
    ["one fails by a directive", [encode([20, map([[99, 1]])]), alternative(1, 2)], 102],
    ["one is another try-each", [encode([15, [alternative(1, 2)]])], 102],
    ["one is no byte string", [7], Code.ManifestMalformed],
    ["all fail but the empty one, which gives no image", [alternative(0, 1), null], 102],
  ])("are refused by name when %s", (_what, alternatives, code) => {
    const verdict = manifestVerdict(withTry(...alternatives));
    expect(verdict).toBe(code);
  });
  it("do not forgive another vendor behind them", () => {
    const other = map([...base, [1, new Uint8Array(16)]]);
    const shared = [20, other, 15, [alternative(1, 2)], 1, 15, 2, 15];
    expect(manifestVerdict(manifestWith({ shared }))).toBe(Code.WrongVendor);
  });
});

describe("conditions and parameters", () => {
  it.each<[string, [number, CborValue][], unknown]>([
    [
      "vitals limits",
      [
        [
          -5,
          map([
            [1, [2400, null]],
            [5, [-100, 600]],
          ]),
        ],
      ],
      { 1: [2400, null], 5: [-100, 600] },
    ],
  ])("%s are in the plan", (_what, parameters, limits) => {
    const plan = manifestVerdict(manifestWith({ parameters })) as Plan;
    expect(plan[6]).toEqual(limits);
  });
  it("free variables and a ticket's floor are in the plan, a floor of 0 too", () => {
    const parameters: [number, CborValue][] = [
      [-6, 900],
      [-7, 0],
    ];
    expect((manifestVerdict(manifestWith({ parameters })) as Plan).slice(7)).toEqual([900, 0]);
  });
  it.each<[string, Shape, Code]>([
    [
      "an interpreter that is too old",
      { parameters: [[-2, ["2v30", "2v40"]]] },
      Code.WrongInterpreter,
    ],
    [
      "an interpreter that is too new",
      { parameters: [[-2, ["2v10", "2v28"]]] },
      Code.WrongInterpreter,
    ],
    ["no version", { parameters: [[-2, [2, 3]]] }, Code.WrongInterpreter],
    ["limits that are no map", { parameters: [[-5, 7]] }, Code.ManifestMalformed],
    ["a limit of one end", { parameters: [[-5, map([[1, [1]]])]] }, Code.ManifestMalformed],
    ["free variables below zero", { parameters: [[-6, -1]] }, Code.ManifestMalformed],
    ["a ticket that is text", { parameters: [[-7, "5"]] }, Code.ManifestMalformed],
    ["a floor above the sequence", { parameters: [[-1, 8]] }, Code.FloorAboveSequence],
    ["an unknown parameter", { parameters: [[22, 1]] }, Code.ManifestOutsideProfile],
    ["no interpreter condition", { install: install.slice(2) }, Code.ManifestOutsideProfile],
    ["a command written as text", { install: ["21", 2, ...install] }, Code.ManifestOutsideProfile],
    ["33 commands", { install: [...Array(30).fill([3, 15]).flat(), ...install] }, 102],
    ["another place", { install: [-1, 15, 20, map([[21, "x"]]), 21, 2] }, 102],
    ["a policy of 16", { install: [3, 16, ...install] }, Code.ManifestOutsideProfile],
  ])("%s is refused by name", (_what, shape, code) => {
    expect(manifestVerdict(manifestWith(shape))).toBe(code);
  });
});

describe("dependencies and components", () => {
  const withCommon = (...entries: [number, CborValue][]) => {
    const members = decode(manifestWith({})) as Map<CborKey, CborValue>;
    const common = decode(members.get(3) as Uint8Array) as Map<CborKey, CborValue>;
    for (const [key, value] of entries) common.set(key, value);
    return encode(new Map([...members, [3, encode(common)]]));
  };
  it.each<[string, [number, CborValue], Code]>([
    ["a dependency", [1, map([[1, map([])]])], Code.DependencyUnknown],
    ["dependencies that are none", [1, map([])], Code.DependencyUnknown],
    ["dependencies that are null", [1, null], Code.DependencyUnknown],
    ["dependencies that are 0", [1, 0], Code.DependencyUnknown],
    ["a second component", [2, [[Uint8Array.of(0)], [Uint8Array.of(1)]]], Code.DependencyUnknown],
    ["another component", [2, [[Uint8Array.of(1)]]], Code.DependencyUnknown],
    ["no component", [2, []], Code.DependencyUnknown],
    ["an unknown member", [3, 1], Code.ManifestOutsideProfile],
  ])("%s is refused by name", (_what, entry, code) => {
    expect(manifestVerdict(withCommon(entry))).toBe(code);
  });
  it("of the one form are taken", () => {
    expect(manifestVerdict(withCommon())).toBeInstanceOf(Array);
  });
});

describe("any input", () => {
  const node = fc.letrec<{ node: CborValue }>((tie) => ({
    node: fc.oneof(
      { depthSize: "small" },
      fc.integer({ min: -8, max: 30 }),
      fc.constantFrom<CborValue>(null, true, "fl:payload", "2v25", "1", vendorId, digestOf(1)),
      fc.uint8Array({ maxLength: 8 }),
      fc.array(tie("node"), { maxLength: 4 }),
      fc
        .array(fc.tuple(fc.integer({ min: -8, max: 24 }), tie("node")), { maxLength: 5 })
        .map((entries) => map(entries)),
      tie("node").map((inner) => encode(inner)),
    ),
  })).node;
  const command = fc.tuple(
    fc.constantFrom(1, 2, 3, 5, 15, 20, 21, 23, -1, 7),
    fc.oneof({ weight: 3, arbitrary: fc.constant<CborValue>(15) }, node),
  );
  const sequence = fc.array(command, { maxLength: 6 }).map((pairs) => pairs.flat() as CborValue[]);

  it("of random manifests, whole and half right, has one verdict", () => {
    const parameters = fc.array(fc.tuple(fc.constantFrom(1, 2, 3, 5, 14, -1, -2, -5, -7), node), {
      maxLength: 2,
    });
    const half = fc.record(
      { shared: sequence, install: sequence, parameters },
      { requiredKeys: [] },
    );
    const input = fc.oneof(half.map(manifestWith), node.map(encode), fc.uint8Array());
    const seen = new Set<unknown>();
    const property = fc.property(input, (bytes) => {
      const verdict = manifestVerdict(bytes);
      seen.add(Array.isArray(verdict) ? "plan" : verdict);
    });
    fc.assert(property, { numRuns: 4000, seed: 7 });
    expect(seen.size).toBeGreaterThan(6);
  });

  it("of manifests with one byte changed has one verdict", () => {
    const manifest = encodeManifest({ ...manifestInput, limits: { 1: [2400, null] } });
    const change = fc.tuple(fc.nat(manifest.length - 1), fc.nat(255));
    const property = fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
      const bytes = manifest.slice();
      for (const [at, byte] of changes) bytes[at] = byte;
      manifestVerdict(bytes);
    });
    fc.assert(property, { numRuns: 4000, seed: 8 });
  });

  const manifest = encodeManifest(manifestInput);
  const blocks = signManifest(manifest, [lmsSigner(releaseKey, 1), lmsSigner(otherKey, 1)]);
  it.each([
    [1, [0], "plan"],
    [2, [0], Code.ThresholdMissed],
    [2, [0, 0], Code.ThresholdMissed],
    [2, [0, 1], "plan"],
    [2, [1, 0], "plan"],
    [1, [], Code.ManifestNoSignature],
  ])("with threshold %i and the blocks %j has one verdict", (threshold, which, expected) => {
    const envelope = encodeEnvelope(
      manifest,
      which.map((i) => blocks[i]!),
    );
    const verdict = envelopeVerdict(envelope, threshold);
    expect(Array.isArray(verdict) ? "plan" : verdict).toBe(expected);
  });
  it("of damaged and random envelopes has one verdict", () => {
    const envelope = encodeEnvelope(manifest, blocks);
    const flips = fc.nat(envelope.length * 8 - 1).map((bit) => flipBit(envelope, bit));
    const members = fc.array(fc.tuple(fc.integer({ min: 1, max: 4 }), node), { maxLength: 3 });
    const random = members.map((entries) => encode(new Tagged(107, map(entries))));
    const auth = fc.array(node, { maxLength: 8 }).map((parts) => {
      const whole = decode(envelope) as Tagged;
      const changed = map([...(whole.value as Map<CborKey, CborValue>), [2, encode(parts)]]);
      return encode(new Tagged(107, changed));
    });
    const input = fc.oneof(flips, random, auth, fc.uint8Array());
    fc.assert(
      fc.property(input, (bytes) => void envelopeVerdict(bytes)),
      { numRuns: 600, seed: 9 },
    );
  });
  it("longer than 4,096 bytes is refused before it is read, on both sides", () => {
    expect(envelopeVerdict(new Uint8Array(4097))).toBe(Code.ManifestTooLarge);
  });
});

describe("a downgrade ticket on the device", () => {
  const slots = (sequence: number, floor: number) => {
    const slot = [sequence, 10, 0, new Uint8Array(32), floor, 60, 0, null];
    return [0, slot, null, floor, 1, 0, 0];
  };
  const play = (downgradeFrom: number | null, floor: number, running = 9) => {
    const bytes = encodeManifest({ ...manifestInput, downgradeFrom });
    const envelope = encodeEnvelope(bytes, signManifest(bytes, [lmsSigner(releaseKey, 2)]));
    return playEnvelope({ ...receiver, slots: slots(running, floor) }, 7, envelope);
  };
  it("of the very floor is begun although older than what runs and below the floor", () => {
    expect(play(9, 9)).toEqual({ code: Code.UpdateStarted, writes: 2 });
  });
  it("is refused by its own code once the floor has moved, either way", () => {
    expect(play(9, 10)).toEqual({ code: Code.TicketFloor, writes: 0 });
    expect(play(9, 5)).toEqual({ code: Code.TicketFloor, writes: 0 });
  });
  it("is what an older release needs: without it, floor and sequence hold", () => {
    expect(play(null, 9)).toEqual({ code: Code.SequenceBelowFloor, writes: 0 });
    expect(play(null, 7)).toEqual({ code: Code.SequenceNotNewer, writes: 0 });
  });
});
