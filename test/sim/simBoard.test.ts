import { describe, expect, it } from "vitest";
import { esp32 } from "../../boards/esp32.ts";
import { puckjs } from "../../boards/puckjs.ts";
import type { Board } from "../../boards/types.ts";
import { SimBoard, type SimBoardOptions } from "../../scripts/sim/board/simBoard.ts";
import { VirtualClock } from "../../scripts/sim/clock.ts";
import { composeStorage } from "./support/image.ts";

function start(boot0: string, options: Partial<SimBoardOptions> = {}, board: Board = puckjs) {
  const clock = new VirtualClock();
  const storage = composeStorage(board, boot0);
  const sim = new SimBoard({ board, clock, storage, wallLimitMs: 1000, ...options });
  sim.powerOn();
  return { clock, sim };
}
const causes = (sim: SimBoard) =>
  sim.log.flatMap((event) => (event.kind === "ended" ? [event.cause] : []));
const reasons = (sim: SimBoard) =>
  sim.log.flatMap((event) => (event.kind === "started" ? [event.reason] : []));
const text = (data: string) => new Uint8Array(Buffer.from(data, "latin1"));
const toggle = (addr: number) => `require("Flash").write([1,2,3,4],${addr});`;

describe("a board's start", () => {
  it("runs the text of .boot0 out of flash at power-on", () => {
    const { sim } = start('print("up", process.env.BOARD, 1+1)');
    expect(sim.printedLines).toEqual(["up PUCKJS 2"]);
    expect(sim.running).toBe(true);
  });

  it("erases all of Storage when a file header is invalid", () => {
    const storage = composeStorage(puckjs, 'print("up")');
    storage.set([1, 2, 3, 200], 0);
    const { sim } = start("", { storage });
    expect(sim.printedLines[0]).toBe("Storage is corrupt.");
    expect(sim.storageImage().every((byte) => byte === 255)).toBe(true);
  });

  it("evaluates texts in place out of Storage", () => {
    const clock = new VirtualClock();
    const boot0 =
      'var f=global.eval(require("Storage").read("core",0,40));print(f(20), eval("(x=>x+1)")(1));';
    const storage = composeStorage(puckjs, boot0, "(function(x){return x*2+2})");
    const sim = new SimBoard({ board: puckjs, clock, storage });
    sim.powerOn();
    expect(sim.printedLines).toEqual(["42 2"]);
  });

  it("hands pretokenised texts to the detokeniser before they are evaluated", () => {
    const detokenise = (code: string) => code.replaceAll("\xa1", "print");
    const { sim } = start('\xa1("a");eval("\\xa1(2)")', { detokenise });
    expect(sim.printedLines).toEqual(["a", "2"]);
  });

  it("reads a text as far as its first zero byte, as the interpreter does", () => {
    const { sim } = start('print(eval("[1,2]\\x00*/((").length)');
    expect(sim.printedLines).toEqual(["2"]);
  });

  it("goes on after a text that does not parse", () => {
    const { sim } = start("print(1");
    expect(sim.crashes).toBe(1);
    expect(sim.running).toBe(true);
  });
});

