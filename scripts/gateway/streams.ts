import { type ChildProcess, spawn } from "node:child_process";
import { constants, createReadStream, createWriteStream, openSync } from "node:fs";
import { Duplex } from "node:stream";
import { isatty, ReadStream, WriteStream } from "node:tty";

/** Opens a serial port, pty or pipe by its path; a terminal is set to raw mode, its speed stays what it is
 *  (`stty -F PATH 115200`).
 *  @throws Error of the system when it cannot be opened */
export function openPath(path: string): Duplex {
  // O_NOCTTY: the line must not become this process's terminal, or its hang-up ends the gateway.
  const fd = openSync(path, constants.O_RDWR | constants.O_NOCTTY);
  if (!isatty(fd)) {
    const readable = createReadStream("", { fd, autoClose: false });
    return Duplex.from({ readable, writable: createWriteStream("", { fd }) });
  }
  const readable = new ReadStream(fd);
  readable.setRawMode(true);
  return Duplex.from({ readable, writable: new WriteStream(fd) });
}

/** Starts a program that speaks the line protocol on its standard streams, for example a simulated board.
 *  @param command program and arguments */
export function openChild(command: string[]): { stream: Duplex; child: ChildProcess } {
  const child = spawn(command[0]!, command.slice(1), { stdio: ["pipe", "pipe", "inherit"] });
  const stream = Duplex.from({ readable: child.stdout!, writable: child.stdin! });
  child.on("error", (error) => stream.destroy(error));
  return { stream, child };
}
