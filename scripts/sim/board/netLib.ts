import type { SimConnection } from "../net.ts";
import { fromLatin1, latin1, toBytes } from "./bytes.ts";
import type { Machine } from "./machine.ts";

/** Most bytes in one 'data' event. Source: interpreter libs/network/network.c, default chunk */
const chunkBytesMax = 536;
const retryMs = 20;

/** require("net") for boards with TCP of their own. The network must be up: `isUp` tells. `cut` ends every connection
 *  without a word to device code, as the loss of a network does for minutes.
 *  Source: interpreter libs/network/socketserver.c socketClientConnectionsIdle, clientRequestWrite */
export function netLib(
  machine: Machine,
  isUp: () => boolean,
): { library: Record<string, unknown>; cut(): void } {
  const sockets = new Set<DeviceSocket>();
  const library = machine.realm.object({
    connect: machine.native((options: unknown, callback: unknown) => {
      if (!isUp()) throw machine.error("Not connected to the internet");
      const { host = "", port = 0 } = (options ?? {}) as { host?: unknown; port?: unknown };
      const socket = new DeviceSocket(machine, String(host), Number(port), callback, () =>
        sockets.delete(socket),
      );
      sockets.add(socket);
      return socket.object;
    }),
  });
  return {
    library,
    cut() {
      for (const socket of sockets) socket.cut();
      sockets.clear();
    },
  };
}

/** One client socket in the hands of device code. */
class DeviceSocket {
  readonly object: Record<string, unknown>;
  private readonly machine: Machine;
  private readonly connection: SimConnection;
  private readonly received: string[] = [];
  private readonly ended: () => void;
  private isOpen = true;
  private isCut = false;
  private wantsEnd = false;
  private unsentWrites = 0;

  constructor(machine: Machine, host: string, port: number, callback: unknown, ended: () => void) {
    this.machine = machine;
    this.ended = ended;
    this.object = machine.realm.object();
    this.connection = machine.net.connect(host, port, {
      connected: () => machine.post(() => this.connected(callback)),
      data: (data) => machine.post(() => this.take(data)),
      drained: () => machine.post(() => this.drained()),
      closed: (error) => machine.post(() => this.closed(error)),
    });
    machine.atEnd(() => this.connection.destroy());
    Object.assign(this.object, {
      write: machine.native((data: unknown) => this.write(data)),
      end: machine.native((data: unknown) => this.end(data)),
      available: machine.native(() => this.received.join("").length),
      read: machine.native((count: unknown) => this.read(Number(count) || 0)),
    });
  }

  /** The network has gone: nothing is sent and nothing comes any more. */
  cut(): void {
    this.isCut = true;
    this.connection.destroy();
  }

  private connected(callback: unknown): void {
    const { machine, object } = this;
    if (callback) machine.enter(() => machine.call(callback, object, [object]));
    machine.events.emit(object, "connect", object);
    if (!this.unsentWrites) machine.events.emit(object, "drain", object);
  }

  private take(data: Uint8Array): void {
    this.machine.battery.spend("linkByte", data.length);
    for (let i = 0; i < data.length; i += chunkBytesMax) {
      this.received.push(latin1(data.subarray(i, i + chunkBytesMax)));
    }
    this.deliver();
  }

  /** Data waits for its first listener, or for read(). */
  private deliver(): void {
    if (!this.received.length) return;
    if (!this.machine.events.of(this.object, "data").length) {
      if (this.isOpen) this.machine.after(retryMs, () => this.deliver());
      return;
    }
    for (const text of this.received.splice(0)) this.machine.events.emit(this.object, "data", text);
  }

  private write(data: unknown): boolean {
    if (!this.isOpen) throw this.machine.error("This socket is closed");
    // Text is what arrays become here: the interpreter sends String(data).
    const bytes =
      typeof data === "string" ? fromLatin1(data) : toBytes(String(data), this.machine.error);
    this.machine.battery.spend("linkByte", bytes.length);
    this.unsentWrites++;
    if (!this.isCut) this.connection.write(bytes);
    return false;
  }

  private drained(): void {
    this.unsentWrites--;
    if (!this.unsentWrites && !this.wantsEnd)
      this.machine.events.emit(this.object, "drain", this.object);
  }

  private end(data: unknown): void {
    if (data !== undefined) this.write(data);
    this.wantsEnd = true;
    if (!this.isCut) this.connection.end();
  }

  private closed(error?: string): void {
    if (!this.isOpen || this.isCut) return;
    this.deliver();
    this.isOpen = false;
    this.ended();
    const { events, realm } = this.machine;
    if (error) events.emit(this.object, "error", realm.object({ code: -1, message: error }));
    events.emit(this.object, "end");
    events.emit(this.object, "close", error !== undefined);
  }

  private read(count: number): string {
    const all = this.received.splice(0).join("");
    if (!count || count >= all.length) return all;
    this.received.push(all.slice(count));
    return all.slice(0, count);
  }
}
