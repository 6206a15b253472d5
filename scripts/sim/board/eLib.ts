import { latin1, toBytes, viewBytes } from "./bytes.ts";
import { crc32 } from "./cryptoLib.ts";
import type { Machine } from "./machine.ts";

/** First number of E.hwRand at every start: on half of the boards its generator has a constant seed. */
const hwRandSeed = 2002641757;

/** The E class. */
export function eLib(machine: Machine): Record<string, unknown> {
  const { realm } = machine;
  const bytes = (data: unknown) => toBytes(data, machine.error);
  const flags = { deepSleep: 0, unsafeFlash: 0, unsyncFiles: 0, pretokenise: 0, onErrorSave: 0 };
  let rand = hwRandSeed;
  const e = realm.object();
  const members: Record<string, (...args: never[]) => unknown> = {
    CRC32: (data: unknown) => (isData(data) ? crc32(viewBytes(data, machine.error)) : undefined),
    toUint8Array: (...data: unknown[]) => realm.bytes(bytes(data)),
    toArrayBuffer: (text: unknown) =>
      typeof text === "string" ? realm.bytes(bytes(text)).buffer : undefined,
    toString: (...data: unknown[]) => latin1(bytes(data)),
    toFlatString: (...data: unknown[]) => latin1(bytes(data)),
    hwRand: () => {
      const value = rand | 0;
      rand = (Math.imul(rand, 1103515245) + 12345) & 0x7fffffff;
      return value;
    },
    getSizeOf: (value: unknown) =>
      typeof value === "string" ? 1 + Math.ceil(value.length / 12) : 1,
    getErrorFlags: () => realm.array(),
    getFlags: () => realm.object({ ...flags }),
    setFlags: (changes: Record<string, unknown>) => {
      Object.assign(flags, changes);
    },
    getConsole: () => machine.consoles.openPorts()[0] ?? null,
    setConsole: (device: unknown, options?: { force?: unknown }) => {
      const name = device === null ? null : portName(machine, device);
      machine.consoles.set(name, !!options?.force);
    },
    lockConsole: () => undefined,
    enableWatchdog: (seconds: unknown, isAutomatic: unknown) =>
      machine.enableWatchdog(Number(seconds) || 1, isAutomatic === undefined || !!isAutomatic),
    kickWatchdog: () => machine.kickWatchdog(),
    reboot: () => {
      machine.events.emitNow(e, "kill");
      machine.end("software");
    },
    getTemperature: () => machine.sensors.temperatureC(machine.clock.nowMs()),
    getAnalogVRef: () => {
      machine.battery.spend("analogRead");
      return machine.battery.volts;
    },
    memoryArea: (addr: unknown, length: unknown) => {
      const { start, storageStart } = machine.flash.rules;
      const from = Number(addr);
      const bytes = Number(length);
      // In Storage a text is read by its file.
      if (!(from >= start && from + bytes <= storageStart))
        throw machine.error("E.memoryArea: only flash before Storage");
      return latin1(machine.flash.read(from, bytes));
    },
    defrag: () => undefined,
    stopEventPropagation: () => undefined,
    sum: (data: unknown) => bytes(data).reduce((total, value) => total + value, 0),
  };
  for (const [name, fn] of Object.entries(members)) {
    e[name] = machine.native(fn as (...args: unknown[]) => unknown);
  }
  for (const name of ["setBootCode", "setPassword", "asm", "nativeCall"]) {
    e[name] = machine.native(() => {
      throw machine.error(`E.${name} is banned on the device`);
    });
  }
  return e;
}

function isData(data: unknown): boolean {
  return data !== undefined && data !== null && typeof data !== "number";
}

function portName(machine: Machine, device: unknown): string {
  if (typeof device === "string") return device;
  const found = Object.entries(machine.realm.global).find(([, value]) => value === device);
  if (!found) throw machine.error("Unknown device type");
  return found[0];
}
