/** What a device remembers of images that failed, and orders that overrule it: the parts as plain TypeScript. */
import { beforeEach, expect, it } from "vitest";
import type { Kit } from "../../firmware/core/kit.ts";
import type { ClientState } from "../../firmware/core/parts/client.ts";
import overrule from "../../firmware/core/parts/overrule.ts";
import report from "../../firmware/core/parts/report.ts";
import state from "../../firmware/core/parts/state.ts";
import update from "../../firmware/core/parts/update.ts";
import { Part } from "../../firmware/core/parts.ts";
import { Rec } from "../../firmware/flash/journal.ts";
import { Code } from "../../firmware/protocol/errors.ts";
import { Msg, SlotState } from "../../firmware/protocol/messages.ts";
import { nodeHal } from "../support/nodeHal.ts";
import { setBoard, testKit } from "../support/testKit.ts";

let records: Map<number, unknown>;
let said: unknown[][];
let asked: unknown[];
let k: Kit;
let c: ClientState;
const digest = (n: number) => new Uint8Array(32).fill(n);
const id = (n: number) => new Uint8Array(8).fill(n);
const slot = (n: number, limits: unknown = null) => [n, 100, 0, digest(n), 0, 60, 0, limits];

beforeEach(() => {
  setBoard({ blockBytes: 256, slotA: 4096, slotB: 12_288, slotBytes: 8192, cable: false });
  records = new Map([[Rec.Slots, [0, slot(1), null, 0, 1, 0, 0]]]);
  said = [];
  asked = [];
  const h = nodeHal();
  // What is put off for a moment happens at once; nobody waits for an answer that does not come.
  h.after = (fn, ms) => (ms > 1 ? null : fn());
  k = testKit(h, {
    state: SlotState.Confirmed,
    log: "",
    get: (type) => structuredClone(records.get(type) ?? null),
    put: (type, value) => void records.set(type, structuredClone(value)),
  });
  const plain = k.part;
  k.part = (part) =>
    part === Part.Client ? () => ({ say: (m: unknown[]) => void said.push(m) }) : plain(part);
  const app = (...given: unknown[]) => void asked.push(given);
  c = { app, life: [3, 0, 60, 0] } as unknown as ClientState;
});

/** The image n is the active one and fails. */
function fail(n: number, code = Code.TrialCrashed): void {
  records.set(Rec.Slots, [1, slot(1), slot(n), 0, 1, 1, 30]);
  state(k).leave(code, "");
}
/** The code by which the image n is refused, undefined when its download begins. */
function refused(n: number): unknown {
  c.refusal = null;
  const plan = [100 + n, 600, digest(n), 0, 60, 0, null, 0, null];
  update(k)(c, 100 + n, 500, plan as never);
  records.delete(Rec.Download);
  return c.refusal?.[1];
}
const poison = () => [...(((records.get(Rec.Failed) as unknown[])[7] as Uint8Array) || [])];
const clear = (n: number) => overrule(k)(c, [Msg.ClearPoison, 9, id(n)]);

it("the last four images that failed are refused, the one before them is not", () => {
  for (const n of [11, 12, 13, 14, 15]) fail(n);
  expect(poison()).toEqual([15, 14, 13, 12].flatMap((n) => [...id(n)]));
  for (const n of [12, 13, 14, 15]) expect(refused(n)).toBe(Code.ImagePoisoned);
  expect(refused(11)).toBeUndefined();
  expect(refused(16)).toBeUndefined();
});

it("a slot that lost its bits is told of, and is no poison; what was before stays", () => {
  fail(11);
  fail(12, Code.SlotCrc);
  expect((records.get(Rec.Failed) as number[])[2]).toBe(Code.SlotCrc);
  expect([refused(11), refused(12)]).toEqual([Code.ImagePoisoned, undefined]);
});

it("an order clears one image, and its reason when it failed last; it may come twice", () => {
  fail(11);
  fail(12);
  clear(11);
  clear(11);
  expect(said).toEqual([
    [Msg.OrderResult, 9, Code.Ok],
    [Msg.OrderResult, 9, Code.Ok],
  ]);
  expect([refused(11), refused(12)]).toEqual([undefined, Code.ImagePoisoned]);
  expect((records.get(Rec.Failed) as number[])[0]).toBe(12);
  clear(12);
  expect([refused(12), (records.get(Rec.Failed) as number[])[0], poison()]).toEqual([
    ...[undefined, 0, []],
  ]);
});

it("an order that clears an image writes nothing on a device on which none failed", () => {
  clear(11);
  expect([said.length, records.has(Rec.Failed)]).toEqual([1, false]);
});

it.each([
  ["on trial with that number", 1, 7, SlotState.Trial, null],
  ["confirmed already", 0, 7, SlotState.Confirmed, Code.Ok],
  ["on trial with another number", 1, 6, SlotState.Trial, Code.NothingToConfirm],
  ["installed and not started yet", 1, 7, SlotState.Confirmed, Code.NothingToConfirm],
])("an order to confirm release 7 on a device that has one %s", (_, trial, n, stands, answer) => {
  records.set(Rec.Slots, [1, slot(1), slot(n), 0, 1, trial, 30]);
  k.state = stands;
  overrule(k)(c, [Msg.Confirm, 9, 7]);
  // Judging is the runtime's: the effect answers.
  expect(asked).toEqual(answer === null ? [[7, c, 2]] : []);
  expect(said).toEqual(answer === null ? [] : [[Msg.OrderResult, 9, answer]]);
});

it("a check-in tells the minutes left for the field only on trial, and poison where there is some", () => {
  const info = () => (report(k)(c) as [number, Record<number, unknown>])[1];
  expect([info()[20], info()[24]]).toEqual([undefined, undefined]);
  fail(11);
  records.set(Rec.Slots, [1, slot(1), slot(7, { 12: [1, null] }), 0, 1, 1, 30]);
  k.state = SlotState.Trial;
  expect([info()[20], info()[24]]).toEqual([30, id(11)]);
  k.state = SlotState.Confirmed;
  expect(info()[20]).toBeUndefined();
});
