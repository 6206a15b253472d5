import type { Board } from "../../../boards/types.ts";

/** Which ports answer with a prompt. At power-on all of the board's do.
 *  Source: interpreter src/jsinteractive.c jsiSetConsoleDevice; libs/network/telnet; targets/nrf5x/bluetooth.c */
export class Consoles {
  private forced: string | null | undefined;
  private readonly ports: Set<string>;
  /** the Bluetooth serial service exists: without it neither console nor data passes there */
  bluetoothUart: boolean;

  constructor(board: Board) {
    this.ports = new Set(consolePorts(board));
    this.bluetoothUart = board.consoles.ble;
  }

  /** True when bytes that arrive on this port are run as code. */
  isOpen(port: string): boolean {
    if (port === "Bluetooth" && !this.bluetoothUart) return false;
    if (this.forced !== undefined) return this.forced === port && this.ports.has(port);
    return this.ports.has(port);
  }

  /** Any port with a prompt. */
  openPorts(): string[] {
    return [...this.ports].filter((port) => this.isOpen(port));
  }

  /** E.setConsole. Only a forced choice lasts: an unforced one moves back when somebody connects, so it closes nothing. */
  set(port: string | null, isForced: boolean): void {
    this.forced = isForced ? port : undefined;
  }

  closeTelnet(): void {
    this.ports.delete("Telnet");
  }

  openTelnet(): void {
    this.ports.add("Telnet");
  }
}

/** Ports on which a board's interpreter listens after power-on. */
export function consolePorts(board: Board): string[] {
  const ports: string[] = [];
  // Where the board has no USB of its own, its cable ends at the serial port of the board file.
  if (board.consoles.usb) ports.push(board.serialPort === "Serial1" ? "Serial1" : "USB");
  if (board.consoles.ble) ports.push("Bluetooth");
  if (board.consoles.telnet) ports.push("Telnet");
  return ports;
}
