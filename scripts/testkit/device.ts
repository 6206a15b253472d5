import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Board } from "../../boards/index.ts";
import type { CommandValue, DeviceLog } from "../../firmware/protocol/host/orderResult.ts";
import { Lifecycle, WipeMode } from "../../firmware/protocol/messages.ts";
import { readLimits } from "../cli/release/limits.ts";
import { brokerNet, joinSerial } from "../powercut/carrier.ts";
import type { BatteryOptions } from "../sim/board/battery.ts";
import { SimBoard, type SimBoardOptions } from "../sim/board/simBoard.ts";
import { siteWifi } from "../sim/board/wifiLib.ts";
import { VirtualClock } from "../sim/clock.ts";
import { type SeenCheckIn, TestCloud } from "./cloud.ts";
import { bornSequence, buildApp, isPacked, plainText, type Workbench } from "./factory.ts";

export interface SimulateOptions {
  /** board id; default "puckjs" */
  board?: string;
  /** seconds between check-ins; default 60 */
  checkInS?: number;
  /** false leaves the device unclaimed: its app has not started; default true */
  isClaimed?: boolean;
  /** a battery that drains; default one that stays at 3,300 mV until `setBattery` */
  battery?: BatteryOptions;
  /** seed of noise; the same seed gives the same run; default 1 */
  seed?: number | string;
  /** the device's wall clock at the start, milliseconds since 1970; default 2025-06-15 */
  startMs?: number;
  /** milliseconds of this computer that a step of device code may take before the device counts as hung; default 10,000,
   *  which no step of an app comes near on a busy machine */
  hostLimitMs?: number;
}

export interface OfferOptions {
  /** uptime that the release's trial has; default 60 */
  trialMinutes?: number;
  /** vitals that the trial has to keep, as `fleetling release sign --limit` takes them: "batteryMv>=2100"; default any */
  limits?: string[];
  /** "field": a person at the device has to vouch for it; default the cloud's answer does */
  confirmedBy?: "agent" | "field";
  /** interpreter variables that must be free to take it; default any */
  freeVariables?: number;
}

/** Least, greatest and last reading since the cloud's last answer. */
export interface Reading {
  least: number;
  greatest: number;
  last: number;
}

/** What the device told of itself last. */
export interface DeviceState {
  /** sequence of the release that runs; 0 in recovery */
  sequence: number;
  slot: "confirmed" | "trial" | "recovery";
  /** the last image that failed */
  failed: { sequence: number; code: number; text: string; log: string } | null;
  settingsRevision: number;
  /** codes of settings that the device did not take, by name */
  settingsRefused: Record<string, number>;
  /** true after a sunset order: it goes on alone and checks in once a day */
  isSunset: boolean;
  /** minutes left for a person in the field to confirm the release; null: none is waited for */
  fieldMinutesLeft: number | null;
  /** images that it never takes again by itself, newest first: the first 8 bytes of each digest, hex */
  poison: string[];
}

type Values = Record<string, number | string | boolean>;

const slotNames = ["confirmed", "trial", "recovery"] as const;
const claimLimitMs = 600_000;
const wipeModes = { resale: WipeMode.Resale, return: WipeMode.Return, scrap: WipeMode.Scrap };

/** A device under test. Time stands still unless it is advanced; everything happens in the test's own thread. */
export class SimulatedDevice {
  readonly board: Board;
  readonly serial: string;
  /** the cloud's side: set `isReachable` to false to take it away */
  readonly cloud: TestCloud;
  /** the simulated board, for what this class does not offer */
  readonly sim: SimBoard;
  readonly #clock: VirtualClock;
  readonly #bench: Workbench;
  readonly #analog = new Map<string, number>();
  #temperatureC = 21;
  #sequence = bornSequence;

