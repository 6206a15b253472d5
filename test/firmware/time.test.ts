/** Time of a device without a clock: SPEC.md "Time", sentence by sentence, on the device's own code. */
import { describe, expect, it } from "vitest";
import type { Kit } from "../../firmware/core/kit.ts";
import client, { type ClientState } from "../../firmware/core/parts/client.ts";
import frames from "../../firmware/core/parts/frames.ts";
import handshake from "../../firmware/core/parts/handshake.ts";
import orders from "../../firmware/core/parts/orders.ts";
import { Part } from "../../firmware/core/parts.ts";
import { IdAt } from "../../firmware/flash/identity.ts";
import { Rec } from "../../firmware/flash/journal.ts";
import { Code } from "../../firmware/protocol/errors.ts";
import { encodeChal, encodeChalBody } from "../../firmware/protocol/host/handshake.ts";
import { chalAgeMsMax } from "../../firmware/protocol/limits.ts";
import { Lifecycle, Msg } from "../../firmware/protocol/messages.ts";
import { nodeHal } from "../support/nodeHal.ts";
import { setBoard, testKit } from "../support/testKit.ts";

const day = 86_400;
const nowS = 1_800_000_000;
const deviceKey = new Uint8Array(32).fill(7);

/** A device at one start: its life record outlives it, nothing else does. */
function device(records: { life: number[] | null; puts: number }) {
  setBoard({ aes: true });
  const page0 = new Uint8Array(0x400);
  page0.set(deviceKey, IdAt.DeviceKey);
  const clock = { ms: 0 };
  const hal = { ...nodeHal(page0), ms: () => clock.ms };
  const parts: Partial<Record<Part, unknown>> = {};
  const k: Kit = testKit(hal, {
    serial: "PUCK-0001",
    get: (type: Rec) => (type === Rec.Life ? records.life : null),
    put(type: Rec, value: number[]) {
      if (type !== Rec.Life) throw new Error(`record ${type}`);
      records.life = [...value];
      records.puts++;
    },
    part: (part: Part) => parts[part],
  });
  Object.assign(parts, {
    [Part.Frames]: frames(k),
    [Part.Handshake]: handshake(k),
    [Part.Client]: client(k),
    [Part.Orders]: orders(k),
    [Part.Report]: () => [Msg.CheckIn, {}, {}, {}],
  });
  const sent: Uint8Array[] = [];
  const state = {
    ...{ app: () => null, frames: null, hello: null, hellos: 0, helloAtMs: -9e9, timer: null },
    ...{ update: null, life: records.life ?? [Lifecycle.Released, 0, 60], refusal: null },
    ...{ bad: 0, ok: 0, failed: 0, waiting: 0, send: (b: Uint8Array) => sent.push(b) > 0 },
  } as unknown as ClientState;
  const me = client(k)(state);
  const chal = (timeS: number) => {
    const nc = new Uint8Array(16);
    const body = encodeChalBody({ nc, timeS, state: Lifecycle.Operating });
    return encodeChal(deviceKey, sent.at(-1)!, body);
  };
  return {
    ...{ state, clock, sent, chal },
    hello: () => me.hello(),
    hear: (bytes: Uint8Array) => me.received(bytes),
    reply: (timeS: number, checkInS = 60) => orders(k)(state, [Msg.Reply, timeS, checkInS, null]),
    /** what the device answers to a CHAL of this time: "prove", or the code it refuses it by */
    judge(timeS: number) {
      const hello = handshake(k).hello(1);
      sent.push(hello[0]);
      const message = k.decode(chal(timeS));
      try {
        return handshake(k).prove(hello, message, () => new Uint8Array(1)).prove[1] && "prove";
      } catch (code) {
        return code;
      }
    },
  };
}
const fresh = (life: number[] | null = null) => ({ life, puts: 0 });
const floorOf = (records: { life: number[] | null }) => records.life?.[1] ?? 0;

describe("a device without a clock", () => {
  it("takes any time from a CHAL that proves itself while it has never had one", () => {
    expect(device(fresh()).judge(1)).toBe("prove");
  });
  it("takes no time from plain messages, whatever they say", () => {
    const records = fresh([Lifecycle.Operating, nowS, 60]);
    const one = device(records);
    const plain = [
      Uint8Array.of(0x83, Msg.Refused, Code.RateLimited, 5),
      Uint8Array.of(0x81, Msg.HelloWanted),
      Uint8Array.of(0x82, Msg.ReceiptAck, 0x40),
      new Uint8Array([0x84, Msg.Reply, 0x1a, 0xff, 0xff, 0xff, 0xff, 1, 0xf6]),
      new Uint8Array(40).fill(0x82),
    ];
    for (const bytes of plain) one.hear(bytes);
    one.hello();
    const forged = one.chal(nowS + 5 * day);
    forged[forged.length - 1]! ^= 1;
    one.hear(forged);
    expect([records.puts, floorOf(records), one.state.life[1]]).toEqual([0, nowS, nowS]);
    expect(one.state.frames).toBeNull();
  });
  it("writes nothing for a CHAL: only a REPLY raises the floor", () => {
    const records = fresh([Lifecycle.Operating, nowS, 60]);
    const one = device(records);
    one.hello();
    one.hear(one.chal(nowS + 5 * day));
    expect(one.state.frames).not.toBeNull();
    expect(records.puts).toBe(0);
    one.reply(nowS + 5 * day);
    expect([records.puts, floorOf(records)]).toEqual([1, nowS + 5 * day]);
  });
  it("refuses a CHAL that came more than ten seconds of its own uptime after the HELLO", () => {
    const one = device(fresh());
    one.hello();
    one.clock.ms += chalAgeMsMax + 1;
    one.hear(one.chal(nowS));
    expect([one.state.frames, one.state.bad, one.sent.length]).toEqual([null, 1, 1]);
    one.hello();
    one.clock.ms += chalAgeMsMax;
    one.hear(one.chal(nowS));
    expect(one.state.frames).not.toBeNull();
  });
  it("refuses a CHAL from before its floor and takes one of the very second", () => {
    const one = device(fresh([Lifecycle.Operating, nowS, 60]));
    expect(one.judge(nowS - 1)).toBe(Code.TimeBelowFloor);
    expect(one.judge(nowS)).toBe("prove");
  });
  it("keeps its floor over a battery swap", () => {
    const records = fresh([Lifecycle.Operating, nowS - 10 * day, 60]);
    device(records).reply(nowS);
    expect(device(records).judge(nowS - 1)).toBe(Code.TimeBelowFloor);
  });
  it("writes its floor at most once a day, however often it checks in", () => {
    const records = fresh([Lifecycle.Operating, nowS, 60]);
    const one = device(records);
    for (let s = 60; s <= 10 * day; s += 60) one.reply(nowS + s);
    expect(records.puts).toBe(9);
    expect(nowS + 10 * day - floorOf(records)).toBeLessThanOrEqual(day);
  });
  it("never lowers its floor, also when an agent whose clock went back changes the check-in interval", () => {
    const records = fresh([Lifecycle.Operating, nowS, 60]);
    device(records).reply(nowS - 5 * day, 300);
    expect(records.life?.slice(0, 3)).toEqual([Lifecycle.Operating, nowS, 300]);
  });
  it("goes on within its session when the agent's clock goes back, and writes nothing", () => {
    const records = fresh([Lifecycle.Operating, nowS, 60]);
    const one = device(records);
    one.reply(nowS - 5 * day);
    expect([records.puts, one.state.waiting, one.state.timer]).toEqual([0, 0, null]);
  });
});