describe("a board's resets", () => {
  it("by software lose RAM, keep flash and run the boot files again", () => {
    const at = puckjs.flashStart + 4096;
    const { sim, clock } = start(
      `print(typeof lost, require("Flash").read(1,${at})[0], peek32(0x40000400));var lost=1;${toggle(at)}
       if (peek32(0x40000400)===0) { poke32(0x40000400,-1); setTimeout(function(){E.reboot();print("never")},100) }`,
    );
    clock.advance(1000);
    expect(sim.printedLines).toEqual(["undefined 255 0", "undefined 1 4"]);
    expect(sim.reboots).toBe(1);
    expect(sim.lastResetReason).toBe("software");
  });

  it("run the kill listeners first and cannot be caught by device code", () => {
    const { sim, clock } = start(
      'E.on("kill",function(){print("kill")});setTimeout(function(){try{E.reboot()}catch(e){print("caught")}},5)',
      { bootMs: 1e6 },
    );
    clock.advance(100);
    expect(sim.printedLines).toEqual(["kill"]);
    expect(causes(sim)).toEqual(["software"]);
  });

  it("keep reset reason bits until they are written with ones", () => {
    const { sim, clock } = start("print(peek32(0x40000400))");
    sim.resetPin();
    clock.advance(100);
    sim.resetPin();
    clock.advance(100);
    sim.powerOff();
    sim.powerOn();
    expect(sim.printedLines).toEqual(["0", "1", "1", "0"]);
  });

  it("cancel timers of the life before", () => {
    const { sim, clock } = start('setInterval(function(){print("tick")},100)');
    clock.advance(250);
    sim.powerOff();
    clock.advance(1000);
    expect(sim.printedLines).toEqual(["tick", "tick"]);
    expect(sim.running).toBe(false);
  });

  it("by load() run .boot0 again without a new reset reason", () => {
    const { sim, clock } = start('print("boot");setTimeout(function(){load()},10)');
    clock.advance(15);
    expect(sim.printedLines).toEqual(["boot", "boot"]);
    expect(sim.lastResetReason).toBe("power-on");
  });
});

describe("the watchdog", () => {
  it("resets a board that does not kick it in time", () => {
    const { sim, clock } = start(
      "E.enableWatchdog(5,false);var n=0;setInterval(function(){if(n++<3)E.kickWatchdog()},2000)",
    );
    clock.advance(10_900);
    expect(reasons(sim)).toEqual(["power-on"]);
    clock.advance(400);
    expect(reasons(sim)).toEqual(["power-on", "watchdog"]);
  });

  it("is kicked by the idle loop when automatic", () => {
    const { sim, clock } = start("E.enableWatchdog(5,true)");
    clock.advance(60_000);
    expect(reasons(sim)).toEqual(["power-on"]);
  });

  it("ends an endless loop of the device without hanging the host", () => {
    const { sim, clock } = start("E.enableWatchdog(5);setTimeout(function(){for(;;);},1000)");
    clock.advance(5900);
    expect(sim.running).toBe(false);
    clock.advance(200);
    expect(reasons(sim)).toEqual(["power-on", "watchdog"]);
  });

  it("that was never enabled leaves an endless loop hanging until the power goes", () => {
    const { sim, clock } = start("for(;;);");
    clock.advance(60_000);
    expect(causes(sim)).toEqual(["hung"]);
    expect(sim.running).toBe(false);
  });
});

describe("an uncaught exception", () => {
  it("goes to the uncaughtException listeners of process", () => {
    const { sim, clock } = start(
      'process.on("uncaughtException",function(e){print("got",e.message)});setTimeout(function(){throw new Error("x")},1)',
    );
    clock.advance(10);
    expect(sim.printedLines).toEqual(["got x"]);
    expect(sim.log.find((event) => event.kind === "crash")).toMatchObject({ isHandled: true });
  });

  it("without listeners is printed and the timers go on", () => {
    const { sim, clock } = start("setInterval(function(){throw 5},10)");
    clock.advance(25);
    expect(sim.printedLines).toEqual(["Uncaught 5", "Uncaught 5"]);
    expect(sim.crashes).toBe(2);
  });
});

describe("a power cut", () => {
  const at = puckjs.flashStart + 4096;
  const boot0 = `setTimeout(function(){for(var i=0;i<4;i++)try{require("Flash").write([i,i,i,i],${at}+4*i);print(i)}catch(e){}},10)`;

  it("stops the device at the chosen write although it catches everything", () => {
    const { sim, clock } = start(boot0);
    sim.powerCutAt("before", 2);
    clock.advance(100);
    expect(sim.printedLines).toEqual(["0", "1"]);
    expect(causes(sim)).toEqual(["power-cut"]);
    const start8 = sim.storageImage().subarray(4096, 4096 + 16);
    expect([...start8]).toEqual([0, 0, 0, 0, 1, 1, 1, 1, ...Array(8).fill(255)]);
  });

  it("leaves the board off until it is switched on again", () => {
    const { sim, clock } = start(boot0);
    sim.powerCutAt("half", 0);
    clock.advance(100);
    expect(sim.running).toBe(false);
    sim.powerOn();
    expect(sim.running).toBe(true);
    expect(sim.lastResetReason).toBe("power-on");
  });
});

