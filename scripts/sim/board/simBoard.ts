import type { Board } from "../../../boards/types.ts";
import type { SimClock, SimTimer } from "../clock.ts";
import { NorFlash } from "../flash/norFlash.ts";
import type { CutModel } from "../flash/powerCut.ts";
import { rulesOf } from "../flash/rules.ts";
import { noNet, type SimNet } from "../net.ts";
import { seededRandom } from "../random.ts";
import { Battery, type BatteryOptions } from "./battery.ts";
import type { EndCause } from "./errors.ts";
import { Life } from "./life.ts";
import type { Sensors, Surroundings, WifiSurroundings } from "./machine.ts";
import { Pins } from "./pins.ts";
import type { RealmHost, World } from "./realm.ts";
import { SlowClock } from "./slowClock.ts";

/** A simulated board. Only `board` and `clock` are needed. */
export interface SimBoardOptions {
  board: Board;
  clock: SimClock;
  /** contents of Storage as the factory wrote them; default blank */
  storage?: Uint8Array;
  /** a flash to go on with, instead of `storage` */
  flash?: NorFlash;
  /** default: a network where nobody answers */
  net?: SimNet;
  /** drives weak bits and sensor noise; default the name */
  seed?: number | string;
  name?: string;
  /** default mains */
  battery?: BatteryOptions;
  /** default no access point; only boards with Wi-Fi look at it */
  wifi?: Partial<WifiSurroundings>;
  sensors?: Partial<Sensors>;
  /** host's milliseconds that device code may run without returning; default 2,000; 0 = no limit */
  wallLimitMs?: number;
  /** time from a reset to the first device code; default 30 */
  bootMs?: number;
  /** time that passes each time device code kicks the watchdog, as it does for each block of a hash of its own; default 0 */
  kickMs?: number;
  /** turns pretokenised text into source; needed when images are built so */
  detokenise?: (text: string) => string;
  /** another world for device code than a fresh context at each start */
  makeWorld?: (host: RealmHost) => World;
}

/** Why the board started last. */
export type ResetReason = "power-on" | "brown-out" | "pin" | "watchdog" | "software";

/** What happened to a board, for tests, logs and the fleet view. */
export type SimEvent =
  | { kind: "started"; reason: ResetReason; isSoft: boolean }
  | { kind: "ended"; cause: EndCause }
  | { kind: "crash"; message: string; stack: string; isHandled: boolean }
  | { kind: "storage-erased" }
  | { kind: "print"; line: string };

const keptMax = 1000;
/** Registers that tell why the chip was reset, by address, and what each reset sets there. Power-on and brown-out leave no
 *  bit on an nRF52; every reset of an STM32F4 pulls its reset pin too.
 *  Source: nRF52832 PS, POWER.RESETREAS; ST RM0368 §6.3.20, RCC_CSR */
const resetRegisters: [addr: number, bits: Partial<Record<ResetReason, number>>][] = [
  [0x40000400, { pin: 1, watchdog: 2, software: 4 }],
  [
    0x40023874,
    {
      ...{ "power-on": 0xe000000, "brown-out": 0x6000000, pin: 0x4000000 },
      ...{ watchdog: 0x24000000, software: 0x14000000 },
    },
  ],
];

/** A board whose device logic is only the text found in its flash. */
export class SimBoard {
  readonly name: string;
  readonly board: Board;
  readonly flash: NorFlash;
  readonly battery: Battery;
  readonly pins: Pins;
  /** the last events, oldest first */
  readonly log: (SimEvent & { atMs: number })[] = [];
  /** starts since the simulation began */
  starts = 0;
  /** resets by software */
  reboots = 0;
  /** exceptions that reached the idle loop */
  crashes = 0;
  /** times that device code kicked the watchdog: with a hash of its own, once for each block */
  kicks = 0;
  lastResetReason: ResetReason | null = null;
  private life: Life | null = null;
  private restart: SimTimer | null = null;
  private readonly options: SimBoardOptions;
  private readonly around: Surroundings;
  private readonly slow: SlowClock | null;
  private readonly portListeners = new Map<string, Set<(data: Uint8Array) => void>>();
  private readonly eventListeners = new Set<(event: SimEvent) => void>();

  constructor(options: SimBoardOptions) {
    this.options = options;
    this.board = options.board;
    this.name = options.name ?? options.board.id;
    const random = seededRandom(options.seed ?? this.name);
    this.flash = options.flash ?? new NorFlash(rulesOf(options.board), options.storage, random);
    this.battery = new Battery(options.clock, options.battery);
    this.pins = new Pins(options.board);
    this.slow = options.kickMs ? new SlowClock(options.clock) : null;
    this.around = {
      board: options.board,
      clock: this.slow ?? options.clock,
      net: options.net ?? noNet(),
      flash: this.flash,
      battery: this.battery,
      pins: this.pins,
      random,
      wifi: {
        ssid: null,
        password: "",
        rssiDbm: -58,
        joinsAtBoot: false,
        isSilent: false,
        ...options.wifi,
      },
      sensors: {
        analog: () => 0.5 + (random() - 0.5) * 0.02,
        temperatureC: () => 21 + random(),
        ...options.sensors,
      },
      registers: new Map(),
      resetReason: () => this.lastResetReason ?? "power-on",
      kicked: () => {
        this.kicks++;
        this.slow?.spend(options.kickMs!);
      },
      transmit: (port, data) =>
        this.slow ? this.slow.leave(() => this.transmit(port, data)) : this.transmit(port, data),
      print: (line) => this.printed(line),
    };
  }

