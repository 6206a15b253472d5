import type { SimTimer } from "../clock.ts";
import { PowerCut } from "../flash/powerCut.ts";
import { RanTooLong, withLimit } from "../hostLimit.ts";
import { storageIsValid } from "./bootCheck.ts";
import { Consoles } from "./consoles.ts";
import { type EndCause, LifeEnded } from "./errors.ts";
import { Events } from "./events.ts";
import { bootText } from "./flashLibs.ts";
import { errorText } from "./format.ts";
import type { Machine, Surroundings } from "./machine.ts";
import { Realm, type RealmHost, type World } from "./realm.ts";
import { installShim, type Shim } from "./shim.ts";

/** How a life is watched and bounded from outside. */
export interface LifeOptions {
  /** host's milliseconds that device code may run without returning; 0 = no limit */
  wallLimitMs: number;
  detokenise?: (text: string) => string;
  /** another world than a fresh context; it takes texts as they stand in flash */
  makeWorld?: (host: RealmHost) => World;
  /** @param delayMs time until a reset follows, where it is not at once */
  onEnd(cause: EndCause, delayMs: number): void;
  onCrash(message: string, stack: string, isHandled: boolean): void;
  onStorageErased(): void;
}

const bootFiles = [".boot0", ".boot1", ".boot2", ".boot3"];

/** One life of a board: from a start of the interpreter to the next reset or loss of power. */
export class Life {
  readonly machine: Machine;
  cause: EndCause | null = null;
  private readonly options: LifeOptions;
  private readonly around: Surroundings;
  private readonly timers = new Set<SimTimer>();
  private readonly endings: (() => void)[] = [];
  private readonly shim: Shim;
  private watchdog: { timeoutMs: number; isAutomatic: boolean; kickedMs: number } | null = null;

  constructor(around: Surroundings, options: LifeOptions) {
    this.around = around;
    this.options = options;
    this.machine = this.makeMachine();
    this.shim = installShim(this.machine);
  }

  /** Checks Storage and runs the boot files, as at power-on. @param isSoft load() or reset(): no check of Storage */
  boot(isSoft: boolean): void {
    const { flash } = this.around;
    if (!isSoft && !storageIsValid(flash)) {
      this.machine.print("Storage is corrupt.");
      this.machine.print("Erasing Storage Area...");
      flash.eraseAll();
      this.options.onStorageErased();
    }
    if (!isSoft) this.runFile(".bootPowerOn");
    for (const name of bootFiles) this.runFile(name);
    if (!this.runFile(".bootrst")) this.runFile(".bootcde");
    if (this.cause) return;
    this.machine.events.emitNow(this.shim.e, "init");
    const { onInit } = this.machine.realm.global;
    if (typeof onInit === "function") this.machine.enter(() => this.machine.call(onInit, null, []));
  }

  /** Ends this life from outside or inside; later calls of any native function throw. */
  finish(cause: EndCause, delayMs = 0): void {
    if (this.cause) return;
    this.cause = cause;
    for (const timer of this.timers) timer.cancel();
    this.timers.clear();
    for (const fn of this.endings.splice(0)) fn();
    this.around.pins.watch(null);
    this.options.onEnd(cause, delayMs);
  }

  receive(port: string, data: Uint8Array): void {
    if (!this.cause) this.shim.ports.receive(port, data);
  }

  echo(line: string): void {
    if (!this.cause) this.shim?.ports.echo(`${line}\r\n`);
  }

  wifiChanged(): void {
    if (!this.cause) this.shim.wifi?.surroundingsChanged();
  }

  private runFile(name: string): boolean {
    if (this.cause) return false;
    const text = bootText(this.machine, name);
    if (text === undefined) return false;
    const plain = this.options.detokenise?.(text) ?? text;
    this.machine.enter(() => this.machine.realm.run(plain, name));
    return true;
  }

