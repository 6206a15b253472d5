import { describe, expect, it } from "vitest";
import { linux } from "../../boards/linux.ts";
import { puckjs } from "../../boards/puckjs.ts";
import type { Board } from "../../boards/types.ts";
import { SimBoard } from "../../scripts/sim/board/simBoard.ts";
import { VirtualClock } from "../../scripts/sim/clock.ts";
import { composeStorage } from "./support/image.ts";
import { hasInterpreter, needsInterpreter, runInterpreter } from "./support/interpreter.ts";

const aesBoard: Board = { ...linux, crypto: { sha256: true, aes: true } };
const at = linux.flashStart + 2048;

/** Snippets whose value, or error message, must be the same here and on the interpreter. */
const snippets = [
  "Array.isArray(new Uint8Array([1,2,3]).slice(0,2))",
  "Array.isArray(new Uint8Array([1,2,3]).filter(function(x){return x>1}))",
  "Array.isArray(new Uint8Array([1,2,3]).map(function(x){return x}))",
  'E.toUint8Array("abc")',
  'E.toUint8Array([1,[2,3]],"ab",257)',
  "E.toUint8Array([1]) instanceof Uint8Array",
  "E.toUint8Array()",
  'E.toUint8Array("")',
  "E.toUint8Array({data:[1,2],count:3})",
  "E.toUint8Array(new Uint16Array([1,258]))",
  'E.toString([65,66],"c")',
  "E.toString(new Uint8Array([65,200]))",
  'E.toString("")',
  'E.toArrayBuffer("abc") instanceof ArrayBuffer',
  "E.toArrayBuffer(12)",
  'E.CRC32("abc")',
  "E.CRC32([97,98,99])",
  "E.CRC32(new Uint8Array([97,98,99]).buffer)",
  "E.CRC32(undefined)",
  'E.CRC32("")',
  'require("crypto").SHA256("abc") instanceof ArrayBuffer',
  'new Uint8Array(require("crypto").SHA256("abc"))',
  'new Uint8Array(require("crypto").SHA256([1,2]))',
  'new Uint8Array(require("crypto").SHA1("abc"))',
  'require("Storage").read("nothing")',
  'require("Storage").readArrayBuffer("nothing")',
  `require("Flash").read(4,${linux.flashStart + 30000})`,
  `require("Flash").read(0,${linux.flashStart})`,
  `require("Flash").getPage(${linux.flashStart + 5}).addr`,
  'require("Flash").getPage(5)',
  `require("Flash").write(undefined,${at})`,
  'require("Flash").erasePage(undefined)',
  `(function(){var f=require("Flash");f.erasePage(${at});f.write([1,[2,3],"a"],${at});f.write("bcde",${at + 4});` +
    `f.write({data:"ab",count:2},${at + 8});return f.read(14,${at})})()`,
  `(function(){var f=require("Flash");f.erasePage(${at});f.write([0xf0,255,255,255],${at});f.write([0xaa,255,255,255],${at});return f.read(4,${at})})()`,
  `(function(){var f=require("Flash");f.erasePage(${at});f.write([1,2,3,4],${at});f.write([5],${at + 5});return f.read(8,${at})})()`,
  'require("Nope")',
  "clearInterval(undefined)",
  "clearTimeout(undefined)",
  "clearTimeout(55)",
  "changeInterval(55,1)",
  "setTimeout(5,1)",
  "typeof setTimeout(function(){},1)",
  "E.hwRand()",
  "E.getErrorFlags()",
  'E.on("x",1)',
  "global===globalThis",
  "[3,1,10].sort()",
  '"a-b".split("-")',
  '"abc".replace(/b/,"x")',
  'JSON.stringify({a:[1,"x"],b:null})',
  "JSON.parse('{\"a\":1}').a",
  "[1,2,3].map(function(x){return x*2})",
  "new Uint8Array([1,2,3,4]).slice(1,3)",
  "new Uint8Array([1,2,3,4]).subarray(2).length",
  "new DataView(new Uint8Array([1,2,3,4]).buffer).getUint32(0,true)",
  "new Uint8Array(3).fill(7)",
  'btoa("abc")+atob("YWJj")',
  'encodeURIComponent("a b")',
  "String.fromCharCode(65,66)",
  "(5.678).toFixed(1)",
  "Math.clip(12,0,10)",
  "[typeof Map,typeof Set,typeof WeakMap,typeof Symbol,typeof Proxy,typeof Reflect,typeof BigInt]",
  "[typeof Array.from,typeof Array.of,typeof Object.freeze,typeof [].flat,typeof Promise.race,typeof Promise.prototype.finally]",
  "[typeof Uint8Array,typeof DataView,typeof Promise,typeof Object.assign,typeof Object.entries,typeof ''.padStart]",
  "[typeof E.setConsole,typeof E.enableWatchdog,typeof E.kickWatchdog,typeof E.reboot,typeof USB.on,typeof NRF,typeof BTN1]",
  'typeof require("net").connect+typeof require("TelnetServer").setOptions',
  "(function(){var q=[],o={};o.on('a',function(x){q.push(x)});o.emit('a',1);return q.length})()",
  "process.version",
  "typeof process.memory().usage+typeof process.env.BOARD",
];