  /** @param sim options of the simulated board that go before those of the kit */
  constructor(bench: Workbench, options: SimulateOptions, sim: Partial<SimBoardOptions> = {}) {
    const { board, birth } = bench;
    this.#bench = bench;
    this.board = board;
    this.serial = birth.record.serial;
    this.#clock = new VirtualClock(options.startMs, options.hostLimitMs ?? 10_000);
    this.cloud = new TestCloud(bench, options.checkInS ?? 60, () => this.nowMs);
    this.sim = new SimBoard({
      ...{ board, clock: this.#clock, storage: bench.storage, seed: options.seed ?? 1 },
      net: brokerNet(this.cloud, this.serial, this.#clock),
      wifi: siteWifi,
      battery: options.battery,
      sensors: {
        analog: (pin) => this.#analog.get(pin) ?? 0,
        temperatureC: () => this.#temperatureC,
      },
      detokenise: isPacked(board) ? plainText : undefined,
      ...sim,
    });
    if (board.link === "serial") joinSerial(this.sim, this.cloud, this.#clock);
  }

  /** Milliseconds since 1970 on the virtual clock. */
  get nowMs(): number {
    return this.#clock.nowMs();
  }

  /** Lets time pass. @param ms see `minutes`, `hours`, `days` */
  advance(ms: number): void {
    this.#clock.advance(ms);
  }

  /** Lets time pass until something is so.
   *  @param what named in the error
   *  @throws Error "the device did not WHAT within N s" when limitMs has passed */
  until(what: string, isSo: () => boolean, limitMs = 3_600_000): void {
    if (this.#clock.advanceUntil(isSo, limitMs)) return;
    const last = this.crashes.at(-1);
    const why = last ? `; its last error was "${last}"` : "";
    throw new Error(`the device did not ${what} within ${limitMs / 1000} s${why}`);
  }

  /** Switches the board on; no effect while it is on. */
  powerOn(): void {
    this.sim.powerOn();
  }

  /** Takes the power away, and gives it back after a while when `forMs` is given. */
  powerOff(forMs?: number): void {
    this.sim.powerOff();
    if (forMs === undefined) return;
    this.advance(forMs);
    this.powerOn();
  }

  /** Claims the device, as an installer with its label does. */
  claim(): void {
    this.cloud.lifecycle = Lifecycle.ClaimPending;
    this.until(
      "take its claim",
      () => this.cloud.checkIns.at(-1)?.info.lifecycle === Lifecycle.Operating,
      claimLimitMs,
    );
    // The answer to that check-in is on its way.
    this.advance(1000);
  }

  /** Check-ins that reached the cloud, oldest first. */
  get checkIns(): readonly SeenCheckIn[] {
    return this.cloud.checkIns;
  }

  /** A metric as the newest check-in that carries it told it; undefined when none did. */
  metric(name: string): Reading | undefined {
    const values = this.checkIns.findLast((one) => one.values["m." + name])?.values["m." + name];
    return values && { least: values[0]!, greatest: values[1]!, last: values[2]! };
  }

  /** What the newest check-in told. @throws Error before the first one */
  get state(): DeviceState {
    const info = this.checkIns.at(-1)?.info;
    if (!info) throw new Error("the device has not checked in yet");
    const { failed, settingsRevision, settingsRefused, isSunset } = info;
    return {
      sequence: info.runningSequence,
      slot: slotNames[info.slotState]!,
      failed: failed && {
        ...{ sequence: failed.sequence, code: failed.code, text: failed.text, log: failed.log },
      },
      settingsRevision,
      settingsRefused,
      isSunset,
      fieldMinutesLeft: info.fieldMinutesLeft ?? null,
      poison: (info.poison ?? []).map((id) => Buffer.from(id).toString("hex")),
    };
  }

  /** Presses the board's button for a while. @throws Error on a board without one */
  press(forMs = 100): void {
    if (!this.sim.pins.buttonPin) throw new Error(`${this.board.name} has no button`);
    this.sim.holdButton(true);
    this.advance(forMs);
    this.sim.holdButton(false);
    this.advance(1);
  }

  /** Sets the level that the world puts on a pin. @param pin as the app calls it: "D1" */
  setPin(pin: string, isHigh: boolean): void {
    this.sim.pins.set(pin, isHigh ? 1 : 0);
    this.advance(1);
  }

  /** Level of a pin, whoever drives it: "LED1". */
  pinIsHigh(pin: string): boolean {
    return this.sim.pins.level(pin) === 1;
  }

  /** What `analogRead` gives on a pin from now on, 0..1; 0 where nothing was set. */
  setAnalog(pin: string, value: number): void {
    this.#analog.set(pin, value);
  }

  /** Voltage of the battery from now on, whatever is drawn from it. */
  setBattery(milliVolt: number): void {
    this.sim.battery.setVolts(milliVolt / 1000);
  }

  setTemperature(celsius: number): void {
    this.#temperatureC = celsius;
  }

  /** Sets all settings, as the owner does in the cloud; what is left out falls back to its default. The device takes
   *  them at its next contact, which is asked for now. Flags are names "f.NAME". */
  set(values: Values): void {
    const revision = (this.cloud.settings?.revision ?? 0) + 1;
    this.cloud.settings = { revision, values };
    this.cloud.nudge();
    this.until("take its settings", () => this.state.settingsRevision >= revision);
  }

  /** Publishes another build of the app as the next release and waits for its end.
   *  @returns state then: "confirmed" on the new sequence, or on the old one with `failed` telling why */
  async update(app: string | URL, options: OfferOptions = {}): Promise<DeviceState> {
    await this.offer(app, options);
    const sequence = this.#sequence;
    this.until(
      "end its update",
      () => {
        const { state } = this;
        const isOver = state.sequence === sequence || state.failed?.sequence === sequence;
        return isOver && state.slot !== "trial";
      },
      86_400_000 * 2,
    );
    return this.state;
  }

  /** Publishes another build as the next release, without waiting for it. @returns its sequence */
  async offer(app: string | URL, options: OfferOptions = {}): Promise<number> {
    const file = app instanceof URL ? fileURLToPath(app) : resolve(app);
    const firmware = await buildApp(this.board, file);
    const sequence = ++this.#sequence;
    const trialMinutes = options.trialMinutes ?? 60;
    const limits = readLimits(options.limits ?? []);
    const { freeVariables, confirmedBy } = options;
    const wish = { sequence, floor: 1, trialMinutes, limits, freeVariables, confirmedBy };
    this.cloud.offer = this.#bench.release(firmware, wish);
    this.cloud.nudge();
    return sequence;
  }

  /** Orders the device to go on alone for good, in local mode, or back from it; waits until it says that it does.
   *  @param isOn false calls it back */
  sunset(isOn = true): void {
    this.cloud.orders.push({ kind: "sunset", orderId: this.checkIns.length + 1, isOn });
    this.cloud.nudge();
    this.until("take its sunset order", () => this.state.isSunset === isOn);
  }

  /** Orders the device to confirm the release on trial, as an operator does on the word of somebody in the field.
   *  @param sequence default the release that was offered last */
  confirm(sequence = this.#sequence): void {
    this.cloud.orders.push({ kind: "confirm", orderId: this.checkIns.length + 1, sequence });
    this.cloud.nudge();
    this.advance(1000);
  }

  /** Orders the device to forget that an image failed. @param digest as in `state.poison` */
  clearPoison(digest: string): void {
    const id = new Uint8Array(Buffer.from(digest, "hex"));
    this.cloud.orders.push({ kind: "clearPoison", orderId: this.checkIns.length + 1, digest: id });
    this.cloud.nudge();
    this.until("take its order", () => this.cloud.orders.length === 0);
  }

  /** Has the app run a command and waits for its answer.
   *  @returns code 0 with what it returned, or the code of SPEC.md §14, of an error with its text */
  command(
    name: string,
    argument: CommandValue = null,
    forS = 3600,
  ): { code: number; value?: CommandValue } {
    const { orderId: _, ...result } = this.#answer(this.cloud.order(name, argument, forS));
    return result;
  }

  /** Has the device tell its log, as an operator does. */
  askLog(): DeviceLog {
    return this.#answer(this.cloud.order(null, null, 3600)).log!;
  }

  #answer(id: number) {
    this.cloud.nudge();
    const found = () => this.cloud.orderResults.find(({ orderId }) => orderId === id);
    this.until("answer its command", () => found() !== undefined);
    return found()!;
  }

  /** Orders the device to erase itself and waits for its signed receipt.
   *  @returns true when the receipt's signature is right */
  wipe(mode: keyof typeof wipeModes = "scrap"): boolean {
    this.cloud.orders.push(this.cloud.wipeOrder(wipeModes[mode]));
    this.cloud.lifecycle = Lifecycle.Wiping;
    this.cloud.nudge();
    this.until("send its receipt", () => this.cloud.receiptIsRight !== null);
    return this.cloud.receiptIsRight === true;
  }

  /** True when these bytes stand anywhere on the raw flash: what a wipe must have taken away. */
  flashHolds(data: string | Uint8Array): boolean {
    const bytes = typeof data === "string" ? Buffer.from(data, "latin1") : Buffer.from(data);
    return Buffer.from(this.sim.storageImage()).includes(bytes);
  }

  /** Resets since it was switched on first, by software or otherwise. */
  get restarts(): number {
    return this.sim.starts - 1;
  }

  /** Errors of the app that nothing caught, oldest first. */
  get crashes(): string[] {
    return this.sim.log.flatMap((event) => (event.kind === "crash" ? [event.message] : []));
  }

  /** Lines that the app printed. */
  get printed(): string[] {
    return this.sim.printedLines;
  }
}
