import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What kind of interpreter a binary is. */
export interface Shape {
  version: string;
  /** 0 when variables are resizable */
  variables: number;
  /** bytes of a variable: 13 is a Puck's */
  variableBytes: number;
  pageBytes: number;
  totalBytes: number;
}

const probeText = `print("SHAPE"+JSON.stringify([process.env.VERSION,process.memory().total,process.memory().blocksize,
require("Flash").getPage(0x10000000).length,process.env.STORAGE||process.env.FLASH]))`;

/** Runs a small program in the interpreter and returns what it printed.
 *  @param onLine given each line as it comes, and the interpreter's process
 *  @throws Error when it prints no marker within limitMs */
export function runProgram(
  bin: string,
  text: string,
  marker: string,
  dir = freshDir(),
  limitMs = 10_000,
  onLine: (line: string, pid: number) => void = () => undefined,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const file = join(dir, "program.js");
    writeFileSync(file, text, "latin1");
    const child = spawn(bin, [file], { cwd: dir, stdio: ["pipe", "pipe", "inherit"] });
    let out = "";
    const end = (error?: Error) => {
      clearTimeout(timer);
      child.kill("SIGKILL");
      if (error) reject(error);
      else resolve(out);
    };
    const timer = setTimeout(
      () =>
        end(
          new Error(
            `interpreter ${bin}: expected "${marker}" within ${limitMs / 1000} s, got ${out.slice(-300)}`,
          ),
        ),
      limitMs,
    );
    child.stdout.on("data", (d: Buffer) => {
      const from = out.lastIndexOf("\n") + 1;
      out += d.toString("latin1");
      for (const line of out.slice(from).split("\n").slice(0, -1)) onLine(line, child.pid!);
      const at = out.indexOf(marker);
      if (at >= 0 && out.indexOf("\n", at) >= 0) end();
    });
    child.on("error", end);
    // Its last words say why: without this, a program that ends in an error is waited for until the limit.
    child.stdout.on("data", () => {
      const error = /^Uncaught .*$/m.exec(out);
      if (error) end(new Error(`interpreter ${bin}: expected "${marker}", got ${error[0]}`));
    });
    child.on("close", () => end(new Error(`interpreter ${bin}: ended without "${marker}"`)));
  });
}

/** Asks a binary what it is. */
export async function shapeOf(bin: string): Promise<Shape> {
  const out = await runProgram(bin, probeText, "SHAPE");
  const line = out.slice(out.indexOf("SHAPE") + 5).split("\n")[0]!;
  const [version, variables, variableBytes, pageBytes, totalBytes] = JSON.parse(line);
  return { version, variables, variableBytes, pageBytes, totalBytes };
}

export function freshDir(): string {
  return mkdtempSync(join(tmpdir(), "fleetling-espruino-"));
}

/** One real interpreter on its own flash file: a device. When it restarts itself (E.reboot ends the Linux build),
 *  it is started again, as a board would. Emits "data" (its port), "start", "exit". */
export class InterpreterDevice extends EventEmitter {
  readonly dir = freshDir();
  readonly #bin: string;
  #child: ChildProcess | null = null;
  #wanted = false;
  starts = 0;

  constructor(bin: string, storage: Uint8Array) {
    super();
    this.#bin = bin;
    this.writeFlash(storage);
  }

  get flashFile(): string {
    return join(this.dir, "espruino.flash");
  }
  flash(): Uint8Array {
    return new Uint8Array(readFileSync(this.flashFile));
  }
  writeFlash(storage: Uint8Array): void {
    writeFileSync(this.flashFile, storage);
  }

  powerOn(): void {
    this.#wanted = true;
    if (this.#child) return;
    // Standard input is held open: at its end the Linux build reads 0xFF for ever.
    const child = spawn(this.#bin, [], { cwd: this.dir, stdio: ["pipe", "pipe", "inherit"] });
    this.#child = child;
    this.starts++;
    this.emit("start");
    child.stdin!.on("error", (error: NodeJS.ErrnoException) => {
      // The port of a device that just lost power: what was on the wire is gone.
      if (error.code !== "EPIPE") this.emit("error", error);
    });
    child.stdout!.on("data", (d: Buffer) => this.emit("data", new Uint8Array(d)));
    child.on("exit", (code, signal) => {
      if (this.#child === child) this.#child = null;
      this.emit("exit", code, signal);
      if (this.#wanted) setTimeout(() => this.#wanted && this.powerOn(), 50);
    });
  }

  /** Power gone, in the middle of whatever it did. */
  powerOff(): Promise<void> {
    this.#wanted = false;
    const child = this.#child;
    if (!child) return Promise.resolve();
    return new Promise((resolve) => {
      child.once("exit", () => resolve());
      child.kill("SIGKILL");
    });
  }

  write(bytes: Uint8Array): void {
    this.#child?.stdin?.write(bytes);
  }

  async remove(): Promise<void> {
    await this.powerOff();
    rmSync(this.dir, { recursive: true, force: true });
  }
}
