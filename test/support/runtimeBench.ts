import type { ClientState } from "../../firmware/core/parts/client.ts";
import state from "../../firmware/core/parts/state.ts";
import { Part } from "../../firmware/core/parts.ts";
import { Rec } from "../../firmware/flash/journal.ts";
import { Msg, SlotState } from "../../firmware/protocol/messages.ts";
import type { App, Device } from "../../firmware/runtime/app.ts";
import runtime from "../../firmware/runtime/main.ts";
import command from "../../firmware/runtime/parts/command.ts";
import keys from "../../firmware/runtime/parts/keys.ts";
import orders from "../../firmware/runtime/parts/orders.ts";
import settings from "../../firmware/runtime/parts/settings.ts";
import trial from "../../firmware/runtime/parts/trial.ts";
import unpack from "../../firmware/runtime/parts/unpack.ts";
import vitals from "../../firmware/runtime/parts/vitals.ts";
import { nodeHal } from "./nodeHal.ts";
import { setBoard, testKit } from "./testKit.ts";

/** The runtime as plain TypeScript on a kit without a core, with time set by hand. */
export interface RuntimeBench {
  records: Map<number, unknown>;
  device: Device;
  client: ClientState;
  /** codes of restarts */
  restarts: number[];
  checkIns: number;
  /** messages that the runtime said itself */
  said: unknown[][];
  slotState(): SlotState;
  /** [vitals, metrics], and the info map with what the runtime added */
  report(): { vitals: Record<number, unknown>; metrics: unknown; info: Record<number, unknown> };
  advance(ms: number): void;
  /** the agent answers a check-in at its time */
  reply(timeS?: number): void;
  order(message: unknown[]): void;
}

/** The slot parts by their ids; in the bench's image each is one digit. */
const slotParts = [vitals, unpack, trial, settings, keys, orders, command];
const image = `${slotParts.map((_, id) => id).join("")}\0`;
const slotPartPlaces = [...image].map((_, i) => image.length - i);

interface Timer {
  atMs: number;
  everyMs: number;
  fn(): void;
}

/** Starts an app. @param given.minutes left of a trial; 0 = the image is confirmed */
export function startRuntime(
  app: Partial<App>,
  given: {
    minutes?: number;
    limits?: unknown;
    life?: number[];
    settings?: unknown;
    batteryMv?: number;
    records?: Map<number, unknown>;
  } = {},
): RuntimeBench {
  const minutes = given.minutes ?? 0;
  const timers: Timer[] = [];
  let ms = 0;
  const slot = (sequence: number) => {
    const digest = new Uint8Array(32).fill(sequence);
    return [sequence, 100, 0, digest, 0, 60, 0, given.limits ?? null];
  };
  const records =
    given.records ??
    new Map<number, unknown>([
      [Rec.Slots, [1, slot(1), slot(2), 0, 1, minutes ? 1 : 0, minutes]],
      [Rec.Settings, given.settings ?? null],
    ]);
  records.set(Rec.Life, given.life ?? [3, 1000, 10, 0]);
  const bench = {
    records,
    restarts: [] as number[],
    checkIns: 0,
    said: [] as unknown[][],
  } as RuntimeBench;
  const h = nodeHal();
  h.ms = () => ms;
  h.after = (fn, wait) => timers.push({ atMs: ms + wait, everyMs: 0, fn });
  h.every = (fn, wait) => timers.push({ atMs: ms + wait, everyMs: wait, fn });
  const client = { life: records.get(Rec.Life), ok: 0, failed: 0 } as unknown as ClientState;
  bench.client = client;
  h.run = (text) => slotParts[+text];
  setBoard({
    slotParts: slotPartPlaces,
    slotBytes: 8192,
    batteryMv: given.batteryMv,
    probe: false,
  });
  const k = testKit(h, {
    serial: "TEST-0001",
    image,
    log: "",
    state: minutes ? SlotState.Trial : SlotState.Confirmed,
    get: (type) => structuredClone(records.get(type) ?? null),
    put: (type, value) => void records.set(type, structuredClone(value)),
    restart: (code) => void bench.restarts.push(code),
  });
  const plain = k.part;
  k.part = (part) => {
    if (part === Part.State) return state(k);
    if (part === Part.Client) {
      const say = (message: unknown[]) => void bench.said.push(message);
      return () => ({ say, checkIn: () => bench.checkIns++ });
    }
    if (part !== Part.Connect) return plain(part);
    return (hook: ClientState["app"]) => {
      client.app = hook;
      return client;
    };
  };
  bench.slotState = () => k.state;
  bench.report = () => {
    const info: Record<number, unknown> = {};
    const [vitals, metrics] = client.app(0, client, info);
    return { vitals, metrics, info };
  };
  bench.advance = (span) => {
    const end = ms + span;
    for (;;) {
      const due = timers.filter((t) => t.atMs <= end).sort((a, b) => a.atMs - b.atMs)[0];
      if (!due || bench.restarts.length > 0) break;
      ms = due.atMs;
      if (due.everyMs) due.atMs += due.everyMs;
      else timers.splice(timers.indexOf(due), 1);
      due.fn();
    }
    ms = end;
  };
  bench.reply = (timeS = 2000) => {
    client.ok++;
    client.app(1, client, [Msg.Reply, timeS, client.life[2], null]);
  };
  bench.order = (message) => client.app(3, client, message);
  runtime(k, () => ({
    regions: [],
    ...app,
    start(device) {
      bench.device = device;
      app.start?.(device);
    },
  }));
  return bench;
}
