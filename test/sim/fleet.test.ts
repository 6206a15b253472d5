import { connect, createServer, type Server } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { esp32 } from "../../boards/esp32.ts";
import { linux } from "../../boards/linux.ts";
import { puckjs } from "../../boards/puckjs.ts";
import { SimBoard } from "../../scripts/sim/board/simBoard.ts";
import { realClock, VirtualClock } from "../../scripts/sim/clock.ts";
import { startFleet } from "../../scripts/sim/device.ts";
import type { ConnectionEvents, SimNet } from "../../scripts/sim/net.ts";
import { realNet } from "../../scripts/sim/net.ts";
import { wire } from "../../scripts/sim/wire.ts";
import { composeStorage } from "./support/image.ts";

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const fn of undo.splice(0).reverse()) await fn();
});

async function until(isDone: () => boolean): Promise<void> {
  for (let i = 0; i < 400 && !isDone(); i++) await new Promise((done) => setTimeout(done, 5));
  expect(isDone()).toBe(true);
}

async function echoServer(): Promise<number> {
  const server: Server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.pipe(socket);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  undo.push(() => server.close());
  return (server.address() as { port: number }).port;
}

describe("a board's network", () => {
  it("carries bytes of any value to a TCP server and back", async () => {
    const port = await echoServer();
    const boot0 = `require("net").connect({host:"127.0.0.1",port:${port}},function(s){var got="";
      s.on("data",function(d){got+=d;if(got.length==4){print(E.toUint8Array(got));s.end()}});
      s.on("close",function(bad){print("closed",bad)});print(s.write("\\x00\\x7f\\x80\\xff"))})`;
    const board = new SimBoard({
      board: linux,
      clock: realClock(),
      net: realNet(),
      storage: composeStorage(linux, boot0),
    });
    undo.push(() => board.powerOff());
    board.powerOn();
    await until(() => board.printedLines.length === 3);
    expect(board.printedLines).toEqual([
      "false",
      "new Uint8Array([0, 127, 128, 255])",
      "closed false",
    ]);
  });

  it("reports a refused connection as error, then close", () => {
    const clock = new VirtualClock();
    const boot0 =
      'var s=require("net").connect({host:"h",port:1},function(){print("never")});' +
      's.on("error",function(e){print("error",e.message)});s.on("close",function(b){print("close",b)})';
    const { net, peers } = scriptedNet();
    const board = new SimBoard({ board: linux, clock, net, storage: composeStorage(linux, boot0) });
    board.powerOn();
    peers[0]!.closed("refused");
    clock.advance(10);
    expect(board.printedLines).toEqual(["error refused", "close true"]);
  });

  it("loses its sockets with the power", () => {
    const clock = new VirtualClock();
    const { net, destroyed } = scriptedNet();
    const storage = composeStorage(linux, 'require("net").connect({host:"h",port:1},function(){})');
    const board = new SimBoard({ board: linux, clock, net, storage });
    board.powerOn();
    board.powerOff();
    expect(destroyed()).toBe(1);
  });

  it("is there only after the board has joined its access point, and goes with it", () => {
    const clock = new VirtualClock();
    const boot0 =
      'var w=require("Wifi");function t(){try{require("net").connect({host:"h",port:1});print("up")}catch(e){print(e.message)}}' +
      't();w.on("disconnected",function(){print("gone");t()});' +
      'w.connect("home",{password:"pw"},function(e){print(e,w.getDetails().rssi);t()})';
    const wifi = { ssid: "home", password: "pw", rssiDbm: -61 };
    const { net } = scriptedNet();
    const storage = composeStorage(esp32, boot0);
    const board = new SimBoard({ board: esp32, clock, net, storage, wifi });
    board.powerOn();
    clock.advance(3000);
    board.setWifi({ ssid: null });
    clock.advance(10);
    const offline = "Not connected to the internet";
    expect(board.printedLines).toEqual([offline, "null -61", "up", "gone", offline]);
  });
});

describe("a wire", () => {
  it("carries raw bytes between a TCP client and the board's serial port", async () => {
    const boot0 =
      'E.setConsole(null,{force:true});Bluetooth.on("data",function(d){Bluetooth.write([254,d.length],d)})';
    const storage = composeStorage(puckjs, boot0);
    const board = new SimBoard({ board: puckjs, clock: realClock(), storage });
    board.powerOn();
    undo.push(() => board.powerOff());
    const cable = await wire(board);
    undo.push(() => cable.close());
    const got: number[] = [];
    const client = connect(cable.port, "127.0.0.1");
    undo.push(() => client.destroy());
    client.on("data", (data) => got.push(...data));
    client.write(Uint8Array.of(0, 3, 255));
    await until(() => got.length === 5);
    expect(got).toEqual([254, 3, 0, 3, 255]);
  });
});

describe("a fleet", () => {
  it("of 51 boards starts one after the other and stops as a whole", () => {
    const clock = new VirtualClock();
    const storage = composeStorage(puckjs, 'print("up");setInterval(function(){},1000)');
    const one = { board: puckjs, storage };
    const fleet = startFleet(Array(51).fill(one), { clock, spreadMs: 1000 });
    clock.advance(500);
    const half = fleet.boards.filter(({ running }) => running).length;
    expect(half).toBeGreaterThan(10);
    expect(half).toBeLessThan(41);
    clock.advance(600);
    expect(fleet.boards.every(({ running }) => running)).toBe(true);
    fleet.stop();
    expect(fleet.boards.some(({ running }) => running)).toBe(false);
    expect(fleet.byName("board-51")!.starts).toBe(1);
  });
});

function scriptedNet(): { net: SimNet; peers: ConnectionEvents[]; destroyed: () => number } {
  const peers: ConnectionEvents[] = [];
  let destroyed = 0;
  const net: SimNet = {
    connect(_host, _port, events) {
      peers.push(events);
      return { write() {}, end() {}, destroy: () => void destroyed++ };
    },
  };
  return { net, peers, destroyed: () => destroyed };
}
