import { createServer, type Server, type Socket } from "node:net";
import type { SimBoard } from "./board/simBoard.ts";

/** A board's cable as a TCP port: raw bytes both ways, for a gateway or a terminal. */
export interface Wire {
  port: number;
  close(): Promise<void>;
}

/** Opens a TCP port on the loopback address that is the board's serial cable. Bytes sent while nobody listens are lost.
 *  @param port 0 = any free port */
export async function wire(board: SimBoard, port = 0): Promise<Wire> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("data", (data) => board.feedSerial(new Uint8Array(data)));
    socket.on("error", () => socket.destroy());
    socket.on("close", () => sockets.delete(socket));
  });
  const silence = board.onSerial((data) => {
    for (const socket of sockets) socket.write(data);
  });
  await listen(server, port);
  return {
    port: (server.address() as { port: number }).port,
    async close() {
      silence();
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((done) => server.close(() => done()));
    },
  };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((done, fail) => {
    server.once("error", fail);
    server.listen(port, "127.0.0.1", () => done());
  });
}
