import type { Machine } from "./machine.ts";

const pinCount = 40;

interface Watch {
  pin: string;
  callback: unknown;
  isRepeating: boolean;
  edge: string;
}

/** RCC_CSR and its bit RMVF. Source: ST RM0368 §6.3.20 */
const stm32ResetFlags = 0x40023874;
const stm32ClearFlags = 0x1000000;

/** Pins, watches and chip registers. */
export function pinGlobals(machine: Machine): Record<string, unknown> {
  const numbered = Array.from({ length: pinCount }, (_, i) => `D${i}`);
  const names = new Set([...numbered, ...Object.values(machine.board.pins)]);
  const globals: Record<string, unknown> = {};
  const write = (pin: unknown, value: unknown) => {
    machine.battery.spend("digitalWrite");
    const name = pinName(pin);
    const before = machine.pins.level(name);
    const level = value ? 1 : 0;
    machine.battery.pinChanged(name, level === 1, before === 1);
    machine.pins.set(name, level);
  };
  const { realm } = machine;
  for (const name of names)
    if (realm.names?.(name) ?? true) globals[name] = pinObject(machine, name, write);
  if (machine.board.chip !== "LINUX") {
    for (const name of ["LED", "LED1", "LED2", "LED3"])
      globals[name] = pinObject(machine, name, write);
    // Where the button has no name of its own it is one of the numbered pins.
    const button = pinObject(machine, machine.pins.buttonPin ?? "BTN1", write);
    Object.assign(globals, { BTN: button, BTN1: button });
  }
  const read = (pin: unknown) => machine.pins.level(pinName(pin));
  Object.assign(globals, watches(machine), {
    HIGH: 1,
    LOW: 0,
    digitalRead: machine.native((pin: unknown) =>
      Array.isArray(pin) ? pin.reduce((bits: number, one) => bits * 2 + read(one), 0) : read(pin),
    ),
    digitalWrite: machine.native((pin: unknown, value: unknown) => {
      const pins = Array.isArray(pin) ? [...pin].reverse() : [pin];
      pins.forEach((one, bit) => {
        write(one, pins.length === 1 ? value : (Number(value) >> bit) & 1);
      });
    }),
    digitalPulse: machine.native((pin: unknown, value: unknown, ms: unknown) => {
      write(pin, value);
      machine.after(Number(ms) || 0, () => write(pin, !value));
    }),
    analogRead: machine.native((pin: unknown) => {
      machine.battery.spend("analogRead");
      return machine.sensors.analog(pinName(pin), machine.clock.nowMs());
    }),
    analogWrite: machine.native((pin: unknown, value: unknown) => write(pin, Number(value) > 0)),
    pinMode: machine.native(() => undefined),
    getPinMode: machine.native(() => "input"),
    peek32: machine.native((addr: unknown) => machine.registers.get(Number(addr)) ?? 0),
    // The registers kept here are reset reasons: a written 1 clears its bit, on an STM32F4 one bit clears them all.
    poke32: machine.native((addr: unknown, value: unknown) => {
      const before = machine.registers.get(Number(addr)) ?? 0;
      const isAll = Number(addr) === stm32ResetFlags && (Number(value) & stm32ClearFlags) !== 0;
      machine.registers.set(Number(addr), isAll ? 0 : before & ~Number(value));
    }),
  });
  return globals;
}

function pinObject(
  machine: Machine,
  name: string,
  write: (pin: unknown, value: unknown) => void,
): Record<string, unknown> {
  return machine.realm.object({
    read: machine.native(() => machine.pins.level(name) === 1),
    write: machine.native((value: unknown) => write(name, value)),
    set: machine.native(() => write(name, 1)),
    reset: machine.native(() => write(name, 0)),
    toggle: machine.native(() => write(name, 1 - machine.pins.level(name))),
    mode: machine.native(() => undefined),
    toString: () => name,
    valueOf: () => Number(name.slice(1)) || 0,
  });
}

function watches(machine: Machine): Record<string, unknown> {
  const all = new Map<number, Watch>();
  let nextId = 1;
  machine.pins.watch((pin, level) => {
    for (const [id, watch] of [...all]) {
      const isEdge = watch.edge === "both" || (watch.edge === "rising") === (level === 1);
      if (watch.pin !== pin || !isEdge) continue;
      if (!watch.isRepeating) all.delete(id);
      const event = machine.realm.object({
        state: level === 1,
        time: machine.clock.nowMs() / 1000,
        pin,
      });
      machine.post(() => machine.call(watch.callback, null, [event]));
    }
  });
  return {
    setWatch: machine.native((callback: unknown, pin: unknown, options: unknown) => {
      const { repeat = false, edge = "both" } = (options ?? {}) as {
        repeat?: boolean;
        edge?: string;
      };
      const id = nextId++;
      all.set(id, { pin: pinName(pin), callback, isRepeating: !!repeat, edge });
      return id;
    }),
    clearWatch: machine.native((...ids: unknown[]) => {
      if (ids.length) all.delete(Number(ids[0]));
      else all.clear();
    }),
  };
}

function pinName(pin: unknown): string {
  if (typeof pin === "number") return `D${pin}`;
  return String(pin);
}
