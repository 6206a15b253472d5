/** One device: the firmware of its board over records in memory, and the nature that the field gave it. */
import type { Kit } from "../../firmware/core/kit.ts";
import { Part } from "../../firmware/core/parts.ts";
import { noSlots, type SlotRecord, type SlotsRecord, slotIn } from "../../firmware/core/slots.ts";
import { cut, same } from "../../firmware/crypto/hmac.ts";
import { Rec } from "../../firmware/flash/journal.ts";
import { Code } from "../../firmware/protocol/errors.ts";
import { failTextCharsMax } from "../../firmware/protocol/limits.ts";
import { Lifecycle, ResetReason, SlotState } from "../../firmware/protocol/messages.ts";
import type { App } from "../../firmware/runtime/app.ts";
import type { BoardWorld } from "./boardWorld.ts";
import { Cell } from "./cell.ts";
import type { Nature } from "./nature.ts";
import type { Entry, EventQueue } from "./queue.ts";
import { SlotMemory } from "./slotMemory.ts";
import { dayMs, hourMs, minuteMs } from "./times.ts";

/** Time from a reset to the first line of the app: interpreter's start and the check of the slot. */
const bootMs = 1_500;
/** After this long without a trial the minute's turn only reads vitals, as each check-in does: it comes every six hours. */
const quietMs = 10 * minuteMs;
const quietPauseMs = 6 * hourMs;
const watchdogMs = 20_000;

/** Ends what runs on the device: nothing after a reset is reached. */
const halted = Symbol("halted");

/** What the device is told to be at the start. */
export interface Beginning {
  sequence: number;
  digest: Uint8Array;
  payload: Uint8Array;
  checkInS: number;
  nowMs: number;
}

export class Device {
  readonly serial: string;
  readonly world: BoardWorld;
  readonly nature: Nature;
  readonly queue: EventQueue;
  readonly cell: Cell;
  readonly slots: SlotMemory;
  chipReason: ResetReason = ResetReason.PowerOn;
  isOn = false;
  /** gone for good, by nature */
  isVanished = false;
  starts = 0;
  /** awake for updates, ms */
  busyMs = 0;
  bytesUp = 0;
  bytesDown = 0;
  readonly #records: unknown[] = [];
  readonly #uplink: (device: Device, message: unknown[]) => void;
  #kit!: Kit;
  #life = 0;
  #bootedMs = 0;
  #lostFromMs = Number.POSITIVE_INFINITY;
  #received: ((message: unknown[]) => void) | null = null;
  #updateBegunMs: number | null = null;

  constructor(
    serial: string,
    world: BoardWorld,
    nature: Nature,
    queue: EventQueue,
    {
      uplink,
      payloads,
      beginning,
    }: {
      uplink(device: Device, message: unknown[]): void;
      payloads: Map<string, Uint8Array>;
      beginning: Beginning;
    },
  ) {
    const { sequence, digest, payload, checkInS, nowMs } = beginning;
    this.serial = serial;
    this.world = world;
    this.nature = nature;
    this.queue = queue;
    this.cell = new Cell(nature, nowMs);
    this.#uplink = uplink;
    this.slots = new SlotMemory(world.board, payload, payloads);
    const crc = world.hal.crc(payload) >>> 0;
    const slot: SlotRecord = [sequence, payload.length, crc, digest, 0, 60, 0, null];
    this.#records[Rec.Slots] = [0, slot, null, 0, 1, 0, 0];
    this.#records[Rec.Life] = [Lifecycle.Operating, Math.floor(nowMs / 1000), checkInS, 0];
  }

  /** Release that it would start, 0 for none. */
  get sequence(): number {
    const slots = this.#records[Rec.Slots] as ReturnType<typeof noSlots>;
    return slotIn(slots)?.[0] ?? 0;
  }