  /** Switches the board on and runs its boot files at once. No effect while it is on. */
  powerOn(reason: "power-on" | "brown-out" = "power-on"): void {
    if (this.running || this.restart) return;
    this.flash.powerOn();
    this.around.registers.clear();
    this.battery.setOn(true);
    this.start(reason, false);
  }

  /** Takes the power away between two instructions. */
  powerOff(): void {
    this.restart?.cancel();
    this.restart = null;
    this.battery.setOn(false);
    this.life?.finish("power-off");
    this.life = null;
  }

  /** Takes the power away during the flash operation after the next `operations` ones. The board stays off then. */
  powerCutAt(model: CutModel, operations: number): void {
    this.flash.cutAfter(operations, model);
  }

  /** Pulls the reset pin. */
  resetPin(): void {
    this.life?.finish("pin");
  }

  /** True while device code can run: on, not hung, not between a reset and its boot. */
  get running(): boolean {
    return this.life !== null && this.life.cause === null;
  }

  /** True from powerOn until the power goes, also between a reset and its boot. */
  get hasPower(): boolean {
    return this.life !== null;
  }

  /** Raw bytes of Storage. */
  storageImage(): Uint8Array {
    return this.flash.image();
  }

  /** Hears bytes that the board sends on the port of its board file, where cable or gateway are.
   *  @returns a function that stops it */
  onSerial(listener: (data: Uint8Array) => void): () => void {
    return this.onPort(this.board.serialPort, listener);
  }

  onPort(port: string, listener: (data: Uint8Array) => void): () => void {
    const set = this.portListeners.get(port) ?? new Set();
    this.portListeners.set(port, set);
    set.add(listener);
    return () => void set.delete(listener);
  }

  /** Bytes arrive at the board. Lost while it is off. */
  feedSerial(data: Uint8Array): void {
    this.feed(this.board.serialPort, data);
  }

  feed(port: string, data: Uint8Array): void {
    this.life?.receive(port, data);
  }

  onEvent(listener: (event: SimEvent) => void): () => void {
    this.eventListeners.add(listener);
    return () => void this.eventListeners.delete(listener);
  }

  /** Lines that the device printed, oldest first. */
  get printedLines(): string[] {
    return this.log.flatMap((event) => (event.kind === "print" ? [event.line] : []));
  }

  /** The console as somebody at a port finds it. */
  get console(): { isOpen(port: string): boolean } {
    const { life } = this;
    return { isOpen: (port) => !!life && !life.cause && life.machine.consoles.isOpen(port) };
  }

  /** Presses or releases the rescue button. */
  holdButton(isHeld: boolean): void {
    this.pins.hold(isHeld);
  }

  /** Changes the access point around the board. */
  setWifi(change: Partial<WifiSurroundings>): void {
    Object.assign(this.around.wifi, change);
    this.life?.wifiChanged();
  }

  private start(reason: ResetReason, isSoft: boolean): void {
    this.restart = null;
    this.starts++;
    if (!isSoft) {
      this.lastResetReason = reason;
      for (const [addr, bits] of resetRegisters) {
        const before = this.around.registers.get(addr) ?? 0;
        this.around.registers.set(addr, before | (bits[reason] ?? 0));
      }
    }
    this.record({ kind: "started", reason, isSoft });
    const life = new Life(this.around, {
      wallLimitMs: this.options.wallLimitMs ?? 2000,
      detokenise: this.options.detokenise,
      makeWorld: this.options.makeWorld,
      onEnd: (cause, delayMs) => this.ended(life, cause, delayMs),
      onCrash: (message, stack, isHandled) => {
        this.crashes++;
        this.record({ kind: "crash", message, stack, isHandled });
      },
      onStorageErased: () => this.record({ kind: "storage-erased" }),
    });
    this.life = life;
    if (this.slow) this.slow.work(() => life.boot(isSoft));
    else life.boot(isSoft);
  }

  private ended(life: Life, cause: EndCause, delayMs: number): void {
    this.record({ kind: "ended", cause });
    if (this.life !== life) return;
    if (cause === "power-cut" || cause === "battery-empty") {
      this.battery.setOn(false);
      this.life = null;
    } else if (
      cause === "software" ||
      cause === "watchdog" ||
      cause === "pin" ||
      cause === "soft"
    ) {
      if (cause === "software") this.reboots++;
      const reason = cause === "soft" ? (this.lastResetReason ?? "power-on") : cause;
      const bootMs = cause === "soft" ? 0 : (this.options.bootMs ?? 30);
      this.restart = this.options.clock.after(delayMs + bootMs, () =>
        this.start(reason, cause === "soft"),
      );
    }
  }

  private transmit(port: string, data: Uint8Array): void {
    for (const listener of this.portListeners.get(port) ?? []) listener(data);
  }

  private printed(line: string): void {
    this.record({ kind: "print", line });
    this.life?.echo(line);
  }

  private record(event: SimEvent): void {
    this.log.push({ ...event, atMs: this.options.clock.nowMs() });
    if (this.log.length > keptMax) this.log.shift();
    for (const listener of this.eventListeners) listener(event);
  }
}