  private makeMachine(): Machine {
    const { clock } = this.around;
    const machine: Machine = Object.assign({} as Surroundings, this.around, {
      consoles: new Consoles(this.around.board),
      startedMs: clock.nowMs(),
      realm: undefined as unknown as World,
      events: undefined as unknown as Events,
      timerCount: 0,
      guard: () => this.guard(),
      enter: (fn: () => void) => this.enter(fn),
      post: (fn: () => void) => void machine.after(0, fn),
      after: (ms: number, fn: () => void) => this.after(ms, fn),
      call: (callback: unknown, self: unknown, args: readonly unknown[]) =>
        typeof callback === "function"
          ? Reflect.apply(callback, self, args)
          : machine.realm.run(String(callback), "callback"),
      end: (cause: EndCause): never => {
        this.finish(cause);
        throw new LifeEnded(cause);
      },
      atEnd: (fn: () => void) => void this.endings.push(fn),
      kickWatchdog: () => {
        this.around.kicked();
        if (this.watchdog) this.watchdog.kickedMs = clock.nowMs();
      },
      enableWatchdog: (seconds: number, isAutomatic: boolean) =>
        this.guardDog(seconds, isAutomatic),
      native: <A extends unknown[], R>(fn: (...args: A) => R) => this.native(fn),
      error: (message: string) => new machine.realm.builtins.Error(message),
    });
    Object.defineProperty(machine, "timerCount", { get: () => this.shim?.timerCount() ?? 0 });
    Object.assign(machine, { realm: this.makeWorld(machine) });
    Object.assign(machine, { events: new Events(machine) });
    return machine;
  }

  private makeWorld(machine: Machine): World {
    const { detokenise, makeWorld } = this.options;
    const host: RealmHost = {
      nowMs: () => this.around.clock.nowMs(),
      later: (fn) => machine.post(fn),
      unhandledRejection: (reason) =>
        this.uncaught(machine.error(`Unhandled promise rejection: ${errorText(reason)}`)),
    };
    return makeWorld ? makeWorld(host) : new Realm(host, detokenise);
  }

  private guard(): void {
    if (!this.cause && this.around.flash.isCut) this.finish("power-cut");
    if (this.cause) throw new LifeEnded(this.cause);
  }

  private native<A extends unknown[], R>(fn: (...args: A) => R): (...args: A) => R {
    return (...args: A) => {
      this.guard();
      try {
        return fn(...args);
      } catch (error) {
        if (error instanceof PowerCut) this.guard();
        throw error;
      }
    };
  }

  private enter(fn: () => void): void {
    if (this.cause) return;
    this.around.battery.spend("callback");
    const caught = (error: unknown) => this.caught(error);
    try {
      withLimit(this.options.wallLimitMs, fn, caught);
    } catch (error) {
      caught(error);
    }
    if (this.cause) return;
    if (this.watchdog?.isAutomatic) this.watchdog.kickedMs = this.around.clock.nowMs();
    if (this.around.battery.isEmpty) this.finish("battery-empty");
  }

  private after(ms: number, fn: () => void): SimTimer {
    const timer = this.around.clock.after(ms, () => {
      this.timers.delete(timer);
      this.enter(fn);
    });
    this.timers.add(timer);
    return {
      cancel: () => {
        this.timers.delete(timer);
        timer.cancel();
      },
    };
  }

  private caught(error: unknown): void {
    // A loop without end stands still until the watchdog, if one was set, has waited its time.
    if (error instanceof RanTooLong) {
      if (this.watchdog) this.finish("watchdog", this.watchdog.timeoutMs);
      else this.finish("hung");
    }
    // What device code throws after its end concerns nobody.
    else if (!this.cause && !(error instanceof LifeEnded)) this.uncaught(error);
  }

  private uncaught(error: unknown): void {
    const handlers = this.machine.events.of(this.shim.process, "uncaughtException");
    const stack = String((error as { stack?: unknown } | null)?.stack ?? "");
    this.options.onCrash(errorText(error), stack, handlers.length > 0);
    if (!handlers.length) this.machine.print(`Uncaught ${errorText(error)}`);
    for (const handler of handlers) {
      try {
        withLimit(
          this.options.wallLimitMs,
          () => this.machine.call(handler, this.shim.process, [error]),
          (tooLong) => this.caught(tooLong),
        );
      } catch (second) {
        if (!this.cause) this.machine.print(`Uncaught ${errorText(second)}`);
      }
    }
  }

  private guardDog(seconds: number, isAutomatic: boolean): void {
    if (!this.around.board.watchdog) return;
    const { clock } = this.around;
    const isFirst = !this.watchdog;
    this.watchdog = { timeoutMs: seconds * 1000, isAutomatic, kickedMs: clock.nowMs() };
    if (isFirst) this.watch();
  }

  /** One timer that is moved on as the dog is kicked, so that a kick costs nothing. */
  private watch(): void {
    const { timeoutMs, kickedMs, isAutomatic } = this.watchdog!;
    const { clock } = this.around;
    const leftMs = isAutomatic ? timeoutMs : kickedMs + timeoutMs - clock.nowMs();
    if (leftMs <= 0) {
      this.finish("watchdog");
      return;
    }
    const timer = clock.after(leftMs, () => {
      this.timers.delete(timer);
      if (!this.cause) this.watch();
    });
    this.timers.add(timer);
  }
}
