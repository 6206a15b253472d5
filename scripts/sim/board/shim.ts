import { cryptoLib } from "./cryptoLib.ts";
import { eLib } from "./eLib.ts";
import { flashLib, storageLib } from "./flashLibs.ts";
import { printed } from "./format.ts";
import { heatshrinkLib } from "./heatshrinkLib.ts";
import type { Machine } from "./machine.ts";
import { netLib } from "./netLib.ts";
import { nrfLib } from "./nrfLib.ts";
import { pinGlobals } from "./pinGlobals.ts";
import { Ports } from "./ports.ts";
import { processLib } from "./processLib.ts";
import type { ResetReason } from "./simBoard.ts";
import { timerGlobals } from "./timers.ts";
import { Wifi } from "./wifiLib.ts";

/** What the board needs to reach into the device's world after it was furnished. */
export interface Shim {
  ports: Ports;
  wifi: Wifi | undefined;
  process: object;
  e: object;
  timerCount: () => number;
}

/** Furnishes a fresh realm with the interpreter's globals and libraries that this board's build has. */
export function installShim(machine: Machine): Shim {
  const { realm, board } = machine;
  const timers = timerGlobals(machine);
  const ports = new Ports(machine);
  const hasWifi = board.chip.startsWith("ESP");
  const hasNet = board.link === "mqtt";
  const net = hasNet ? netLib(machine, () => wifi?.isUp() ?? true) : undefined;
  const wifi: Wifi | undefined = hasWifi ? new Wifi(machine, () => net?.cut()) : undefined;
  const crypto = cryptoLib(machine);
  const e = eLib(machine);
  const process = processLib(machine);
  const libraries: Record<string, unknown> = {
    Flash: flashLib(machine),
    Storage: storageLib(machine),
    crypto: crypto.library,
    heatshrink: heatshrinkLib(machine),
  };
  if (net) libraries.net = net.library;
  if (board.chip === "ESP8266") libraries.ESP8266 = esp8266Lib(machine);
  if (wifi) libraries.Wifi = wifi.library;
  if (board.consoles.telnet) libraries.TelnetServer = telnetLib(machine);
  let timeOffsetS = 0;
  const print = machine.native((...values: unknown[]) =>
    machine.print(values.map(printed).join(" ")),
  );
  Object.assign(realm.global, timers.globals, pinGlobals(machine), ports.objects, {
    global: realm.global,
    E: e,
    process,
    print,
    console: realm.object({ log: print, info: print, warn: print, error: print, debug: print }),
    require: machine.native((name: unknown) => {
      const library = libraries[String(name)];
      if (library === undefined) throw machine.error(`Module "${String(name)}" not found`);
      return library;
    }),
    getTime: machine.native(() => (machine.clock.nowMs() - machine.startedMs) / 1000 + timeOffsetS),
    setTime: machine.native((seconds: unknown) => {
      timeOffsetS = Number(seconds) - (machine.clock.nowMs() - machine.startedMs) / 1000;
    }),
    getSerial: machine.native(() => "00000000-addeadde-addeadde"),
    load: machine.native(() => machine.end("soft")),
    reset: machine.native(() => machine.end("soft")),
    atob: (text: string) => atob(text),
    btoa: (text: string) => btoa(text),
    setSleepIndicator: machine.native(() => undefined),
    setBusyIndicator: machine.native(() => undefined),
    setDeepSleep: machine.native(() => undefined),
    echo: machine.native(() => undefined),
  });
  if (crypto.aes) realm.global.AES = crypto.aes;
  if (board.consoles.ble) realm.global.NRF = nrfLib(machine);
  return { ports, wifi, process, e, timerCount: timers.count };
}

/** Source: interpreter targets/esp8266/user_main.c, rst_codes */
const esp8266Words: Record<ResetReason, string> = {
  ...{ "power-on": "power on", "brown-out": "power on", pin: "reset pin" },
  ...{ watchdog: "wdt reset", software: "restart" },
};

function esp8266Lib(machine: Machine): Record<string, unknown> {
  return machine.realm.object({
    getResetInfo: machine.native(() =>
      machine.realm.object({ reason: esp8266Words[machine.resetReason()] }),
    ),
  });
}

function telnetLib(machine: Machine): Record<string, unknown> {
  return machine.realm.object({
    setOptions: machine.native((options: unknown) => {
      const mode = (options as { mode?: unknown } | undefined)?.mode;
      if (mode === "off") machine.consoles.closeTelnet();
      else if (mode !== undefined) machine.consoles.openTelnet();
    }),
  });
}
