/** The attacks on software updates that TUF and Uptane name, each played against the shipped texts on a simulated board. */
import { beforeAll, describe, expect, it } from "vitest";
import { Code } from "../../firmware/protocol/errors.ts";
import { errorTexts } from "../../firmware/protocol/errorTexts.ts";
import { sequenceJumpMax } from "../../firmware/protocol/limits.ts";
import { buildStage, never, Stage, withCommon } from "../support/attackStage.ts";
import { read, tableRows } from "../tidy/files.ts";

beforeAll(buildStage);

interface Attack {
  name: string;
  code: Code;
  /** where the code is seen */
  seen: typeof refusal | typeof inCheckIns;
  play(): Stage;
}
const refusal = "event, and refusal in check-ins";
const inCheckIns = "check-ins";

const attacks: Attack[] = [
  {
    name: "arbitrary software",
    code: Code.ManifestSignature,
    seen: refusal,
    play() {
      const stage = new Stage();
      const release = stage.release();
      // One byte of the signature differs; it names a key that the device knows.
      const end = release.envelope.length - stage.manifest().length;
      expect(end).toBeGreaterThan(1000);
      release.envelope[end - 40]! ^= 1;
      stage.offer(release);
      return stage;
    },
  },
  {
    name: "rollback",
    code: Code.SequenceBelowFloor,
    seen: refusal,
    play() {
      const stage = new Stage();
      stage.offer(stage.release({ floor: 2 }));
      stage.runs(2);
      // A genuine envelope of before, served under a number that is new.
      const { envelope, payload } = stage.release({ sequence: 1 });
      stage.offer({ sequence: 3, envelope, payload });
      return stage;
    },
  },
  {
    name: "fast-forward",
    code: Code.SequenceTooFar,
    seen: refusal,
    play() {
      const stage = new Stage();
      stage.offer(stage.release({ sequence: 1 + sequenceJumpMax + 1 }));
      return stage;
    },
  },
  {
    name: "indefinite freeze",
    code: Code.Frozen,
    seen: inCheckIns,
    play() {
      const stage = new Stage();
      // What the device says arrives, and no answer with news comes back.
      stage.device.cloud.tamper = never("reply");
      return stage;
    },
  },
  {
    name: "mix-and-match",
    code: Code.ImageDigest,
    seen: refusal,
    play() {
      const stage = new Stage();
      const release = stage.release();
      // The payload of another release, of the same size.
      const payload = release.payload.slice();
      payload[payload.length - 9]! ^= 1;
      stage.offer({ ...release, payload });
      return stage;
    },
  },
  {
    name: "endless data",
    code: Code.ManifestTooLarge,
    seen: refusal,
    play() {
      const stage = new Stage();
      stage.offer({ ...stage.release(), envelope: new Uint8Array(1_000_000) });
      return stage;
    },
  },
  {
    name: "extraneous dependencies",
    code: Code.DependencyUnknown,
    seen: refusal,
    play() {
      const stage = new Stage();
      const manifest = withCommon(stage.manifest(), (common) => {
        common.set(1, new Map([[1, new Map()]]));
      });
      stage.offer({ ...stage.release(), envelope: stage.bench.sign(manifest) });
      return stage;
    },
  },
  {
    name: "wrong software",
    code: Code.WrongClass,
    seen: refusal,
    play() {
      const stage = new Stage();
      stage.offer(stage.release({ classId: new Uint8Array(16).fill(9) }));
      return stage;
    },
  },
  {
    name: "key compromise below threshold",
    code: Code.ThresholdMissed,
    seen: refusal,
    play() {
      const stage = new Stage(2);
      const envelope = stage.bench.sign(stage.manifest(), 1);
      stage.offer({ sequence: 2, envelope, payload: stage.payload });
      return stage;
    },
  },
  {
    name: "drop-request",
    code: Code.RequestsDropped,
    seen: refusal,
    play() {
      const stage = new Stage();
      stage.device.cloud.tamper = never("block");
      stage.offer(stage.release());
      return stage;
    },
  },
  {
    name: "slow retrieval",
    code: Code.RetrievalSlow,
    seen: refusal,
    play() {
      const stage = new Stage();
      // Each block comes as late as it may.
      stage.slow("block", 6);
      stage.offer(stage.fullRelease());
      return stage;
    },
  },
  {
    name: "partial bundle",
    code: Code.BundlePartial,
    seen: refusal,
    play() {
      const stage = new Stage();
      const release = stage.release();
      // The end is withheld: what stands in the slot behind it is an older image's.
      stage.offer({ ...release, payload: release.payload.slice(0, -600) });
      return stage;
    },
  },
];

describe("an attack on updates", () => {
  it.each(attacks)("$name is refused, and its code reaches the cloud", ({ code, seen, play }) => {
    const stage = play();
    const { sequence } = stage.device.state;
    stage.device.until(`report code ${code}`, () => stage.hears(code, seen === refusal));
    expect(stage.device.state).toMatchObject({ sequence, slot: "confirmed", failed: null });
    expect(stage.device.restarts).toBe(sequence - 1);
  });

  it("has twelve names", () => {
    expect(attacks).toHaveLength(12);
  });

  it("that is none is an update, also where two desks have to sign", () => {
    const stage = new Stage(2);
    stage.offer(stage.release());
    stage.device.until("run release 2", () => stage.device.state.sequence === 2);
    expect(stage.device.checkIns.at(-1)!.info.refused).toBeNull();
  });

  it("by a second component is an extraneous dependency too", () => {
    const stage = new Stage();
    const manifest = withCommon(stage.manifest(), (common) => {
      common.set(2, [[Uint8Array.of(0)], [Uint8Array.of(1)]]);
    });
    stage.offer({ ...stage.release(), envelope: stage.bench.sign(manifest) });
    stage.device.until("refuse it", () => stage.hears(Code.DependencyUnknown, true));
  });

  it("by blocks shorter than asked for is a partial bundle too, though the size is right", () => {
    const stage = new Stage();
    stage.device.cloud.tamper = (message) =>
      message.kind === "block" && message.what === 1 && message.offset > 0
        ? { ...message, data: message.data.slice(0, -8) }
        : message;
    stage.offer(stage.release());
    stage.device.until("refuse it", () => stage.hears(Code.BundlePartial, true));
    expect(stage.device.state).toMatchObject({ sequence: 1, slot: "confirmed", failed: null });
  });

  it("that withholds one block is told as dropped requests, and the image is taken whole later", () => {
    const stage = new Stage();
    stage.device.cloud.tamper = (message) =>
      message.kind === "block" && message.what > 0 && message.offset === 4608 ? null : message;
    stage.offer(stage.release());
    stage.device.until("give up", () => stage.hears(Code.RequestsDropped, true));
    stage.device.advance(3_600_000);
    expect(stage.device.state).toMatchObject({ sequence: 1, slot: "confirmed", failed: null });
    stage.device.cloud.tamper = (message) => message;
    stage.runs(2);
    expect(stage.device.state.failed).toBeNull();
  });

  it("has a code of its own, and stands in SECURITY.md so", () => {
    expect(new Set(attacks.map(({ code }) => code)).size).toBe(attacks.length);
    const rows = tableRows(read("firmware/SECURITY.md"), "attack", "code", "name", "seen in");
    expect(rows).toEqual(
      attacks.map(({ name, code, seen }) => [name, `${code}`, errorTexts[code].name, seen]),
    );
  });
});
