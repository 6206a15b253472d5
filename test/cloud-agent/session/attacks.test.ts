/** What the agent makes of the codes by which a device tells of an attack (test/firmware/attacks.test.ts plays them). */
import { beforeEach, describe, expect, it } from "vitest";
import { whyNotUpdated } from "../../../cloud-agent/core/why/why.ts";
import { deviceView } from "../../../cloud-agent/http/views.ts";
import { Code } from "../../../firmware/protocol/errors.ts";
import type { HostDevice } from "../../../firmware/protocol/host/hostDevice.ts";
import { type DeviceBench, messageOf, openDeviceBench } from "../../support/deviceBench.ts";

let bench: DeviceBench;
let device: HostDevice;
const serial = "PUCK-0001";
beforeEach(async () => {
  bench = await openDeviceBench();
  device = await bench.device(serial);
  await bench.claim(serial);
  const grant = messageOf(await bench.shakeHands(device), "grant");
  await bench.say(device, device.seal(device.accept(grant)));
  await bench.shakeHands(device);
});

const checkIn = () => bench.say(device, device.seal(device.checkIn()));
const report = (code: Code, sequence = 7) =>
  bench.say(device, device.seal({ kind: "event", code, sequence, detail: 0, text: "" }));
const frozen = { sequence: 0, code: Code.Frozen };

describe("a refusal that a device reports at once", () => {
  it.each([
    ...[Code.ManifestTooLarge, Code.ManifestSignature, Code.WrongClass, Code.SequenceBelowFloor],
    ...[Code.ImageDigest, Code.WrongSlot, Code.ThresholdMissed, Code.TicketFloor],
    ...[Code.SequenceTooFar, Code.DependencyUnknown, Code.RequestsDropped, Code.RetrievalSlow],
    Code.BundlePartial,
  ])("by code %i is in its record and one event, also when a check-in repeats it", async (code) => {
    await report(code);
    expect((await bench.record(serial)).refused).toEqual({ sequence: 7, code });
    device.info.refused = { sequence: 7, code };
    await checkIn();
    await report(code);
    const events = await bench.events("updateRefused", serial);
    expect(events.map((event) => [event.sequence, event.code])).toEqual([[7, code]]);
  });

  it.each([Code.UpdateDeferred, Code.KeySetVersion, Code.KeySetTaken, Code.UpdateFellBack])(
    "is none by code %i",
    async (code) => {
      await report(code);
      expect((await bench.record(serial)).refused).toBeNull();
      expect(await bench.events("updateRefused", serial)).toEqual([]);
    },
  );
});

describe("a device whose check-ins stayed unanswered", () => {
  it("is told of by one event, and shown so until it checks in without it", async () => {
    device.info.refused = frozen;
    await checkIn();
    await checkIn();
    expect(deviceView(await bench.record(serial), bench.nowMs)).toMatchObject({
      isFrozen: true,
      refused: null,
    });
    const events = await bench.events("checkInsUnanswered", serial);
    expect(events.map(({ code }) => code)).toEqual([Code.Frozen]);
    expect(await bench.events("updateRefused", serial)).toEqual([]);
    device.info.refused = null;
    await checkIn();
    expect(deviceView(await bench.record(serial), bench.nowMs).isFrozen).toBe(false);
    device.info.refused = frozen;
    await checkIn();
    expect(await bench.events("checkInsUnanswered", serial)).toHaveLength(2);
  });

  it("keeps what it refused before, because it tells one thing at a time", async () => {
    await report(Code.ManifestSignature);
    device.info.refused = frozen;
    await checkIn();
    expect((await bench.record(serial)).refused).toEqual({
      ...{ sequence: 7, code: Code.ManifestSignature },
    });
  });

  it("has it among the facts of why it does not run a release", async () => {
    const facts = async () => {
      const record = await bench.record(serial);
      const answer = whyNotUpdated(serial, 7, [], record, [], null, bench.nowMs);
      return answer.facts.map(({ text }) => text).join("\n");
    };
    await checkIn();
    expect(await facts()).not.toContain("unanswered");
    device.info.refused = frozen;
    await checkIn();
    expect(await facts()).toContain("those before it had stayed unanswered");
  });
});