/** Programs that print over time; all lines must be the same. */
const programs: Record<string, string> = {
  "timers run in order with their extra arguments":
    'setTimeout(function(a,b){print("T",a,b)},20,1,"x");setTimeout("print(\'text\')",10);' +
    'var n=0,i=setInterval(function(a){print("I",a);if(++n>2)clearInterval(i)},50,7)',
  "clearInterval without arguments stops timeouts too":
    'setTimeout(function(){print("never")},30);setInterval(function(){print("never")},30);setTimeout(function(){clearInterval();print("stopped")},10)',
  "changeInterval restarts the period":
    'var i=setInterval(function(){print("tick");clearInterval(i)},5000);changeInterval(i,20)',
  "listeners run later, in order, with their arguments":
    'var o={};o.on("a",function(x,y){print("1",x,y)});o.on("a",function(x){print("2",x)});o.emit("a",3,4);print("first")',
  "an uncaught exception reaches the listeners of process":
    'process.on("uncaughtException",function(e){print("UE",e.toString())});setTimeout(function(){throw new Error("boo")},5);setTimeout(function(){print("on")},30)',
  "promises settle in order":
    'Promise.resolve(1).then(function(x){print("p",x);return x+1}).then(function(x){print("p",x);throw new Error("e")}).catch(function(e){print("c",e.message)});' +
    "Promise.all([1,Promise.resolve(2)]).then(function(l){print(JSON.stringify(l))})",
  "removeListener stops only that listener":
    'var f=function(){print("f")},o={};o.on("a",f);o.on("a",function(){print("g")});o.removeListener("a",f);o.emit("a")',
};

/** Takes out what a prompt that is redrawn around each line leaves: cursor movements, returns, backspaces. */
const withoutPrompt = (text: string) =>
  text
    .split("\x1b")
    .map((part) => part.replace(/^\[\d*[JKABCD]/, ""))
    .join("")
    .replace(/[\r>]/g, "")
    .replaceAll("\b", "");

function onBoard(program: string, board = aesBoard): string[] {
  const clock = new VirtualClock();
  const storage = composeStorage(board, program);
  const sim = new SimBoard({ board, clock, storage, wallLimitMs: 0 });
  sim.powerOn();
  clock.advance(500);
  return sim.printedLines;
}

const tabled = (list: string[]) =>
  list
    .map(
      (code, i) =>
        `try{print("@${i} "+JSON.stringify((function(){return ${code}})()))}catch(e){print("@${i} throws "+e.message)}`,
    )
    .join("\n");

describe("the shim", () => {
  it.runIf(hasInterpreter)(
    `gives for every snippet what the interpreter gives${needsInterpreter}`,
    { timeout: 30_000 },
    async () => {
      const { text } = await runInterpreter(
        `${tabled(snippets)}\nclearInterval()`,
        new Uint8Array(262144).fill(255),
      );
      const real = text.split(/\r?\n/).filter((line) => line.startsWith("@"));
      const name = (line: string) => `${snippets[Number(/^@(\d+)/.exec(line)?.[1])]} ${line}`;
      const simulated = onBoard(tabled(snippets)).filter((line) => line.startsWith("@"));
      expect(simulated.map(name)).toEqual(real.map(name));
    },
  );

  it.runIf(hasInterpreter).each(Object.entries(programs))(
    `as on the interpreter: %s${needsInterpreter}`,
    async (_title, program) => {
      const { text } = await runInterpreter(program);
      const plain = withoutPrompt(text.slice(text.indexOf("Donate")));
      const real = plain
        .split("\n")
        .slice(1)
        .filter((line) => line.trim() !== "");
      expect(onBoard(program)).toEqual(real);
    },
  );

  it("refuses what moves files or repeats itself at every start", () => {
    const lines = onBoard(
      ["write", "erase", "open", "compact", "eraseAll", "writeJSON"]
        .map((name) => `try{require("Storage").${name}("a","b")}catch(e){print(e.message)}`)
        .join("\n") + "\ntry{Math.random()}catch(e){print(e instanceof Error, e.message)}",
    );
    expect(lines.slice(0, 6).every((line) => line.endsWith("is banned after the factory"))).toBe(
      true,
    );
    expect(lines[6]).toBe("true Math.random is banned on the device");
  });

  it("has AES only where the board has it", () => {
    const code = 'print(typeof AES, typeof require("crypto").AES)';
    expect(onBoard(code, linux)).toEqual(["undefined undefined"]);
    expect(onBoard(code, puckjs)).toEqual(["object object"]);
  });

  it("encrypts AES-128-CTR like FIPS 197's block cipher", () => {
    const zero = "new Uint8Array(16)";
    const code = `print(new Uint8Array(AES.encrypt(new Uint8Array(5),${zero},{iv:${zero},mode:"CTR"})))`;
    expect(onBoard(code)).toEqual(["new Uint8Array([102, 233, 75, 212, 239])"]);
  });

  it("draws the same hwRand numbers at every start", () => {
    const code = "print(E.hwRand(),E.hwRand())";
    expect(onBoard(code)).toEqual(onBoard(code));
  });

  it("has no network module on boards without a network", () => {
    expect(onBoard('try{require("net")}catch(e){print(e.message)}', puckjs)).toEqual([
      'Module "net" not found',
    ]);
  });

  it("lets a simulated clock drive Date and getTime", () => {
    expect(onBoard("setTimeout(function(){print(Date.now(),getTime())},100)")).toEqual([
      "1750000000100 0.1",
    ]);
  });
});
