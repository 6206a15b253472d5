import type { Board } from "../../../boards/types.ts";
import type { SimClock, SimTimer } from "../clock.ts";
import type { NorFlash } from "../flash/norFlash.ts";
import type { SimNet } from "../net.ts";
import type { Random } from "../random.ts";
import type { Battery } from "./battery.ts";
import type { Consoles } from "./consoles.ts";
import type { EndCause } from "./errors.ts";
import type { Events } from "./events.ts";
import type { Pins } from "./pins.ts";
import type { World } from "./realm.ts";
import type { ResetReason } from "./simBoard.ts";

/** What lies around a board and outlives its resets. */
export interface Surroundings {
  readonly board: Board;
  readonly clock: SimClock;
  readonly net: SimNet;
  readonly flash: NorFlash;
  readonly battery: Battery;
  readonly pins: Pins;
  readonly random: Random;
  readonly wifi: WifiSurroundings;
  readonly sensors: Sensors;
  /** chip registers by address that keep their value over a reset, as long as there is power */
  readonly registers: Map<number, number>;
  /** told each time that device code kicks the watchdog */
  kicked(): void;
  /** why the chip was reset last */
  resetReason(): ResetReason;
  /** bytes that leave the board on a port */
  transmit(port: string, data: Uint8Array): void;
  /** a line on whatever console is open; shown to the person who runs the simulation even when none is */
  print(line: string): void;
}

/** The access point near the board; may be changed at any time. */
export interface WifiSurroundings {
  ssid: string | null;
  password: string;
  rssiDbm: number;
  /** true: the interpreter has joined from what `Wifi.save()` kept before the boot files run; default false */
  joinsAtBoot: boolean;
  /** true: a join is never answered, as with an access point that gives no address; default false */
  isSilent: boolean;
}

/** What the board's converters read. */
export interface Sensors {
  /** 0..1 of the reference */
  analog(pin: string, nowMs: number): number;
  temperatureC(nowMs: number): number;
}

/** One life of a board, from a start to the next reset, as the shims see it. */
export interface Machine extends Surroundings {
  readonly realm: World;
  readonly events: Events;
  readonly consoles: Consoles;
  readonly startedMs: number;
  /** Throws when this life is over: every native function calls it first. */
  guard(): void;
  /** Runs device code as the interpreter's idle loop does: uncaught exceptions are reported, never passed on. */
  enter(fn: () => void): void;
  /** Runs fn from the idle loop, soon, if this life still lasts. */
  post(fn: () => void): void;
  /** Runs fn from the idle loop after ms, if this life still lasts. */
  after(ms: number, fn: () => void): SimTimer;
  /** Calls a device function or evaluates a string, the way Espruino takes callbacks. */
  call(callback: unknown, self: unknown, args: readonly unknown[]): unknown;
  /** Ends this life. @throws LifeEnded always */
  end(cause: EndCause): never;
  /** Registers what has to be undone when this life ends: sockets, mostly. */
  atEnd(fn: () => void): void;
  kickWatchdog(): void;
  enableWatchdog(seconds: number, isAutomatic: boolean): void;
  /** Makes a function that device code may call: guarded, and charged to the battery as `cost` when given. */
  native<A extends unknown[], R>(fn: (...args: A) => R): (...args: A) => R;
  /** An Error of the device's world. */
  error(message: string): Error;
  readonly timerCount: number;
}
