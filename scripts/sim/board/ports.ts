import { fromLatin1, latin1, toBytes } from "./bytes.ts";
import { consolePorts } from "./consoles.ts";
import { errorText, printed } from "./format.ts";
import type { Machine } from "./machine.ts";

const bufferBytesMax = 1024;

/** The board's serial ports: device objects with 'data' events, and the prompt behind those whose console is open. */
export class Ports {
  readonly objects: Record<string, Record<string, unknown>> = {};
  private readonly machine: Machine;
  private readonly lines = new Map<string, string>();
  private readonly unread = new Map<string, string>();

  constructor(machine: Machine) {
    this.machine = machine;
    const names = new Set([...consolePorts(machine.board), machine.board.serialPort, "Serial1"]);
    for (const name of names) this.objects[name] = this.portObject(name);
  }

  /** Bytes arrive on a port from outside. */
  receive(port: string, data: Uint8Array): void {
    const { machine } = this;
    if (!this.objects[port] || this.isDeaf(port)) return;
    machine.battery.spend("linkByte", data.length);
    if (machine.consoles.isOpen(port)) this.prompt(port, latin1(data));
    else if (machine.events.of(this.objects[port]!, "data").length) {
      machine.events.emit(this.objects[port]!, "data", latin1(data));
    } else {
      const text = (this.unread.get(port) ?? "") + latin1(data);
      this.unread.set(port, text.slice(0, bufferBytesMax));
    }
  }

  /** Sends console output to the cable when a prompt is open there. */
  echo(text: string): void {
    const port = this.machine.board.serialPort;
    if (this.machine.consoles.isOpen(port)) this.machine.transmit(port, fromLatin1(text));
  }

  private isDeaf(port: string): boolean {
    return port === "Bluetooth" && !this.machine.consoles.bluetoothUart;
  }

  private portObject(name: string): Record<string, unknown> {
    const { machine } = this;
    const send = (data: Uint8Array) => {
      machine.battery.spend("linkByte", data.length);
      if (!this.isDeaf(name)) machine.transmit(name, data);
    };
    return machine.realm.object({
      write: machine.native((...data: unknown[]) => send(toBytes(data, machine.error))),
      print: machine.native((text: unknown) => send(fromLatin1(String(text)))),
      println: machine.native((text: unknown) => send(fromLatin1(`${String(text)}\r\n`))),
      setConsole: machine.native((isForced: unknown) => machine.consoles.set(name, !!isForced)),
      setup: machine.native(() => undefined),
      unsetup: machine.native(() => undefined),
      flush: machine.native(() => undefined),
      isConnected: machine.native(() => true),
      available: machine.native(() => (this.unread.get(name) ?? "").length),
      read: machine.native((count: unknown) => this.read(name, Number(count) || bufferBytesMax)),
    });
  }

  private read(port: string, count: number): string | undefined {
    const text = this.unread.get(port) ?? "";
    this.unread.set(port, text.slice(count));
    return text ? text.slice(0, count) : undefined;
  }

  private prompt(port: string, text: string): void {
    let line = this.lines.get(port) ?? "";
    for (const char of text) {
      if (char === "\x03") line = "";
      else if (char === "\n" || char === "\r") {
        const whole = line;
        line = "";
        if (whole.trim()) this.machine.post(() => this.evaluate(port, whole));
      } else if (char >= " ") line += char;
    }
    this.lines.set(port, line);
  }

  private evaluate(port: string, line: string): void {
    const { machine } = this;
    // An earlier line may have closed the console meanwhile.
    if (!machine.consoles.isOpen(port)) return;
    let answer: string;
    try {
      answer = `=${printed(machine.realm.run(line, "console"))}`;
    } catch (error) {
      machine.guard();
      answer = `Uncaught ${errorText(error)}`;
    }
    machine.transmit(port, fromLatin1(`${answer}\r\n>`));
  }
}
