/** What stands next to the attacks of attacks.test.ts and is none: slow links, lost answers, long silence. */
import { beforeAll, describe, expect, it } from "vitest";
import { Code } from "../../firmware/protocol/errors.ts";
import { sequenceJumpMax } from "../../firmware/protocol/limits.ts";
import { buildStage, never, Stage } from "../support/attackStage.ts";

beforeAll(buildStage);

describe("what is within the bounds of the attack table", () => {
  const codes = ({ device }: Stage) => device.cloud.reports.map(({ code }) => code);

  it("a jump of ten million is taken, and so is a release after it", () => {
    const stage = new Stage();
    const sequence = 1 + sequenceJumpMax;
    stage.offer(stage.release({ sequence }));
    stage.runs(sequence);
    stage.offer(stage.release({ sequence: sequence + 1 }));
    stage.runs(sequence + 1);
  });

  it("a release after a refused jump is taken", () => {
    const stage = new Stage();
    stage.offer(stage.release({ sequence: 0xffff_ffff }));
    stage.device.until("refuse it", () => stage.hears(Code.SequenceTooFar, true));
    stage.offer(stage.release());
    stage.runs(2);
  });

  it("a link that loses four of five answers is slow, and the update comes in one go", () => {
    const stage = new Stage();
    stage.slow("block", 4);
    stage.offer(stage.fullRelease());
    stage.runs(2);
    expect(codes(stage)).toEqual([Code.UpdateStarted, Code.UpdateInstalled]);
  });

  it("a retrieval that was ended as slow goes on at its checkpoint, and ends by itself", () => {
    const stage = new Stage();
    stage.slow("block", 6);
    stage.offer(stage.fullRelease());
    stage.device.until("end it", () => stage.hears(Code.RetrievalSlow, true));
    const info = stage.device.checkIns.at(-1)!.info;
    expect(info.download).toEqual({ sequence: 2, bytesDone: 4096, sizeBytes: 8192 });
    const sinceMs = stage.device.nowMs;
    stage.runs(2);
    expect(stage.device.nowMs - sinceMs).toBeLessThan(12 * 60_000);
    expect(codes(stage)).toEqual([Code.UpdateStarted, Code.RetrievalSlow, Code.UpdateInstalled]);
    expect(stage.device.checkIns.at(-1)!.info.refused).toBeNull();
  });

  it("ends a slow retrieval after ten minutes of waiting", () => {
    const stage = new Stage();
    stage.slow("block", 6);
    stage.offer(stage.fullRelease());
    stage.device.until("begin", () => codes(stage).includes(Code.UpdateStarted));
    const sinceMs = stage.device.nowMs;
    stage.device.until("end it", () => codes(stage).includes(Code.RetrievalSlow));
    const minutes = (stage.device.nowMs - sinceMs) / 60_000;
    expect(minutes).toBeGreaterThan(9.5);
    expect(minutes).toBeLessThan(11);
  });

  it("an answer that there is no such release ends the retrieval at once, and is no dropped request", () => {
    const stage = new Stage();
    let asked = 0;
    stage.device.cloud.tamper = (message) => {
      if (message.kind !== "block") return message;
      asked++;
      const { what, sequence } = message;
      return { kind: "no", code: Code.ReleaseNotFound, what, sequence };
    };
    stage.offer(stage.release());
    stage.device.advance(50_000);
    expect(asked).toBe(1);
    expect(codes(stage)).toEqual([]);
    stage.device.cloud.tamper = (message) => message;
    stage.runs(2);
  });

  it("six lost answers in a row are no attack, seven are told, and the next check-in goes on", () => {
    const stage = new Stage();
    stage.slow("block", 6);
    stage.offer(stage.release());
    stage.runs(2);
    expect(codes(stage)).not.toContain(Code.RequestsDropped);
    stage.slow("block", 7);
    stage.offer(stage.release({ sequence: 3 }));
    stage.device.until("give up", () => stage.hears(Code.RequestsDropped, true));
    stage.slow("block", 0);
    stage.runs(3);
    expect(stage.device.checkIns.at(-1)!.info.refused).toBeNull();
  });

  it("seven check-ins without an answer are not told, and an answer begins the count anew", () => {
    const stage = new Stage();
    const { device } = stage;
    for (let turn = 0; turn < 2; turn++) {
      const before = device.checkIns.length;
      device.cloud.tamper = never("reply");
      device.until("check in seven times", () => device.checkIns.length >= before + 7);
      device.cloud.tamper = (message) => message;
      device.advance(400_000);
      expect(device.checkIns.map(({ info }) => info.refused)).not.toContainEqual(
        expect.objectContaining({ code: Code.Frozen }),
      );
    }
  });

  it("a device that was cut off both ways tells it at its first contact, and only until it is answered", () => {
    const stage = new Stage();
    const { device } = stage;
    device.cloud.isReachable = false;
    device.advance(45 * 60_000);
    const silentFrom = device.checkIns.length;
    device.cloud.isReachable = true;
    device.until("come back", () => device.checkIns.length > silentFrom + 1);
    const told = device.checkIns.slice(silentFrom).map(({ info }) => info.refused);
    expect(told[0]).toEqual({ sequence: 0, code: Code.Frozen });
    expect(told[1]).toBeNull();
  });

  it("the longer the interval, the more check-ins may stay unanswered", () => {
    const stage = new Stage();
    const { device } = stage;
    device.cloud.checkInS = 600;
    device.advance(120_000);
    const before = device.checkIns.length;
    device.cloud.tamper = never("reply");
    device.until("tell of it", () => stage.hears(Code.Frozen, false), 86_400_000);
    // 5 and one for each 25 s are 29 that may stay unanswered; the one after the thirtieth tells.
    expect(device.checkIns.length - before).toBe(31);
  });
});