  get state(): SlotState {
    // One that was never awake has none.
    return (this.#kit as Kit | undefined)?.state ?? SlotState.Recovery;
  }

  /** Whether its messages can reach the agent now. */
  get isHeard(): boolean {
    const { nowMs } = this.queue;
    return this.isOn && nowMs < this.#lostFromMs && !this.nature.site.isDown(nowMs);
  }

  /** True when the release took its network away. */
  isCutOff(nowMs: number): boolean {
    return this.isOn && nowMs >= this.#lostFromMs;
  }

  /** True when the trial has had more than its time, an hour of uptime and ten starts. */
  trialIsOverdue(nowMs: number): boolean {
    return this.isOn && nowMs - this.#bootedMs > 2 * hourMs;
  }

  // Life of the hardware

  start(reason: ResetReason): void {
    if (this.isVanished || this.cell.isEmpty) return;
    const { firmware } = this.world;
    this.#life++;
    this.starts++;
    this.isOn = true;
    this.chipReason = reason;
    this.#bootedMs = this.queue.nowMs;
    this.#received = null;
    this.#lostFromMs = Number.POSITIVE_INFINITY;
    const kit = this.#makeKit();
    this.#kit = kit;
    this.#turn(() => {
      firmware.decideBoot(kit);
      if (kit.image) firmware.main(kit, () => this.#app());
      else kit.part(Part.Recovery);
    });
    this.#scheduleCrash();
  }

  stop(): void {
    this.#life++;
    this.isOn = false;
  }

  powerCut(offMs: number): void {
    if (!this.isOn) return;
    this.stop();
    this.queue.at(this.queue.nowMs + offMs, () => this.start(ResetReason.PowerOn));
  }

  vanish(): void {
    this.stop();
    this.isVanished = true;
  }

  /** A message from the agent arrives. */
  deliver(message: unknown[]): void {
    const received = this.#received;
    if (this.isHeard && received !== null) this.#turn(() => received(message));
  }

  // What the HAL asks for

