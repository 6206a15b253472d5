import { connect, createServer, type Server, type Socket } from "node:net";

/** A TCP listener that hands every connection on to another port and counts what crosses it, both ways: what a transfer
 *  cost on the wire, with the carrier's framing and whatever else was said meanwhile. */
export class Tap {
  /** bytes so far, from and to the device */
  bytes = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @param toPort on this host; need not listen yet */
  static start(toPort: number): Promise<Tap> {
    return new Promise((resolve, reject) => {
      const server = createServer((near) => tap.#join(near, connect(toPort, "127.0.0.1")));
      const tap = new Tap(server);
      server.on("error", reject);
      server.listen(0, "127.0.0.1", () => resolve(tap));
    });
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  /** One end gone, both gone: the device sees what it would see without a tap. */
  #join(near: Socket, far: Socket): void {
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(from);
      from.on("data", (data) => {
        this.bytes += data.length;
        to.write(data);
      });
      from.on("error", () => to.destroy());
      from.on("close", () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    }
  }

  stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}
