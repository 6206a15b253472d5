/** Nobody gets in on the real interpreter either: its standard input, its serial line and its telnet port stay silent. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { InterpreterDevice, shapeOf } from "../../scripts/espruino/interpreter.ts";
import { boardFor } from "../../scripts/espruino/standIn.ts";
import { Workshop } from "../../scripts/story/workshop.ts";
import { typed } from "../support/typed.ts";
import { hasInterpreter, interpreterPath, needsInterpreter } from "./support/interpreter.ts";

/** Source: interpreter libs/network/telnet/jswrap_telnet.c, the Linux build's port. */
const telnetPort = 2323;
const app = fileURLToPath(new URL("../../scripts/espruino/apps/good.ts", import.meta.url));
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const bytes = new Uint8Array(Buffer.from(typed, "latin1"));

/** Switches a device on and types at once and for three seconds. @returns all that it said */
async function typeAt(storage: Uint8Array): Promise<string> {
  const device = new InterpreterDevice(interpreterPath, storage);
  let heard = "";
  device.on("data", (data: Uint8Array) => (heard += Buffer.from(data).toString("latin1")));
  let line: ChildProcess | null = null;
  try {
    line = spawn("socat", [`pty,raw,echo=0,link=${join(device.dir, "port")}`, "-"]);
    line.stdout!.on("data", (data: Buffer) => (heard += data.toString("latin1")));
    for (let i = 0; i < 50 && !existsSync(join(device.dir, "port")); i++) await pause(20);
    device.powerOn();
    for (let i = 0; i < 12; i++) {
      device.write(bytes);
      line.stdin!.write(bytes);
      heard += await telnet();
      await pause(200);
    }
    return heard;
  } finally {
    line?.kill();
    await device.remove();
  }
}

/** Types at the telnet port. @returns what it answered; nothing when nobody listens */
function telnet(): Promise<string> {
  return new Promise((done) => {
    let text = "";
    const socket = connect(telnetPort, "127.0.0.1", () => socket.write(bytes));
    socket.on("data", (data) => (text += data.toString("latin1")));
    socket.on("error", () => done(text));
    setTimeout(() => {
      socket.destroy();
      done(text);
    }, 50);
  });
}

it.skipIf(!hasInterpreter)(
  `the real interpreter answers whoever types while it has no firmware, and nobody once it has${needsInterpreter}`,
  async () => {
    const shape = await shapeOf(interpreterPath);
    const board = boardFor(shape)!;
    const blank = new Uint8Array(shape.totalBytes).fill(255);
    expect(await typeAt(blank)).toContain("PWNED");
    const dir = mkdtempSync(join(tmpdir(), "consoles-"));
    try {
      const shop = Workshop.create(dir, new Uint8Array(32).fill(7), 1);
      const made = shop.make(board, "ESP-0001", await shop.build(board, app), 1);
      expect(await typeAt(made.storage)).not.toMatch(/PWNED|=42|Uncaught/);
    } finally {
      rmSync(dir, { recursive: true });
    }
  },
);