describe("the console", () => {
  it("answers to anyone at power-on", () => {
    const { sim, clock } = start("var secret=42");
    let out = "";
    sim.onPort("Bluetooth", (data) => (out += Buffer.from(data).toString("latin1")));
    sim.feed("Bluetooth", text("secret\n"));
    clock.advance(1);
    expect(out).toBe("=42\r\n>");
    expect(sim.console.isOpen("Bluetooth")).toBe(true);
  });

  it("answers nothing once it was closed by force, and the bytes go to the device", () => {
    const { sim, clock } = start(
      'var secret=42;E.setConsole(null,{force:true});Bluetooth.on("data",function(d){print(d.length,d.charCodeAt(0))})',
    );
    let out = "";
    sim.onSerial((data) => (out += Buffer.from(data).toString("latin1")));
    sim.feedSerial(text("\x03\xfesecret\n"));
    clock.advance(1);
    expect(out).toBe("");
    expect(sim.printedLines).toEqual(["9 3"]);
    expect(sim.console.isOpen("Bluetooth")).toBe(false);
  });

  it("stays open when it was closed without force", () => {
    const { sim } = start("E.setConsole(null)");
    expect(sim.console.isOpen("Bluetooth")).toBe(true);
  });

  it("over Bluetooth goes away together with the serial service", () => {
    const { sim, clock } = start(
      'NRF.setServices({},{uart:false});Bluetooth.on("data",function(){print("data")})',
    );
    sim.feedSerial(text("print(1)\n"));
    clock.advance(1);
    expect(sim.printedLines).toEqual([]);
  });

  it("over telnet is closed by TelnetServer", () => {
    const { sim } = start('require("TelnetServer").setOptions({mode:"off"})', {}, esp32);
    expect(sim.console.isOpen("Telnet")).toBe(false);
    expect(sim.console.isOpen("Serial1")).toBe(true);
  });
});

describe("pins", () => {
  it("show the rescue button as the board file words it", () => {
    for (const board of [puckjs, esp32]) {
      const { sim, clock } = start(
        `setInterval(function(){print(!!(${board.button}))},10)`,
        {},
        board,
      );
      clock.advance(10);
      sim.holdButton(true);
      clock.advance(10);
      expect(sim.printedLines, board.id).toEqual(["false", "true"]);
    }
  });

  it("call watches on the edge asked for", () => {
    const { sim, clock } = start(
      'setWatch(function(e){print(e.state)},BTN1,{repeat:true,edge:"rising"})',
    );
    for (const isHeld of [true, false, true]) sim.holdButton(isHeld);
    clock.advance(1);
    expect(sim.printedLines).toEqual(["true", "true"]);
  });
});

describe("the battery", () => {
  const drained = (everyMs: number, idleMicroA = 0) => {
    const { sim, clock } = start(`setInterval(function(){analogRead(D1)},${everyMs})`, {
      battery: { capacityMicroAh: 1000, idleMicroA },
    });
    clock.advance(360_000);
    return 1000 - sim.battery.chargeMicroAh;
  };

  it("is drained in proportion to what the device code does", () => {
    expect(drained(250) / drained(1000)).toBeCloseTo(4, 1);
  });

  it("is drained by idle current times time", () => {
    expect(drained(3600_000_000, 100)).toBeCloseTo(10, 1);
  });

  it("lowers the voltage that the device measures and in the end stops the board", () => {
    const { sim, clock } = start(
      "setInterval(function(){print(NRF.getBattery().toFixed(1))},60000)",
      {
        battery: { capacityMicroAh: 100, idleMicroA: 1000 },
      },
    );
    clock.advance(3600_000);
    const volts = sim.printedLines.map(Number);
    expect(volts[0]).toBeGreaterThan(volts.at(-1)!);
    expect(causes(sim)).toEqual(["battery-empty"]);
  });
});
