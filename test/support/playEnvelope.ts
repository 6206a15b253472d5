/** Plays a fetched envelope on the device's own update code: what it is refused with, and what was written meanwhile. */
import type { Kit } from "../../firmware/core/kit.ts";
import update from "../../firmware/core/parts/update.ts";
import { Part } from "../../firmware/core/parts.ts";
import { IdAt } from "../../firmware/flash/identity.ts";
import { Rec } from "../../firmware/flash/journal.ts";
import { Code } from "../../firmware/protocol/errors.ts";
import { Msg } from "../../firmware/protocol/messages.ts";
import { nodeHal } from "./nodeHal.ts";
import { setBoard, testKit } from "./testKit.ts";

export interface Receiver {
  vendorId: Uint8Array;
  classId: Uint8Array;
  keys: readonly Uint8Array[];
  threshold: number;
  interpreter: string;
  /** the journal's slots record; default: release 1 in slot A */
  slots?: unknown;
}

/** Page 0 with what the profile reads of it. */
export function page0Of(receiver: Receiver): Uint8Array<ArrayBuffer> {
  const { vendorId, classId, keys, threshold } = receiver;
  const page = new Uint8Array(0x1000);
  page.set(vendorId, IdAt.Vendor);
  page.set(classId, IdAt.Class);
  page.set([1, 0, threshold, keys.length], IdAt.KeySet);
  for (const [i, key] of keys.entries()) page.set(key, IdAt.Keys + 48 * i);
  return page;
}

const image = [1, 10, 0, new Uint8Array(32), 1, 60, 0, null];
const defaultSlots = [0, image, null, 1, 1, 0, 0];

/** A kit over page 0 and records in memory. */
export function receiverKit(receiver: Receiver, records = new Map<number, unknown>()): Kit {
  records.set(Rec.Slots, receiver.slots ?? structuredClone(defaultSlots));
  return testKit(nodeHal(page0Of(receiver)), {
    get: (type) => structuredClone(records.get(type)) ?? null,
    put: (type, value) => void records.set(type, value),
  });
}

/** Runs what the interpreter would, as version `version`. */
export function asInterpreter<T>(version: string, run: () => T): T {
  const real = process.version;
  Object.defineProperty(process, "version", { value: version, configurable: true });
  try {
    return run();
  } finally {
    Object.defineProperty(process, "version", { value: real, configurable: true });
  }
}

const blockBytes = 512;

/** @returns code of the last EVENT, and how often flash or journal was written */
export function playEnvelope(
  receiver: Receiver,
  sequence: number,
  envelope: Uint8Array,
): { code: number; writes: number } {
  const pageBytes = 4096;
  setBoard({ blockBytes, pageBytes, slotBytes: 8192, slotA: 4096, slotB: 12288 });
  const later: (() => void)[] = [];
  const said: unknown[][] = [];
  let writes = 0;
  const k = receiverKit(receiver);
  const base = k.part;
  Object.assign(k, {
    part: (p: Part) =>
      p === Part.Client ? () => ({ say: (m: unknown[]) => said.push(m) }) : base(p),
    put: () => writes++,
  });
  Object.assign(k.h, {
    after: (fn: () => void, ms: number) => (ms < 100 ? later.push(fn) : 1),
    write: () => writes++,
    erase: () => writes++,
  });
  const client = { update: null, refusal: null, app: () => true };
  return asInterpreter(receiver.interpreter, () => {
    const one = update(k)(client as never, sequence, envelope.length);
    client.update = one as never;
    while (later.length) later.shift()!();
    // A refused release that keeps the client's place would be the last one of this start.
    if (codeOf(said) !== Code.Ok && client.update !== null) throw new Error("place not free");
    if (client.update === null) return { code: codeOf(said), writes };
    for (let at = 0; at < envelope.length; at += blockBytes) {
      const data = envelope.slice(at, at + blockBytes);
      one.block([Msg.Block, 0, sequence, at, envelope.length, data]);
      while (later.length) later.shift()!();
    }
    return { code: codeOf(said), writes };
  });
}

function codeOf(said: unknown[][]): number {
  const event = said.findLast((m) => m[0] === Msg.Event);
  return event ? (event[1] as number) : Code.Ok;
}
