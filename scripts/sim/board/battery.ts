import type { SimClock } from "../clock.ts";

/** What drains a battery. Charges are in µA·s (1 µA for one second). */
export interface BatteryOptions {
  /** charge when full, µAh; a CR2032 has about 220,000 */
  capacityMicroAh: number;
  /** charge at the start, 0..1 of capacity; default 1 */
  charged?: number;
  /** current while nothing runs, µA; default 20 */
  idleMicroA?: number;
  /** extra current while a named pin is high, µA */
  pinMicroA?: Record<string, number>;
  costs?: Partial<BatteryCosts>;
  /** multiplies all drain, so that a demo of a minute shows the slope of months; default 1 */
  scale?: number;
  fullV?: number;
  emptyV?: number;
}

/** Charge of one operation, µA·s. */
export interface BatteryCosts {
  callback: number;
  analogRead: number;
  digitalWrite: number;
  flashUnit: number;
  flashErase: number;
  linkByte: number;
}

/** Rounded from data sheets of nRF52832 and typical currents; the proportions matter, not the digits. */
export const defaultCosts: BatteryCosts = {
  callback: 4,
  analogRead: 25,
  digitalWrite: 1,
  flashUnit: 0.4,
  flashErase: 600,
  linkByte: 8,
};

const secondsPerHour = 3600;

/** A battery that is drained by what the device code does, or a mains supply when made without options. */
export class Battery {
  readonly isMains: boolean;
  /** operations charged so far, by kind */
  readonly operations: Record<keyof BatteryCosts, number>;
  private readonly options: Required<Omit<BatteryOptions, "costs">>;
  private readonly costs: BatteryCosts;
  private chargeMicroAs: number;
  private accountedMs: number;
  private extraMicroA = 0;
  private isOn = false;
  private heldVolts: number | null = null;
  private readonly clock: SimClock;

  constructor(clock: SimClock, options?: BatteryOptions) {
    this.clock = clock;
    this.isMains = !options;
    this.options = {
      charged: 1,
      idleMicroA: 20,
      pinMicroA: {},
      scale: 1,
      fullV: 3,
      emptyV: 2,
      ...(options ?? { capacityMicroAh: 1 }),
    };
    this.costs = { ...defaultCosts, ...options?.costs };
    this.chargeMicroAs =
      this.options.capacityMicroAh *
      secondsPerHour *
      Math.min(1, Math.max(0, this.options.charged));
    this.accountedMs = clock.nowMs();
    this.operations = {
      callback: 0,
      analogRead: 0,
      digitalWrite: 0,
      flashUnit: 0,
      flashErase: 0,
      linkByte: 0,
    };
  }

  /** Charges `count` operations of a kind. */
  spend(kind: keyof BatteryCosts, count = 1): void {
    this.operations[kind] += count;
    if (!this.isMains) this.take(this.costs[kind] * count);
  }

  /** Idle current flows only while the board is on. */
  setOn(isOn: boolean): void {
    this.account();
    this.isOn = isOn;
    if (!isOn) this.extraMicroA = 0;
  }

  /** Changes the time-lapse of the drain: 1 is real time. */
  setScale(scale: number): void {
    this.account();
    this.options.scale = scale;
  }

  /** Adds or removes the current of a pin's load. */
  pinChanged(pin: string, isHigh: boolean, wasHigh: boolean): void {
    if (isHigh === wasHigh) return;
    this.account();
    this.extraMicroA += (isHigh ? 1 : -1) * (this.options.pinMicroA[pin] ?? 0);
  }

  /** Charge left. @returns µAh; Infinity on mains */
  get chargeMicroAh(): number {
    if (this.isMains) return Number.POSITIVE_INFINITY;
    this.account();
    return this.chargeMicroAs / secondsPerHour;
  }

  get isEmpty(): boolean {
    return this.chargeMicroAh <= 0;
  }

  /** Holds the terminal voltage, whatever is drawn; null = by the charge again. */
  setVolts(volts: number | null): void {
    this.heldVolts = volts;
  }

  /** Terminal voltage: flat for most of the charge and steep at its end, like a lithium cell. */
  get volts(): number {
    if (this.heldVolts !== null) return this.heldVolts;
    if (this.isMains) return 3.3;
    const { fullV, emptyV, capacityMicroAh } = this.options;
    const left = Math.min(1, this.chargeMicroAh / capacityMicroAh);
    const share = left > 0.2 ? 0.4 + (0.6 * (left - 0.2)) / 0.8 : 2 * left;
    return emptyV + (fullV - emptyV) * share;
  }

  private take(microAs: number): void {
    this.chargeMicroAs = Math.max(0, this.chargeMicroAs - microAs * this.options.scale);
  }

  private account(): void {
    const nowMs = this.clock.nowMs();
    const current = this.options.idleMicroA + this.extraMicroA;
    if (this.isOn) this.take((current * (nowMs - this.accountedMs)) / 1000);
    this.accountedMs = nowMs;
  }
}
