/** The attacks on software updates that TUF and Uptane name, each played against the shipped texts on a simulated board. */
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { boards } from "../../boards/index.ts";
import { Code } from "../../firmware/protocol/errors.ts";
import { errorTexts } from "../../firmware/protocol/errorTexts.ts";
import { encodeManifest, type ManifestInput } from "../../firmware/protocol/host/suit.ts";
import type { Firmware } from "../../scripts/cli/build/firmware.ts";
import { SimulatedDevice } from "../../scripts/testkit/device.ts";
import {
  buildApp,
  type Release,
  type Workbench,
  workbenchOf,
} from "../../scripts/testkit/factory.ts";
import { read, tableRows } from "../tidy/files.ts";

const app = fileURLToPath(new URL("../../scripts/examples/button.ts", import.meta.url));
let firmware: Firmware;
beforeAll(async () => {
  firmware = await buildApp(boards.puckjs!, app);
});

const bytesOf = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));
const sha256 = (data: Uint8Array) => new Uint8Array(createHash("sha256").update(data).digest());

/** One claimed device that runs release 1, and all that an attacker has taken hold of: what its cloud says. */
class Stage {
  readonly bench: Workbench;
  readonly device: SimulatedDevice;
  /** as release 1, and what a good release 2 would be */
  readonly payload = bytesOf(firmware.imageText);

  constructor(desks = 1) {
    this.bench = workbenchOf(firmware, "puckjs", desks);
    this.device = new SimulatedDevice(this.bench, {});
    this.device.powerOn();
    this.device.claim();
  }

  manifest(changes: Partial<ManifestInput> = {}): Uint8Array {
    const { vendorId, classId } = this.bench.birth.identity;
    return encodeManifest({
      ...{ sequence: 2, floor: 1, vendorId, classId, interpreter: ["2v0", "9v99"] },
      ...{ digest: sha256(this.payload), sizeBytes: this.payload.length },
      ...changes,
    });
  }

  /** A release that the desk signed. */
  release(changes: Partial<ManifestInput> = {}): Release {
    const envelope = this.bench.sign(this.manifest(changes));
    return { sequence: changes.sequence ?? 2, envelope, payload: this.payload };
  }

  /** Lets the cloud offer something. */
  offer(release: Release): void {
    this.device.cloud.offer = release;
    this.device.cloud.nudge();
  }

  /** Codes that reached the cloud: by event, and in the newest check-in. */
  hears(code: Code): boolean {
    const { cloud } = this.device;
    return (
      cloud.reports.some((report) => report.code === code) &&
      cloud.checkIns.at(-1)?.info.refused?.code === code
    );
  }
}

interface Attack {
  name: string;
  code: Code;
  /** where the code is seen */
  seen: string;
  play(): Stage;
}
const refusal = "event, and refusal in check-ins";

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
      stage.device.until("confirm release 2", () => {
        return stage.device.checkIns.at(-1)!.info.floor === 2;
      });
      // A genuine envelope of before, served under a number that is new.
      const { envelope, payload } = stage.release({ sequence: 1 });
      stage.offer({ sequence: 3, envelope, payload });
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
];

describe("an attack on updates", () => {
  it.each(attacks)("$name is refused, and its code reaches the cloud", ({ code, play }) => {
    const stage = play();
    const { sequence } = stage.device.state;
    stage.device.until(`report code ${code}`, () => stage.hears(code));
    expect(stage.device.state).toMatchObject({ sequence, slot: "confirmed", failed: null });
  });

  it("that is none is an update, also where two desks have to sign", () => {
    const stage = new Stage(2);
    stage.offer(stage.release());
    stage.device.until("run release 2", () => stage.device.state.sequence === 2);
    expect(stage.device.checkIns.at(-1)!.info.refused).toBeNull();
  });

  it("has a code of its own, and stands in SECURITY.md so", () => {
    expect(new Set(attacks.map(({ code }) => code)).size).toBe(attacks.length);
    const rows = tableRows(read("firmware/SECURITY.md"), "attack", "code", "name", "seen in");
    expect(rows).toEqual(
      attacks.map(({ name, code, seen }) => [name, `${code}`, errorTexts[code].name, seen]),
    );
  });
});
