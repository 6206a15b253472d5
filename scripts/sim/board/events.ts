import type { Machine } from "./machine.ts";

/** Espruino's events: every object can have listeners, `emit` queues them for the idle loop. */
export class Events {
  private readonly listeners = new WeakMap<object, Map<string, unknown[]>>();
  private readonly machine: Pick<Machine, "post" | "call" | "enter" | "error" | "native">;
  count = 0;

  constructor(machine: Machine) {
    this.machine = machine;
    const proto = machine.realm.builtins.Object.prototype as object;
    const define = (name: string, fn: (self: object, ...args: unknown[]) => unknown) => {
      const events = this;
      const value = function (this: object, ...args: unknown[]) {
        return events.machine.native(() => fn(this, ...args))();
      };
      Object.defineProperty(proto, name, {
        value,
        enumerable: false,
        writable: true,
        configurable: true,
      });
    };
    define("on", (self, event, fn) => this.add(self, String(event), fn, false));
    define("addListener", (self, event, fn) => this.add(self, String(event), fn, false));
    define("prependListener", (self, event, fn) => this.add(self, String(event), fn, true));
    define("emit", (self, event, ...args) => this.emit(self, String(event), ...args));
    define("removeListener", (self, event, fn) => this.remove(self, String(event), fn));
    define("removeAllListeners", (self, event) => this.removeAll(self, event));
  }

  /** Queues the listeners of an event. */
  emit(target: object, event: string, ...args: unknown[]): void {
    for (const fn of this.of(target, event)) {
      this.machine.post(() => this.machine.call(fn, target, args));
    }
  }

  /** Runs the listeners at once. Exceptions are reported as uncaught.
   *  @returns false when there are none */
  emitNow(target: object, event: string, ...args: unknown[]): boolean {
    const all = this.of(target, event);
    for (const fn of all) this.machine.enter(() => this.machine.call(fn, target, args));
    return all.length > 0;
  }

  /** Listeners of an event in the order they run. */
  of(target: object, event: string): unknown[] {
    return [...(this.listeners.get(target)?.get(event) ?? [])];
  }

  private add(target: object, event: string, fn: unknown, isFirst: boolean): void {
    if (typeof fn !== "function" && typeof fn !== "string") {
      throw this.machine.error("Second argument must be a function or a String");
    }
    const byEvent = this.listeners.get(target) ?? new Map<string, unknown[]>();
    this.listeners.set(target, byEvent);
    const list = byEvent.get(event) ?? [];
    byEvent.set(event, list);
    if (isFirst) list.unshift(fn);
    else list.push(fn);
    this.count++;
  }

  private remove(target: object, event: string, fn: unknown): void {
    const list = this.listeners.get(target)?.get(event);
    const at = list?.indexOf(fn) ?? -1;
    if (at >= 0) list!.splice(at, 1);
  }

  private removeAll(target: object, event: unknown): void {
    if (event === undefined) this.listeners.delete(target);
    else this.listeners.get(target)?.delete(String(event));
  }
}
