import { fileURLToPath } from "node:url";
import { boards } from "../../../boards/index.ts";
import { LmsPrivateKey } from "../../../firmware/protocol/host/lms/index.ts";
import { buildCore, frameworkSources } from "../../cli/build/index.ts";
import { finishText, lowerChecked } from "../../cli/build/text.ts";
import type { Shape } from "../../espruino/interpreter.ts";

/** Published digests. Source: FIPS 180-4 examples; NIST CAVP SHA256ShortMsg, 8 and 16 bits */
const vectors: [text: string, hex: string][] = [
  ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
  ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  [
    "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
  ],
  ["\xd3", "28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba9802c1"],
  ["\x11\xaf", "5ca7133fa735326081558ac312c620eeca9970d1e70a4b95533d956f072d1f98"],
];

export const shaVectors = vectors.length;
/** Bytes and blocks of the long message: 16 blocks of data and one of padding. */
export const longBytes = 1024;
export const longBlocks = 17;
/** Runs between the marks "AT long" and "AT longEnd", "AT verify" and "AT verifyEnd". */
export const longRuns = 5;
export const verifyRuns = 3;

/** The program that measures, and a flash with the hash and the LMS part of a BBC micro:bit 2 in it, as the build makes
 *  them. Source: RFC 8554; the texts are firmware/crypto/sha256.ts, firmware/core/parts/lms.ts */
export async function shaProgram(shape: Shape): Promise<{ program: string; storage: Uint8Array }> {
  const board = boards.microbit2!;
  const options = { pretokenise: true };
  const core = await buildCore(board, frameworkSources(board), options);
  const part = core.parts.find(({ name }) => name === "lms")!;
  const isInPage0 = part.address < board.pageBytes;
  const texts = isInPage0 ? core.page0Text : core.coreText;
  const from = part.address - (isInPage0 ? 0x240 : board.plan.corePage * board.pageBytes + 32);
  const lowered = await lowerChecked(
    fileURLToPath(new URL("./hash.ts", import.meta.url)),
    "framework",
    options,
  );
  // As in every part, Uint8Array is a member of its first parameter there.
  const hash = await finishText(lowered, "part", board, core.names, options);
  const storage = storageOf(shape, [
    ["sha", hash],
    ["lms", texts.slice(from, from + part.bytes)],
  ]);
  return { program: programText(core.names), storage };
}

function storageOf(shape: Shape, files: [name: string, text: string][]): Uint8Array {
  const storage = new Uint8Array(shape.totalBytes).fill(255);
  let at = 0;
  for (const [name, text] of files) {
    new DataView(storage.buffer).setUint32(at, text.length, true);
    storage.fill(0, at + 4, at + 32);
    storage.set(Buffer.from(name), at + 4);
    storage.set(Buffer.from(text, "latin1"), at + 32);
    at += (32 + text.length + 7) & ~7;
  }
  return storage;
}

/** Bytes as a program's text: a list of numbers would not fit into the interpreter's memory. */
const bytes = (data: Uint8Array) =>
  `E.toUint8Array(atob("${Buffer.from(data).toString("base64")}"))`;

function programText(n: Record<string, string>): string {
  const key = LmsPrivateKey.generate({
    height: 10,
    identifier: new Uint8Array(16).fill(7),
    seed: new Uint8Array(24).fill(9),
  });
  const message = Uint8Array.from({ length: 120 }, (_, i) => i);
  return `
var S=require("Storage"),native=require("crypto").SHA256,blocks=0;
var block=function(){blocks++};block.${n.Bytes}=Uint8Array;var hash=eval(S.read("sha"))(block);
var hex=function(b){b=new Uint8Array(b);var s="";for(var i=0;i<b.length;i++)s+=(b[i]+256).toString(16).substr(1);return s};
var wrong=${JSON.stringify(vectors)}.filter(function(v){return hex(hash(v[0]))!==v[1]}).map(function(v){return v[0]});
var same=true;for(var i=0;i<140;i++){var m=new Uint8Array(i);for(var j=0;j<i;j++)m[j]=i*j;same=same&&hex(hash(m))===hex(native(m))}
var median=function(runs,f){var t=[];for(var i=0;i<runs;i++){var a=getTime();f();t.push((getTime()-a)*1000)}
return t.sort(function(a,b){return a-b})[runs>>1]};
var long=new Uint8Array(${longBytes}),short=new Uint8Array(47);
print("AT long");var longMs=median(${longRuns},function(){hash(long)});print("AT longEnd");
var R={wrong:wrong,same:same,longMs:longMs,shortMs:median(9,function(){hash(short)}),
nativeLongMs:median(9,function(){for(var i=0;i<100;i++)native(long)})/100,nativeShortMs:median(9,function(){for(var i=0;i<100;i++)native(short)})/100};
var H={${n.cat}:E.toUint8Array,${n.sha ?? "sha"}:function(d){return new Uint8Array(hash(d))},${n.hash ?? "hash"}:hash};
var K={${n.h}:H,${n.Bytes}:Uint8Array,${n.cut}:function(b,o,l){return new Uint8Array(b.buffer,b.byteOffset+o,l)},
${n.same}:function(a,b){for(var i=0,d=a.length^b.length;i<a.length;i++)d|=a[i]^b[i];return d===0}};
var L=eval(S.read("lms"))(K),pub=${bytes(key.publicKey)},msg=${bytes(message)},sig=${bytes(key.sign(5, message))};long=null;
print("AT verify");var ok=true;R.verifyMs=median(${verifyRuns},function(){blocks=0;var s=new Uint8Array(sig);ok=ok&&L(pub,msg,s)===true});print("AT verifyEnd");R.verifyBlocks=blocks;
sig[100]^=1;R.good=ok&&L(pub,msg,sig)===false;
var per=function(f){return median(5,f)/2000*1000};
R.loopUs=per(function(){var n=2000;while(n--){Math.random();Math.random()}});
print("MEASURED"+JSON.stringify(R));
`;
}