  ms(): number {
    return (this.queue.nowMs - this.#bootedMs) * this.nature.clockRate;
  }

  after(fn: () => void, ms: number): Entry {
    const life = this.#life;
    return this.queue.at(this.queue.nowMs + ms / this.nature.clockRate, () => {
      if (life === this.#life) this.#turn(fn);
    });
  }

  every(fn: () => void, ms: number): Entry {
    const life = this.#life;
    const turn = (): void => {
      if (life !== this.#life) return;
      this.#turn(fn);
      if (life === this.#life) this.after(turn, this.#pause(ms));
    };
    return this.after(turn, ms);
  }

  link(): (received: (message: unknown[]) => void, ready: () => void) => (m: unknown[]) => void {
    return (received, ready) => {
      this.#received = received;
      this.after(ready, this.nature.joinMs);
      return (message) => this.#uplink(this, message);
    };
  }

  reboot(): never {
    const isIntoUpdate = this.#updateBegunMs !== null;
    if (isIntoUpdate) this.#endUpdate();
    this.stop();
    this.queue.at(this.queue.nowMs + bootMs, () => this.start(ResetReason.Software));
    throw halted;
  }

  batteryMv(): number {
    return this.cell.millivolts(this.queue.nowMs);
  }

  temperatureDeciC(): number {
    const { site, swingK } = this.nature;
    return Math.round((20 + site.temperatureK(this.queue.nowMs, swingK)) * 10);
  }

  memoryUsed(): number {
    const { memoryLevel, memoryTrend, planted, dice } = this.nature;
    const hours = (this.queue.nowMs - this.#bootedMs) / hourMs;
    const leak = this.#runsNew() ? (planted.leak ?? 0) : 0;
    const grown = memoryTrend * Math.min(hours / 24, 7) + leak * hours;
    return Math.min(999, Math.max(1, Math.round(memoryLevel + grown + 12 * dice.normal())));
  }

  // Parts of it

  #turn(fn: () => void): void {
    this.world.device = this;
    try {
      this.cell.use(this.queue.nowMs, this.#runsNew() ? (this.nature.planted.drain ?? 1) : 1);
      if (this.cell.isEmpty) {
        this.#die();
        return;
      }
      fn();
    } catch (error) {
      if (error === halted) return;
      this.#turn(() => this.#kit.crash(Code.TrialCrashed, `${error}`));
    }
  }

  /** Its cell is empty; somebody changes it after some days. */
  #die(): void {
    this.stop();
    const { dice } = this.nature;
    this.queue.at(this.queue.nowMs + dice.exponential(3 * dayMs), () => {
      this.cell.change(this.queue.nowMs);
      this.start(ResetReason.PowerOn);
    });
  }

  #runsNew(): boolean {
    return this.sequence === this.nature.newSequence && this.#kit?.state !== SlotState.Recovery;
  }

  #pause(ms: number): number {
    const isQuiet = this.#kit.state !== SlotState.Trial && this.ms() > quietMs;
    return isQuiet ? quietPauseMs : ms;
  }

  #app(): App {
    const { planted, newSequence } = this.nature;
    const isBad = this.sequence === newSequence;
    return {
      metrics: [],
      regions: [],
      start: () => {
        if (isBad && planted.bootCrash) throw new Error("planted: start() throws");
      },
      healthy: () => (isBad && planted.unhealthy ? "planted: not well" : true),
    };
  }

  /** What will go wrong in this run, of its nature or by the planted defect. */
  #scheduleCrash(): void {
    const { dice, crashesPerDay, planted } = this.nature;
    const { nowMs } = this.queue;
    const life = this.#life;
    const at = (ms: number, run: () => void) =>
      this.queue.at(nowMs + ms, () => {
        if (life === this.#life) run();
      });
    const isNew = this.#runsNew();
    const perDay = crashesPerDay + (isNew ? (planted.crashes ?? 0) : 0);
    if (perDay > 0) at(dice.exponential(dayMs / perDay), () => this.#crash("a defect of the app"));
    if (!isNew) return;
    if (planted.leak) {
      const left = Math.max(0, 990 - this.nature.memoryLevel);
      at((left / planted.leak) * hourMs, () => this.#crash("out of memory"));
    }
    if (planted.lost === this.world.board.id) {
      this.#lostFromMs = nowMs + dice.exponential(12 * hourMs);
    }
    if (planted.hang) at(3_000, () => this.#reset(watchdogMs, ResetReason.Watchdog));
    if (planted.brownOut) at(500, () => this.#reset(2_000, ResetReason.BrownOut));
  }

  #crash(text: string): void {
    this.#turn(() => this.#kit.crash(Code.TrialCrashed, text));
  }

  #reset(offMs: number, reason: ResetReason): void {
    this.stop();
    this.queue.at(this.queue.nowMs + offMs, () => this.start(reason));
  }

  #get(type: Rec): unknown {
    const value = this.#records[type] ?? (type === Rec.Slots ? noSlots() : null);
    return Array.isArray(value) ? value.slice() : value;
  }

  #put(type: Rec, value: unknown): void {
    this.#records[type] = Array.isArray(value) ? value.slice() : value;
    if (type === Rec.Download) this.#noteDownload(value !== null);
    if (type === Rec.Slots) this.slots.share(this.#get(type) as SlotsRecord);
  }

  #noteDownload(isUnderWay: boolean): void {
    if (isUnderWay) this.#updateBegunMs ??= this.queue.nowMs;
  }

  #endUpdate(): void {
    const begunMs = this.#updateBegunMs;
    if (begunMs === null || this.#records[Rec.Download]) return;
    this.busyMs += this.queue.nowMs - begunMs;
    this.#updateBegunMs = null;
  }

  #makeKit(): Kit {
    const { hal, standIns, firmware } = this.world;
    const end = (code: Code, text: string, fails: number) => {
      const { boot } = kit;
      kit.put(Rec.Boot, [boot[0], boot[1], fails, code, text.slice(0, failTextCharsMax), kit.log]);
      hal.reboot();
    };
    const asIs = (value: unknown) => value;
    const kit: Kit = {
      h: hal,
      js: [],
      serial: this.serial,
      image: "",
      part: (part) => (standIns[part] ?? firmware.parts[part]!)(kit),
      get: (type) => this.#get(type),
      put: (type, value) => this.#put(type, value),
      slot: slotIn,
      hmac: () => new Uint8Array(32),
      cut,
      same,
      Bytes: Uint8Array,
      encode: asIs as Kit["encode"],
      decode: asIs as Kit["decode"],
      random: (count) => this.nature.dice.bytes(count),
      resetReason: 0,
      state: SlotState.Recovery,
      boot: [0, 0, 0, 0, ""],
      log: "",
      crash: (code, text) => end(code, text, kit.boot[2] + 1),
      restart: (code) => end(code, "", 0),
    };
    return kit;
  }
}
